"""What reading costs: CPU of the first pass, memory of the producer, and throughput with bad rows.

Prints one line a figure. Starts servers of its own; needs about two minutes and 1 GB of disk.

Example:
  .venv/bin/python bench/reading.py
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from pipeline.datasets.people import People

from pipeline import PROJECT
from pipeline.database import Database
from pipeline.embedded import servers
from pipeline.schema import apply_schema
from producer.scan import scan
from producer.sources import Source

RUNS = 3
WORKERS = 2
Rewrite = Callable[[int, list[str]], list[str]]


def generate(folder: Path, people: int) -> Path:
    subprocess.run(
        [sys.executable, PROJECT / "data/generate.py", "--people", str(people), "--output", folder],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder


def rewritten(folder: Path, target: Path, rewrite: Rewrite, quoting: int) -> Path:
    """A copy of a folder whose people were rewritten, each with its number."""
    target.mkdir()
    (target / "places.csv").write_bytes((folder / "places.csv").read_bytes())
    with (folder / "people.csv").open(newline="") as source, (target / "people.csv").open("w", newline="") as file:
        rows = csv.reader(source)
        writer = csv.writer(file, lineterminator="\n", quoting=quoting)
        writer.writerow(next(rows))
        writer.writerows(rewrite(number, row) for number, row in enumerate(rows))
    return target


def unquoted(_: int, row: list[str]) -> list[str]:
    return [field.replace(",", "").replace('"', "") for field in row]


def bad_every(step: int) -> Rewrite:
    """Every such row has a date that is none."""
    return lambda number, row: [*row[:2], "never", row[3]] if number % step == 0 else row


def first_pass_cpu(path: Path) -> float:
    """CPU seconds of one first pass, median of the runs."""
    seconds = []
    for _ in range(RUNS):
        start = time.process_time()
        with path.open("rb") as file:
            scan(Source("people.csv", path, People), file, chunk_rows=None)
        seconds.append(time.process_time() - start)
    return median(seconds)


class Pipeline:
    """The stages as processes on servers of their own."""

    def __init__(self, urls: servers.Servers) -> None:
        self._database = Database(urls.database_url, "bench")
        self._environment = {**os.environ, "DATABASE_URL": urls.database_url, "REDIS_URL": urls.redis_url}
        apply_schema(self._database)
        self._database = Database(urls.database_url, "bench")

    def load(self, data: Path) -> tuple[float, int]:
        """Seconds from the producer's start to the last commit, and peak memory of the producer in bytes."""
        with self._database.transaction() as tx:
            tx.run(
                "TRUNCATE people, rejected_rows, chunk_texts, load_chunks, loads, sources,"
                " places_listings, places, counties, countries"
            )
        workers = [self._start("worker") for _ in range(WORKERS)]
        time.sleep(1)  # their start is not measured
        start = time.time()
        producer = self._start("producer", DATA_DIR=str(data))
        _, status, usage = os.wait4(producer.pid, 0)
        if status:
            raise SystemExit("the producer failed")
        while not self._complete():
            time.sleep(0.01)
        seconds = time.time() - start
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()
        return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    def _start(self, stage: str, **settings: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", stage],
            env={**self._environment, **settings},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _complete(self) -> bool:
        with self._database.transaction() as tx:
            return bool(tx.value("SELECT coalesce(bool_and(complete), false) FROM load_progress"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--people", type=int, default=1_000_000, metavar="N", help="rows (default: 1000000)")
    people = parser.parse_args().people
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        data = generate(folder / "data", people)
        plain = rewritten(data, folder / "plain", unquoted, csv.QUOTE_MINIMAL)
        quoted = rewritten(data, folder / "quoted", lambda _, row: row, csv.QUOTE_ALL)
        print(f"first pass, {people} rows without quotes: {first_pass_cpu(plain / 'people.csv'):.2f} s CPU")
        print(f"first pass, {people} rows, every field quoted: {first_pass_cpu(quoted / 'people.csv'):.2f} s CPU")
        with servers.running(folder / "state") as urls:
            pipeline = Pipeline(urls)
            pipeline.load(data)  # so that the server's files are there
            variants = {"no": data}
            for share, step in (("1 %", 100), ("10 %", 10), ("100 %", 1)):
                variants[share] = rewritten(data, folder / share, bad_every(step), csv.QUOTE_MINIMAL)
            seconds: dict[str, list[float]] = {share: [] for share in variants}
            for _ in range(RUNS):
                for share, variant in variants.items():  # in turn, so that a slow moment meets all of them
                    seconds[share].append(pipeline.load(variant)[0])
            for share, measured in seconds.items():
                ratio = median(measured) / median(seconds["no"])
                print(f"{people} rows, {share} bad: {people / median(measured):,.0f} rows/s, {ratio:.2f} of the time")
            peaks = {}
            for count in (people, 10 * people):
                big = generate(folder / f"people {count}", count)
                peaks[count] = pipeline.load(big)[1]
                print(f"producer at {count} rows: {peaks[count] / 1e6:.1f} MB at its peak")


if __name__ == "__main__":
    main()
