"""The benchmark itself, on a small file."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench import __main__ as bench
from bench import measure, quick
from bench.harness import Harness
from bench.measure import Command, Measured
from pipeline import PROJECT
from tests.conftest import Services
from tests.forked import start_forked

PEOPLE = 2_000
OUTCOMES = {
    "baseline: two parallel COPYs": PEOPLE,
    "pipeline, 2 workers": PEOPLE,
    "pipeline, unchanged": PEOPLE,
    "pipeline, one changed line": PEOPLE,
    "pipeline, key per row": PEOPLE,
    "baseline, 10,000 rows": 10_000,
    "pipeline, 10,000 rows": 10_000,
    "psql script": PEOPLE,
    "psql COPY, wide, by position": PEOPLE,
    "pipeline, wide, by position": PEOPLE,
    "pipeline, wide, by position, unchanged": PEOPLE,
    "psql COPY, wide, by key": PEOPLE,
    "pipeline, wide, by key": PEOPLE,
    "pipeline, wide, by key, unchanged": PEOPLE,
}
CASES = ("pipeline", "per-row", "small", "queueing", "psql", "by-position", "by-key")
STAGES = {"producer", "workers", "exporter"}
SERVERS = {"client", "Redis", "PostgreSQL"}


def fork_what_is_measured() -> None:
    """In the process of the benchmark: a new Python for each run would take 0.7 s of CPU more."""

    def start(line: Sequence[str | Path], env: dict[str, str], **options: Any) -> "subprocess.Popen[Any]":
        if line[:2] == [sys.executable, "-m"]:
            return start_forked([str(part) for part in line[2:]], env, **options)
        return subprocess.Popen(line, env=env, **options)

    vars(measure)["subprocess"] = SimpleNamespace(Popen=start, PIPE=subprocess.PIPE, DEVNULL=subprocess.DEVNULL)


def run_bench(services: Services, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ["bench", *arguments, "--people", str(PEOPLE), "--rounds", "1"]
    process = start_forked(command, services.environment, preexec_fn=fork_what_is_measured)
    out, err = process.communicate(timeout=180)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def test_the_benchmark_verifies_and_reports_each_case(services: Services, tmp_path: Path) -> None:
    ended = run_bench(services, "--output", str(tmp_path), "--only", *CASES)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["failed"] == results["skipped"] == {}
    assert results["about"]["settings"]["fsync"] == "off"  # as the servers of the tests have it
    assert 0 < results["queueing_share_of_cpu"] < 1
    assert results["outcomes"].keys() == {*OUTCOMES, "queueing alone", "hashing the wide file"}
    for name, rows in OUTCOMES.items():
        outcome = results["outcomes"][name]
        [run] = outcome["runs"]
        assert run["verified_rows"] == outcome["rows"] == rows, name
        stages = STAGES if name.startswith("pipeline") else set()  # some of them end too soon to be seen
        assert SERVERS <= run["cpu"].keys() <= SERVERS | stages, name
        assert "workers" in run["cpu"] or not stages, name
        assert all(seconds >= 0 for seconds in run["cpu"].values()), name
        assert run["seconds"] > 0, name
        assert outcome["ratio_to_baseline"] > 0, name
    report = (tmp_path / "results.md").read_text()
    assert all(f"| {name} |" in report for name in results["outcomes"])


def test_the_guard_fails_if_cpu_per_row_is_worse_than_stored(services: Services, tmp_path: Path) -> None:
    (tmp_path / "quick.json").write_text(json.dumps({"people": PEOPLE, "ratio": 0.001}))
    ended = run_bench(services, "--quick", "--output", str(tmp_path))
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "0.00 stored" in ended.stdout


@pytest.mark.parametrize(("now", "code"), [(0.1, 0), (1.24, 0), (1.26, 1)])
def test_the_guard_tolerates_a_quarter_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, now: float, code: int
) -> None:
    (tmp_path / "quick.json").write_text(json.dumps({"people": PEOPLE, "ratio": 1.0}))
    monkeypatch.setattr(quick, "_ratio", lambda *_: now)
    harness = cast(Harness, None)  # what is measured is given
    assert quick.guard(harness, PEOPLE, 1, tmp_path, store=False) == code


def test_two_checkouts_are_run_in_turn(services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each with its own Python and code. What they cost is given."""
    commands: list[Command] = []

    def measured(_: Harness, command: Command) -> Measured:
        commands.append(command)
        return Measured(1.0, {"client": 0.5}, {"client": 1}, 0.0)

    monkeypatch.setattr(Harness, "measure", measured)
    monkeypatch.setattr(Harness, "verify_count", lambda _, __, expected: expected)
    for name, value in services.environment.items():
        monkeypatch.setenv(name, value)
    other = tmp_path / "other"
    options = ["--people", "10", "--rounds", "1", "--only", "by-key", "--output", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["bench", "--other", str(other), *options])
    parsed = bench.parsed()
    with bench.harness_for(parsed) as harness:
        assert bench.run_cases(harness, parsed) == 0
    own = (sys.executable, PROJECT)
    each = [(str(other / ".venv/bin/python"), other), own]
    assert [(str(command.line[0]), command.folder) for command in commands] == [
        *each,
        *each,
    ]  # the first are not counted
    outcomes = json.loads((tmp_path / "results.json").read_text())["outcomes"]
    assert [outcome["ratio_to_baseline"] for outcome in outcomes.values()] == [1, 1]
    assert outcomes.keys() == {"other, by-key", "this checkout, by-key"}
