"""What `check` prints."""

from collections.abc import Iterator

from inspection.check import CheckedFile
from pipeline.datasets.outcome import Rejected
from pipeline.url import Location
from pipeline.wording import counted


def check_lines(found: CheckedFile) -> Iterator[str]:
    """What is wrong with a file: one line for the file, and one for each rule that its rows break."""
    if found.fault is not None:
        yield found.fault
        return
    bad = found.problems.row_count
    problems = f"{bad:,} with problems" if bad else "no problems"
    yield f"{found.path}: {counted(found.row_count, 'row')}, {problems}"
    yield from (f"  {line}" for line in found.problems.lines())
    yield from (f"  not checked: {reference}" for reference in found.unchecked)


def row_line(path: Location, bad: Rejected) -> str:
    """Such as: people.csv line 42: date_of_birth '1990-13-02' is not a date (YYYY-MM-DD)."""
    return f"{path} line {bad.row.line}: {'; '.join(map(str, bad.faults))}"
