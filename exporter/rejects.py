"""How many rejected rows are too many."""

from collections.abc import Sequence

from pipeline.errors import PipelineError
from pipeline.ledger import LoadProgress, RejectedKind
from pipeline.limits import RowLimit
from pipeline.terminal import counted


class TooManyRejectsError(PipelineError):
    """Done, but more rows are rejected than the limit allows."""

    exit_code = 3

    def __init__(self, message: str, kinds: Sequence[RejectedKind], loads: Sequence[LoadProgress]) -> None:
        super().__init__(message)
        self.kinds = kinds  # the commonest
        self.loads = loads


def check_rejects(loads: Sequence[LoadProgress], kinds: Sequence[RejectedKind], limit: RowLimit) -> None:
    """Raises TooManyRejectsError if the loads together hold more; `kinds` are the commonest reasons."""
    rejected = sum(load.rejected for load in loads)
    read = sum(load.row_count for load in loads)
    if rejected > limit.of(read):
        raise TooManyRejectsError(
            f"{rejected:,} of {counted(read, 'row')} are rejected, more than --max-rejects {limit} allows; the reports"
            " are as they were; standard output has the commonest reasons, the table rejected_rows lists all, and so"
            " does rejected_rows.csv after a run with a higher limit",
            kinds,
            loads,
        )
