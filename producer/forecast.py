"""What loading a version would do with its source's rows, and whether that breaks a limit."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pipeline.cli.account import ranked
from pipeline.datasets.outcome import Rejected, Stored
from pipeline.errors import PipelineError
from pipeline.limits import RowLimit
from pipeline.wording import counted

REJECTS_WHERE_ROWS_ARE_LOADED = RowLimit.parse("50%")  # default of MAX_REJECTS
REASONS = 3  # that are named, the commonest first


@dataclass(frozen=True)
class Limits:
    """What a new version of a loaded source may do."""

    max_rejects: RowLimit | None = None  # of its rows; None: half of them, unless as many good ones are loaded now
    max_shrink: RowLimit | None = None  # of the rows that are loaded; None: no limit
    allow_empty: bool = False


class RefusedVersionError(PipelineError):
    """Stop, nothing was changed: a new version would replace good rows by none, or by too few."""

    exit_code = 3

    def __init__(self, message: str, forecasts: "Sequence[Forecast]") -> None:
        super().__init__(message)
        self.forecasts = forecasts  # of the versions that are refused


@dataclass
class Forecast:
    """What loading a version would do with its source's rows."""

    source: str
    dataset: str
    row_count: int
    loaded_rows: int  # that the table holds now
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    deleted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)  # rule -> rejected rows that break it
    examples: dict[str, str] = field(default_factory=dict)  # rule -> the first row that breaks it

    def __str__(self) -> str:
        return (
            f"{self.source}: a run would insert {self.inserted:,}, update {self.updated:,}, leave {self.unchanged:,}"
            f" unchanged, reject {self.rejected:,} of {self.row_count:,} rows, and delete {self.deleted:,}"
        )

    def add(self, stored: Stored) -> None:
        self.inserted += stored.inserted
        self.updated += stored.updated
        self.unchanged += stored.unchanged
        self.deleted += stored.deleted
        self.reject(stored.rejected)

    @property
    def good(self) -> int:
        """Rows that are not rejected, as far as they were looked at."""
        return self.row_count - self.rejected

    def reject(self, rejected: Iterable[Rejected]) -> None:
        for bad in rejected:
            self.rejected += 1
            for kind in {fault.kind: None for fault in bad.faults}:
                self.reasons[kind] += 1
                self.examples.setdefault(kind, f"line {bad.row.line}: {'; '.join(map(str, bad.faults))}")

    def commonest_reasons(self) -> list[str]:
        """One line for each of the commonest reasons, with an example."""
        commonest = self.reasons.most_common(REASONS)
        reasons = ranked(f"{count:,} x {kind}, such as {self.examples[kind]}" for kind, count in commonest)
        return [f"{self.source}: {reason}" for reason in reasons]


def could_break(forecast: Forecast, rows_left: int, limits: Limits) -> bool:
    """Whether the version may still turn out to break a limit, with so many of its rows not looked at."""
    good = forecast.row_count - forecast.rejected - rows_left
    worst = forecast.rejected + rows_left
    may_reject_too_many = worst > _allowed_rejects(forecast, limits, good)
    return not good or may_reject_too_many or limits.max_shrink is not None


def broken_limit(forecast: Forecast, limits: Limits) -> str | None:
    """Which limit the version breaks, with both counts; None if it breaks none."""
    good = forecast.good
    loaded = f"where {forecast.loaded_rows:,} {'row is' if forecast.loaded_rows == 1 else 'rows are'} loaded"
    if forecast.rejected > _allowed_rejects(forecast, limits, good):
        given = f"--max-rejects {limits.max_rejects or REJECTS_WHERE_ROWS_ARE_LOADED}"
        return (
            f"{forecast.rejected:,} of the {counted(forecast.row_count, 'row')} would be rejected, {loaded},"
            f" and {given} is the limit; correct the file, or raise the limit"
        )
    if not good and not limits.allow_empty:
        return f"it has no good row, {loaded}; correct the file, or allow it with --allow-empty"
    fewer = forecast.loaded_rows - good
    if limits.max_shrink is not None and max(fewer, forecast.deleted) > limits.max_shrink.of(forecast.loaded_rows):
        of_these = f", of which {forecast.deleted:,} would go" if forecast.deleted > fewer else f": {fewer:,} fewer"
        return (
            f"it has {counted(good, 'good row')}, {loaded}{of_these},"
            f" and --max-shrink {limits.max_shrink} is the limit; correct the file, or raise the limit"
        )
    return None


def _allowed_rejects(forecast: Forecast, limits: Limits, good: int) -> float:
    """How many rows may be rejected of a version with so many good ones, at least.

    The default never keeps a version out that has as many good rows as are loaded: what is loaded is no better.
    """
    if limits.max_rejects is None and good >= forecast.loaded_rows:
        return forecast.row_count
    return (limits.max_rejects or REJECTS_WHERE_ROWS_ARE_LOADED).of(forecast.row_count)
