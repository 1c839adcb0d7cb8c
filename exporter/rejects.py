"""How many rejected rows are too many."""

from collections.abc import Sequence

from pipeline.errors import PipelineError
from pipeline.ledger import LoadProgress
from pipeline.limits import RowLimit


class TooManyRejectsError(PipelineError):
    """Done, but more rows are rejected than the limit allows."""

    exit_code = 3


def check_rejects(loads: Sequence[LoadProgress], limit: RowLimit) -> None:
    """Raises TooManyRejectsError if the loads together hold more."""
    rejected = sum(load.rejected for load in loads)
    read = sum(load.row_count for load in loads)
    if rejected > limit.of(read):
        raise TooManyRejectsError(
            f"{rejected:,} of {read:,} rows are rejected, more than --max-rejects {limit} allows;"
            " the table rejected_rows lists them, and the reports are as they were"
        )
