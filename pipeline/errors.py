"""The project's errors: the class says what the caller does, the message what the user does."""


class PipelineError(Exception):
    """Stop: what happened, where, the value, the remedy, in one or two lines."""

    exit_code = 1


class SettingsError(PipelineError):
    """Stop before anything is changed: a setting is wrong, or what it names cannot be reached."""

    exit_code = 2


class InputError(PipelineError):
    """Stop before anything is queued: a file is broken as a whole."""


class InUseError(PipelineError):
    """Stop, nothing was changed: rows that were to be removed are referred to by others."""


class DrainTimeoutError(PipelineError):
    """Stop waiting: the loads were not complete in time."""

    exit_code = 4


class RetryLaterError(PipelineError):
    """Try the same again after a pause: the surroundings are at fault, not the rows."""


class PutBackError(PipelineError):
    """Put the chunk back on the queue, at no loss of retries: this worker cannot load it now."""


class OutOfOrderError(PutBackError):
    """What the chunk refers to is still being loaded."""


class RefusedJobError(PipelineError):
    """Never run this job: it is not one that the producer has queued."""
