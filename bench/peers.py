"""Other people's tools, which `make bench-peers` installs. One that is not installed is skipped."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from bench.harness import EMPTY, SQL, Harness, People
from bench.measure import Command, Measured
from pipeline import PROJECT

ENVIRONMENT = PROJECT / "bench/.peers"
PACKAGES = ("csvkit>=2,<3", "psycopg2-binary>=2.9.9", "dlt[postgres]>=1,<2")


@dataclass(frozen=True)
class Peer:
    name: str
    find: Callable[[], Path | None]
    outcome: str
    measure: Callable[[Harness, People], Measured]
    table: str

    def missing(self) -> str | None:
        return None if self.find() else "not installed, `make bench-peers` installs it"

    def run(self, harness: Harness, people: People) -> Iterator[tuple[str, Measured]]:
        harness.fresh_database(EMPTY)
        with harness.cursor() as cursor:
            cursor.execute((SQL / "bare.sql").read_text())
        measured = self.measure(harness, people)
        yield self.outcome, replace(measured, verified_rows=harness.verify_count(self.table, people.count))


def in_environment(name: str) -> Path | None:
    path = ENVIRONMENT / "bin" / name
    return path if path.exists() else None


def pgloader() -> Path | None:
    found = shutil.which("pgloader")
    return Path(found) if found else None


def with_pgloader(harness: Harness, people: People) -> Measured:
    variables = {"DATABASE_URL": harness.url(), "PEOPLE_CSV": str(people.folder / "people.csv")}
    line: list[str | Path] = [
        "pgloader",
        "--on-error-stop",
        "--root-dir",
        f"{harness.scratch}/pgloader/",
        SQL / "pgloader.load",
    ]
    return harness.measure(Command(line, {**harness.client_environment(), **variables}, people.folder))


def with_csvsql(harness: Harness, people: People) -> Measured:
    """Without inferring types, which the table knows, and with inserts of many rows."""
    parts = urlsplit(harness.url())
    address = f"{parts.hostname}:{parts.port or 5432}"
    options = ["--insert", "--no-create", "--no-inference", "--snifflimit", "0", "--chunk-size", "10000"]
    target = ["--db", f"postgresql+psycopg2://{parts.username}@{address}{parts.path}", "--tables", "people_bare"]
    line: list[str | Path] = [ENVIRONMENT / "bin/csvsql", *target, *options, people.folder / "people.csv"]
    return harness.measure(Command(line, harness.client_environment(), people.folder))


def with_dlt(harness: Harness, people: People) -> Measured:
    state = harness.scratch / "dlt"
    shutil.rmtree(state, ignore_errors=True)
    settings = {
        "DESTINATION__POSTGRES__CREDENTIALS": harness.url(),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DLT_DATA_DIR": str(state),
    }
    line: list[str | Path] = [
        ENVIRONMENT / "bin/python",
        SQL.parent / "dlt_merge.py",
        people.folder / "people.csv",
        state,
    ]
    return harness.measure(Command(line, {**harness.client_environment(), **settings}, harness.scratch))


PEERS = (
    Peer("pgloader", pgloader, "pgloader, bare table", with_pgloader, "people_bare"),
    Peer("csvsql", partial(in_environment, "csvsql"), "csvsql, bare table", with_csvsql, "people_bare"),
    Peer("dlt", partial(in_environment, "dlt"), "dlt, merge", with_dlt, "bench.people"),
)


def install() -> int:
    """csvkit and dlt into an environment of their own, pgloader from the distribution; 1 if one is left out."""
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    pip: list[str | Path] = [ENVIRONMENT / "bin/pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *PACKAGES], check=True)
    if pgloader() is None:
        apt_get = shutil.which("apt-get") or ""
        commands = [[apt_get, "update", "--quiet"], [apt_get, "install", "--yes", "--quiet", "pgloader"]]
        if (
            os.geteuid()
            or not apt_get
            or any(subprocess.run(command, stdout=subprocess.DEVNULL).returncode for command in commands)
        ):
            print("pgloader is not installed: install your distribution's package of it as root", file=sys.stderr)
    missing = [f"{peer.name}: {reason}" for peer in PEERS if (reason := peer.missing())]
    print("\n".join(missing) or f"{', '.join(peer.name for peer in PEERS)} are installed")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(install())
