"""How many rejected rows are too many."""

from pipeline.errors import PipelineError
from pipeline.limits import RowLimit


class TooManyRejectsError(PipelineError):
    """Stop without reports: more rows are rejected than the limit allows."""

    exit_code = 3


def check_rejects(rejected: int, row_count: int, limit: RowLimit, outcome: str) -> None:
    """Raises TooManyRejectsError, with the outcome in its message, if more of the rows are rejected."""
    if rejected > limit.of(row_count):
        raise TooManyRejectsError(
            f"{rejected:,} of {row_count:,} rows are rejected, more than --max-rejects {limit} allows; {outcome}"
        )
