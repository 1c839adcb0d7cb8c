"""`python -m bench`: the pipeline next to the least that PostgreSQL takes for the same rows, and to other tools."""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench import quick, report, wide
from bench.case import Case
from bench.cases import people_cases
from bench.checkouts import checkout_cases
from bench.harness import Harness, generate_people
from bench.measure import FailedError
from bench.peers import PEERS
from bench.report import Outcome
from bench.wide import wide_cases
from pipeline.embedded import servers
from pipeline.errors import PipelineError

BENCH = Path(__file__).parent
NAMES = ("pipeline", "per-row", "workers", "small", "queueing", "psql", *wide.NAMES, *(peer.name for peer in PEERS))

EXAMPLES = """
Examples:
  python -m bench
  python -m bench --people 100000 --rounds 5 --only pipeline psql
  python -m bench --quick
  git worktree add ../before HEAD~1 && make -C ../before .venv/bin/pipeline
  python -m bench --other ../before --rounds 5 --output /tmp

Needs Linux. PostgreSQL and Valkey are started for the run, unless DATABASE_URL and REDIS_URL name others.
"""


def main() -> int:
    options = parsed()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers and files do not stay behind
    with harness_for(options) as harness:
        if options.quick:
            count = options.people or quick.PEOPLE
            rounds = options.rounds or quick.ROUNDS
            return quick.guard(harness, count, rounds, options.output, store=options.store)
        return run_cases(harness, options)


def run_cases(harness: Harness, options: argparse.Namespace) -> int:
    """All cases in turn, round after round, so that a slow moment meets all; 1 if one of them failed.

    Each round begins with another case, so that none is always the first.
    """
    count, rounds = options.people or 1_000_000, options.rounds or 3
    if options.other:
        cases = checkout_cases(harness, count, options.only or ["pipeline"], options.other.resolve())
    else:
        cases = chosen_cases(harness, count, options.only or NAMES, large=options.large)
    skipped = {case.name: case.missing for case in cases if case.missing}
    for name, reason in skipped.items():
        print(f"{name}: skipped: {reason}", flush=True)
    cases = [case for case in cases if not case.missing]
    about = report.about(harness, count, rounds)
    outcomes: dict[str, Outcome] = {}
    failed: dict[str, str] = {}
    run(cases[0], 0, {})  # not counted: makes the server's files, which the first to write would pay for
    for number in range(1, rounds + 1):
        first = len(cases) * (number - 1) // rounds
        for case in cases[first:] + cases[:first]:
            if case.name not in failed:
                failed |= run(case, number, outcomes)
    options.output.mkdir(parents=True, exist_ok=True)
    written = report.write(options.output, about, list(outcomes.values()), skipped, failed)
    print(f"\n{written.read_text()}\n{written}")
    return 1 if failed else 0


def chosen_cases(harness: Harness, count: int, names: Sequence[str], *, large: bool) -> list[Case]:
    """The cases of these names, those of ten million people if wanted, and the baseline of the cases with people."""
    found = []
    if large or not set(names) <= set(wide.NAMES):
        print(f"generating {count:,} people", flush=True)
        cases = people_cases(harness, generate_people(harness.scratch / "data", count), large)
        found += [case for case in cases if case.name in (*names, "baseline", "large")]
    if not set(names).isdisjoint(wide.NAMES):
        print(f"generating {count:,} orders", flush=True)
        found += [case for case in wide_cases(harness, count) if case.name in names]
    return found


def run(case: Case, number: int, outcomes: dict[str, Outcome]) -> dict[str, str]:
    """Adds what a case's outcomes cost in this round; returns its name and the reason if it failed."""
    try:
        for name, measured in case.run():
            outcomes.setdefault(name, Outcome(name, case.rows, case.baseline)).runs.append(measured)
            print(f"round {number}: {name}: {measured.seconds:.2f} s, CPU {measured.total_cpu:.2f} s", flush=True)
    except FailedError as error:
        print(f"round {number}: {case.name} failed: {error}", flush=True)
        return {case.name: str(error)}
    return {}


@contextmanager
def harness_for(options: argparse.Namespace) -> Iterator[Harness]:
    """The servers that the environment names, or embedded ones with their state in the scratch folder."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=options.scratch)))
        scratch.chmod(0o755)  # root's stand-in must reach the servers' state in it
        database_url, redis_url = map(os.environ.get, ("DATABASE_URL", "REDIS_URL"))
        if not (database_url and redis_url):
            embedded = stack.enter_context(servers.running(scratch / "state"))
            database_url, redis_url = database_url or embedded.database_url, redis_url or embedded.redis_url
        harness = Harness(servers.Servers(database_url, redis_url), scratch, options.timeout)
        stack.callback(harness.leave)
        yield harness


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    number: dict[str, Any] = {"type": int, "metavar": "N"}
    parser.add_argument("--people", **number, help=f"rows of a case (default: 1000000; with --quick {quick.PEOPLE})")
    parser.add_argument("--rounds", **number, help=f"rounds (default: 3; with --quick {quick.ROUNDS})")
    parser.add_argument("--large", action="store_true", help="with ten million people too")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=NAMES,
        metavar="NAME",
        help=f"next to the baseline only some of {', '.join(NAMES)}",
    )
    parser.add_argument(
        "--other",
        type=Path,
        metavar="DIR",
        help="only this checkout's pipeline next to that of the checkout in DIR, which has its environment in .venv",
    )
    parser.add_argument("--timeout", type=float, default=900, metavar="SECONDS", help="of one run (default: 900)")
    parser.add_argument("--output", type=Path, default=BENCH, metavar="DIR", help="for the results (default: bench/)")
    parser.add_argument(
        "--scratch",
        type=Path,
        default="/var/tmp",  # noqa: S108 (on disk also where /tmp is in memory)
        metavar="DIR",
        help="for data and the servers' state, on the disk that is to be measured (default: /var/tmp)",
    )
    parser.add_argument("--quick", action="store_true", help="only whether CPU per row is worse than the stored one")
    parser.add_argument("--store", action="store_true", help="with --quick: store what is measured")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (FailedError, PipelineError) as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
