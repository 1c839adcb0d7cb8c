"""The project's errors: the class says what the caller does, the message what the user does."""

from pipeline.ledger.chunk import MissingChunk


class PipelineError(Exception):
    """Stop: what happened, where, the value, the remedy, in one or two lines."""

    exit_code = 1

    def __init__(self, *lines: str) -> None:
        """Several lines are several faults; as text they are one line."""
        super().__init__("; ".join(lines))
        self.lines = lines


class SettingsError(PipelineError):
    """Stop before anything is changed: a setting is wrong, or what it names cannot be reached."""

    exit_code = 2


class RefusedTablesError(SettingsError):
    """Stop before anything is changed: tables cannot follow their descriptions. `lines` has each dataset's reason."""


class InputError(PipelineError):
    """Stop before anything is queued: a file is broken as a whole."""


class InUseError(PipelineError):
    """Stop, nothing was changed: rows that were to be removed are referred to by others."""


class DrainTimeoutError(PipelineError):
    """Stop waiting: the loads were not complete, or a server did not serve, in time."""

    exit_code = 4


class QueryError(PipelineError):
    """Go on without this report: its query is wrong, or one of its values cannot be computed."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position  # character of the query, from 1, if PostgreSQL knows


class TransientError(PipelineError):
    """A transient error: try the same again after a pause. The rows are not at fault."""


class CannotConnectError(TransientError):
    """A server cannot be reached, or takes no connection."""

    def __init__(self, message: str, *, is_permanent: bool, is_answered: bool) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent  # waiting does not help, as with a wrong password
        self.is_answered = is_answered  # by the server itself, such as that it is starting up


class RequeueError(PipelineError):
    """Requeue the chunk, at no loss of retries: this worker cannot load it now."""


class OutOfOrderError(RequeueError):
    """Requeue the chunk until another chunk is committed."""

    def __init__(self, chunk: str, waits_for: MissingChunk) -> None:
        super().__init__(f"{chunk} waits for {waits_for}")
        self.waits_for = waits_for


class BlockedError(PipelineError):
    """Record the chunk as failed, without retries: the chunk that it waits for has failed or is lost."""


class BrokenSqlError(PipelineError):
    """Record the chunk as failed, without retries: SQL of the dataset's own is wrong."""


class RefusedJobError(PipelineError):
    """Never run this job: it is not one that the producer has queued."""


class UnknownChunkError(RefusedJobError):
    """Never run this job: the ledger has no such chunk."""


class ForgottenError(PipelineError):
    """Stop: sources were forgotten while they were being loaded."""
