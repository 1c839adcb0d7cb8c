"""What a job may be. Whoever can write into Redis can forge one, so a job is data and nothing of it is believed."""

import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis
from rq.exceptions import NoSuchJobError
from rq.executions import Execution, ExecutionRegistry
from rq.job import Job

from pipeline.errors import PutBackError, RefusedJobError

QUEUE_NAME = "chunks"
TASK = "load_chunk"  # the one function that a job may name
ARGUMENTS = {"load": int, "number": int, "text": str}
RETRIES = 5  # of a chunk, by RQ, before it is put into the FailedJobRegistry
CHUNK_TIMEOUT = 300  # seconds that one attempt at a chunk may take
LARGEST = (1 << 31) - 1  # load or number
LONGEST_DATA = 16 << 20  # bytes; the text of a chunk is at most 2 MiB, and JSON can make six bytes of one

# The fields of a job's hash that are taken over, and those that each job has but that are set here for all.
# Any other that is not empty (callbacks, webhooks, meta, dependencies, ...) is nothing that the producer writes.
TAKEN_OVER = frozenset(
    {
        "created_at",
        "description",
        "enqueued_at",
        "started_at",
        "ended_at",
        "last_heartbeat",
        "worker_name",
        "status",
        "number_of_retries",
        "retries_left",
    }
)
SET_FOR_ALL = frozenset({"data", "origin", "timeout", "result_ttl", "failure_ttl", "retry_intervals", "exc_info"})

LoadChunk = Callable[[int, int, str], None]  # load, chunk number, text of the rows


class ChunkJob(Job):
    """A job that is data: its arguments are JSON, and it can call nothing but the worker's own task.

    Reading one from Redis never fails, unpickles, imports or decompresses without bound, whatever stands
    there; what the producer cannot have written is refused when the job is executed, and recorded as RQ
    records each failure.
    """

    task: LoadChunk  # what the worker that has the job runs
    fault: str | None = None  # why this is no job of the producer's

    def arguments(self) -> tuple[int, int, str]:
        """Load, chunk number and text for the task; raises RefusedJobError if the job is not one of the producer's."""
        fault = self.fault
        if fault is None and (self.func_name != TASK or self.instance is not None):
            fault = f"it asks for {self.func_name!r}, and only {TASK!r} is run"
        kwargs = self.kwargs if fault is None else {}
        types = {name: type(value) for name, value in kwargs.items()}
        if fault is None and (self.args or types != ARGUMENTS or max(kwargs["load"], kwargs["number"]) > LARGEST):
            fault = f"its arguments are not {', '.join(ARGUMENTS)}"
        if fault is not None:
            raise RefusedJobError(f"job {self.id} is refused: {fault}")
        return kwargs["load"], kwargs["number"], kwargs["text"]

    def _execute(self) -> None:
        try:
            self.task(*self.arguments())
        except RefusedJobError:
            self.retries_left = 0
            raise
        except PutBackError:
            self.retries_left = (self.retries_left or 0) + 1  # RQ takes one off when it queues the job again
            raise

    def refresh(self) -> None:
        try:
            super().refresh()
        except redis.ResponseError:  # the key holds something else than a hash
            self.connection.delete(self.key)
            raise NoSuchJobError(f"no such job: {self.key}") from None

    def restore(self, raw_data: dict[bytes, bytes]) -> None:
        fields = {name.decode(errors="replace"): value for name, value in raw_data.items() if value}
        if foreign := sorted(fields.keys() - TAKEN_OVER - SET_FOR_ALL):
            self.fault = f"it holds {', '.join(foreign)}"
        try:
            super().restore({name: fields[name] for name in TAKEN_OVER & fields.keys()} | {"data": b""})
            self.data = _plain(fields["data"])
        except Exception as error:
            self.fault = f"it cannot be read ({type(error).__name__})"
            super().restore({"data": b""})
        self.origin = QUEUE_NAME
        self.timeout = CHUNK_TIMEOUT
        self.result_ttl = 0  # the ledger holds the outcome; memory must not grow with finished jobs
        self.retries_left = min(self.retries_left or 0, RETRIES)

    @property
    def execution_registry(self) -> "Executions":
        return Executions(self.id, connection=self.connection)

    def _deserialize_data(self) -> None:
        try:
            super()._deserialize_data()
        except Exception:
            self.fault = self.fault or "its data is not JSON"
            self._func_name, self._instance, self._args, self._kwargs = "", None, (), {}

    def to_dict(self, include_meta: bool = True, include_result: bool = True) -> dict[str, Any]:
        """As RQ's, but with the rows as they are: compressing them cost 37 ms of CPU per MB, twice a job."""
        uncompressed, self._data = self.data, b""
        try:
            fields = super().to_dict(include_meta, include_result)
        finally:
            self._data = uncompressed
        return {**fields, "data": uncompressed}


class Executions(ExecutionRegistry):
    """The executions of a job of which Redis still knows something.

    RQ's own raises an error for the one of a killed worker, which makes a failure of the next one's success.
    """

    def get_executions(self, start: int = 0, end: int = -1) -> list[Execution]:
        known = []
        for execution_id in self.get_execution_ids(start, end):
            with suppress(ValueError):
                known.append(Execution.fetch(execution_id, self.job_id, connection=self.connection))
        return known


def _plain(data: bytes) -> bytes:
    """The data as it is, or uncompressed, as `rq requeue` leaves it; raises ValueError if it is too long."""
    if data.startswith(b"x"):  # zlib's header; JSON cannot begin so
        data = zlib.decompressobj().decompress(data, LONGEST_DATA + 1)
    if len(data) > LONGEST_DATA:
        raise ValueError("too long")
    return data
