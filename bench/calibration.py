"""`python -m bench.calibration`: CPU seconds of a loop that parses, hashes and joins, as the pipeline does."""

import csv
import hashlib
import io
import time

ROWS = 20_000
ROUNDS = 100


def main() -> None:
    text = "".join(f'Margaret,"Seymour, {number}",1901-02-03,Berwick-upon-Tweed\n' for number in range(ROWS))
    start = time.process_time()
    for _ in range(ROUNDS):
        rows = list(csv.reader(io.StringIO(text, newline="")))
        lines = [f"{number}\t{given}\t{family}\n" for number, (given, family, _, _) in enumerate(rows)]
        hashlib.sha256("".join(lines).encode()).hexdigest()
    print(time.process_time() - start)


if __name__ == "__main__":
    main()
