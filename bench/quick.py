"""Whether the pipeline's CPU per row has become worse, compared with a loop that runs on the same machine.

By CPU and not by the clock, and by the lowest of several runs, since other load can only add to either. On a busy
machine the ratio of the lowest of five differed by 9 % from one time to another, where single runs differed by 40 %.
"""

import json
import subprocess
import sys
from pathlib import Path

from bench.cases import run_pipeline
from bench.harness import SCHEMA, Harness, generate_people
from pipeline import PROJECT

PEOPLE = 200_000
ROUNDS = 5
WORKERS = 2
CALIBRATION_ROUNDS = 100  # for as many people as PEOPLE
TOLERANCE = 0.25  # by which the ratio may be higher than the stored one
FILE = "quick.json"


def guard(harness: Harness, count: int, rounds: int, folder: Path, *, store: bool) -> int:
    """Prints the ratio now and the stored one; returns 1 if it is worse by more than the tolerance. Or stores it."""
    path = folder / FILE
    if not store and not path.exists():
        raise SystemExit(f"{path} is missing; --quick --store makes it")
    now = _ratio(harness, count, rounds)
    if store:
        path.write_text(json.dumps({"people": count, "ratio": round(now, 3)}) + "\n")
        print(f"{now:.2f} stored in {path}")
        return 0
    stored = json.loads(path.read_text())
    if stored["people"] != count:
        raise SystemExit(f"{path} was stored with {stored['people']} people, not {count}; --quick --store renews it")
    is_worse = now > stored["ratio"] * (1 + TOLERANCE)
    print(
        f"CPU of a million rows / CPU of the calibration: {now:.2f} now, {stored['ratio']:.2f} stored"
        f" ({now / stored['ratio'] - 1:+.0%}, up to {TOLERANCE:+.0%} passes): {'worse' if is_worse else 'passed'}"
    )
    return 1 if is_worse else 0


def _ratio(harness: Harness, count: int, rounds: int) -> float:
    people = generate_people(harness.scratch / "data", count)
    harness.make_templates(people)
    pipeline, calibration = [], []
    for _ in range(rounds):
        calibration.append(_calibration_cpu(count))
        harness.fresh_database(SCHEMA)
        pipeline.append(run_pipeline(harness, people, WORKERS).total_cpu * 1_000_000 / count)
        print(f"{pipeline[-1]:.2f} s of CPU a million rows, calibration {calibration[-1]:.2f} s", flush=True)
    return min(pipeline) / min(calibration)


def _calibration_cpu(count: int) -> float:
    """CPU seconds of the loop's rounds for PEOPLE, from as many rounds as `count` people are worth.

    There are as many loops at once as there are workers: cores that share a cache slow each other.
    """
    rounds = max(CALIBRATION_ROUNDS * count // PEOPLE, 1)
    command = [sys.executable, "-m", "bench.calibration", str(rounds)]
    loops = [subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) for _ in range(WORKERS)]
    return sum(float(loop.communicate()[0]) for loop in loops) / WORKERS * CALIBRATION_ROUNDS / rounds
