"""results.md and results.json: what each case took and used."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.cases import PIPELINE, QUEUEING
from bench.harness import Harness
from bench.measure import Measured
from bench.processes import PROC

KINDS = ("producer", "workers", "exporter", "client", "Redis", "PostgreSQL")
SETTINGS = ("fsync", "synchronous_commit", "wal_level", "shared_buffers", "max_wal_size", "autovacuum")
NOTES = Path(__file__).parent / "notes.md"


@dataclass
class Outcome:
    """What was measured under one name, in each round."""

    name: str
    rows: int  # of the largest table
    baseline: str  # name of the outcome that it is compared with
    runs: list[Measured] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return median(run.seconds for run in self.runs)

    @property
    def total_cpu(self) -> float:
        return median(run.total_cpu for run in self.runs)

    def spread(self) -> tuple[float, float]:
        return min(run.seconds for run in self.runs), max(run.seconds for run in self.runs)

    def cpu(self, kind: str) -> float | None:
        """Median of the seconds; None if no such process took part, or it could not be seen."""
        seen = [run.cpu[kind] for run in self.runs if kind in run.cpu]
        return median(seen) if seen else None

    def memory(self, kind: str) -> int | None:
        """The highest peak of all rounds, in bytes; None as for the CPU."""
        seen = [run.memory[kind] for run in self.runs if kind in run.memory]
        return max(seen) if seen else None


def about(harness: Harness, rows: int, rounds: int) -> dict[str, Any]:
    """What was measured where, as it is before the first run."""
    models = [line.partition(":")[2].strip() for line in _lines("cpuinfo") if line.startswith("model name")]
    memory = next(int(line.split()[1]) * 1024 for line in _lines("meminfo") if line.startswith("MemTotal"))
    return {
        "rows": rows,
        "rounds": rounds,
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory": memory,
        "kernel": platform.release(),
        "file system": _file_system(harness.scratch),
        "Python": platform.python_version(),
        **harness.versions(),
        "settings": harness.settings(SETTINGS),
        "load average before": os.getloadavg(),
    }


def write(
    folder: Path, about: dict[str, Any], outcomes: list[Outcome], skipped: dict[str, str], failed: dict[str, str]
) -> Path:
    """Writes both files; returns the path of the one to read."""
    share = queueing_share(outcomes)
    about = {**about, "load average after": os.getloadavg()}
    results = {
        "about": about,
        "outcomes": {outcome.name: _as_json(outcome, outcomes) for outcome in outcomes},
        "queueing_share_of_cpu": share,
        "skipped": skipped,
        "failed": failed,
    }
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    sections = [
        f"# {about['rows']:,} rows, {about['rounds']} {'round' if about['rounds'] == 1 else 'rounds'}",
        _where(about, outcomes),
        _times(outcomes),
        _cpu(outcomes),
        _memory(outcomes),
        _share(share, outcomes),
        *(f"{name}: skipped: {reason}" for name, reason in skipped.items()),
        *(f"{name}: failed: {reason}" for name, reason in failed.items()),
        NOTES.read_text().rstrip(),
    ]
    path = folder / "results.md"
    path.write_text("\n\n".join(filter(None, sections)) + "\n")
    return path


def ratio(outcome: Outcome, outcomes: list[Outcome]) -> float | None:
    """The seconds as a multiple of what the baseline took in the same run."""
    baseline = _baseline(outcome, outcomes)
    return outcome.seconds / baseline.seconds if baseline else None


def cpu_ratio(outcome: Outcome, outcomes: list[Outcome]) -> float | None:
    """As `ratio`, of CPU seconds."""
    baseline = _baseline(outcome, outcomes)
    return outcome.total_cpu / baseline.total_cpu if baseline else None


def queueing_share(outcomes: list[Outcome]) -> float | None:
    """What queueing alone takes, as a part of all CPU that the pipeline takes for the same rows."""
    totals = {outcome.name: outcome.total_cpu for outcome in outcomes}
    return totals[QUEUEING] / totals[PIPELINE] if {QUEUEING, PIPELINE} <= totals.keys() else None


def _baseline(outcome: Outcome, outcomes: list[Outcome]) -> Outcome | None:
    return next((each for each in outcomes if each.name == outcome.baseline), None)


def _as_json(outcome: Outcome, outcomes: list[Outcome]) -> dict[str, Any]:
    lowest, highest = outcome.spread()
    return {
        "rows": outcome.rows,
        "seconds": {"median": outcome.seconds, "min": lowest, "max": highest},
        "rows_per_second": outcome.rows / outcome.seconds,
        "baseline": outcome.baseline,
        "ratio_to_baseline": ratio(outcome, outcomes),
        "cpu_ratio_to_baseline": cpu_ratio(outcome, outcomes),
        "runs": [asdict(run) for run in outcome.runs],
    }


def _where(about: dict[str, Any], outcomes: list[Outcome]) -> str:
    before, after = (", ".join(f"{load:.2f}" for load in about[f"load average {when}"]) for when in ("before", "after"))
    runs = [run for outcome in outcomes for run in outcome.runs]
    others = sum(run.other_cpu for run in runs) / (about["cores"] * sum(run.seconds for run in runs))
    settings = ", ".join(f"{name} {value}" for name, value in about["settings"].items())
    return (
        f"{about['cores']} cores of {about['cpu']}, {about['memory'] / 2**30:.0f} GiB, {about['file system']},"
        f" Linux {about['kernel']}, Python {about['Python']}, PostgreSQL {about['PostgreSQL']}, {about['Redis']}."
        f" PostgreSQL's settings: {settings}. Load average of the machine before: {before}; after: {after};"
        f" other processes took {others:.0%} of its CPU during the runs."
    )


def _times(outcomes: list[Outcome]) -> str:
    rows = []
    for outcome in outcomes:
        lowest, highest = outcome.spread()
        rows.append(
            [
                outcome.name,
                f"{outcome.seconds:.2f}",
                f"{lowest:.2f}–{highest:.2f}",
                f"{outcome.rows / outcome.seconds:,.0f}",
                _number(ratio(outcome, outcomes), 2),
            ]
        )
    return _table(["", "seconds", "min–max", "rows/s", "× baseline"], rows)


def _cpu(outcomes: list[Outcome]) -> str:
    rows = [
        [
            outcome.name,
            *(_number(outcome.cpu(kind), 2) for kind in KINDS),
            f"{outcome.total_cpu:.2f}",
            _number(cpu_ratio(outcome, outcomes), 2),
            f"{median(run.other_cpu for run in outcome.runs):.2f}",
        ]
        for outcome in outcomes
    ]
    return _table(["CPU seconds", *KINDS, "sum", "× baseline", "others on the machine"], rows)


def _memory(outcomes: list[Outcome]) -> str:
    rows = [
        [outcome.name, *(_number(size and size / 1e6, 0) for size in map(outcome.memory, KINDS))]
        for outcome in outcomes
    ]
    return _table(["peak memory, MB", *KINDS], rows)


def _share(share: float | None, outcomes: list[Outcome]) -> str:
    if share is None:
        return ""
    cpu = {outcome.name: outcome.total_cpu for outcome in outcomes}
    return (
        f"Queueing takes {cpu[QUEUEING]:.2f} s of the {cpu[PIPELINE]:.2f} s of CPU that the pipeline takes:"
        f" {share:.0%}."
    )


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _lines(name: str) -> list[str]:
    return (PROC / name).read_text().splitlines()


def _file_system(path: Path) -> str:
    """Such as ext4: of the longest mount point that is above the path."""
    mounts = [line.split()[1:3] for line in _lines("mounts")]
    below = [(len(point), kind) for point, kind in mounts if path.resolve().is_relative_to(point)]
    return max(below)[1]
