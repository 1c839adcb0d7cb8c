"""`python -m bench.calibration ROUNDS`: CPU seconds of a loop that parses, hashes and joins, as the pipeline does."""

import csv
import hashlib
import io
import sys
import time

ROWS = 20_000  # of a round


def main() -> None:
    text = "".join(f'Margaret,"Seymour, {number}",1901-02-03,Berwick-upon-Tweed\n' for number in range(ROWS))
    start = time.process_time()
    for _ in range(int(sys.argv[1])):
        rows = list(csv.reader(io.StringIO(text, newline="")))
        lines = [f"{number}\t{given}\t{family}\n" for number, (given, family, _, _) in enumerate(rows)]
        hashlib.sha256("".join(lines).encode()).hexdigest()
    print(time.process_time() - start)


if __name__ == "__main__":
    main()
