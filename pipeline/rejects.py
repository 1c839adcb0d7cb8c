"""The limit on rejected rows."""

from collections.abc import Sequence

from pipeline.errors import PipelineError
from pipeline.ledger.load import LoadProgress, RejectedKind
from pipeline.limits import RowLimit
from pipeline.wording import counted


class TooManyRejectsError(PipelineError):
    """Stop without reports: more rows are rejected than the limit allows."""

    exit_code = 3

    def __init__(self, message: str, kinds: Sequence[RejectedKind], loads: Sequence[LoadProgress]) -> None:
        super().__init__(message)
        self.kinds = kinds  # the commonest
        self.loads = loads


def check_rejects(
    rejected: int,
    row_count: int,
    limit: RowLimit,
    outcome: str,
    kinds: Sequence[RejectedKind] = (),
    loads: Sequence[LoadProgress] = (),
) -> None:
    """Raises TooManyRejectsError, with the outcome in its message, if more of the rows are rejected.

    The error holds `kinds`, the commonest reasons, and `loads`, which the caller may show.
    """
    if rejected > limit.of(row_count):
        are = "is" if rejected == 1 else "are"
        raise TooManyRejectsError(
            f"{rejected:,} of {counted(row_count, 'row')} {are} rejected, more than --max-rejects {limit} allows;"
            f" {outcome}",
            kinds,
            loads,
        )
