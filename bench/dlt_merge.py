"""`python dlt_merge.py FILE FOLDER`: merges people into PostgreSQL with dlt, by row number.

FOLDER keeps dlt's state. Rows are yielded in lists and travel as CSV files, the faster choices of those that dlt
offers. Runs in the environment of `make bench-peers`, where this project is not installed.
"""

import csv
import sys
from collections.abc import Iterator
from itertools import islice

import dlt

ROWS_AT_A_TIME = 10_000


@dlt.resource(
    name="people",
    primary_key="row_number",
    write_disposition="merge",
    columns={"row_number": {"data_type": "bigint"}, "date_of_birth": {"data_type": "date"}},
    file_format="csv",
)
def people(path: str) -> Iterator[list[dict[str, object]]]:
    with open(path, encoding="utf-8", newline="") as file:
        rows = ({"row_number": number, **row} for number, row in enumerate(csv.DictReader(file), 1))
        while some := list(islice(rows, ROWS_AT_A_TIME)):
            yield some


def main() -> None:
    path, folder = sys.argv[1:]
    pipeline = dlt.pipeline("bench", pipelines_dir=folder, destination="postgres", dataset_name="bench")
    print(pipeline.run(people(path)))


if __name__ == "__main__":
    main()
