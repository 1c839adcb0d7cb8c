"""`python -m bench.copying FILE`: copies lines in COPY's text format into people, in one transaction.

Waits with the text in memory and the connection open until a line comes from standard input. libpq's variables
name the database.
"""

import io
import sys
from pathlib import Path

import psycopg2

COLUMNS = "source_id, row_number, given_name, family_name, date_of_birth, place_id"


def main() -> None:
    text = io.StringIO(Path(sys.argv[1]).read_text(encoding="utf-8"), newline="")
    connection = psycopg2.connect("")
    print("ready", flush=True)
    sys.stdin.readline()
    with connection, connection.cursor() as cursor:
        cursor.copy_expert(f"COPY people ({COLUMNS}) FROM STDIN", text)


if __name__ == "__main__":
    main()
