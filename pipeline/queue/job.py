"""What a job may be. Whoever can write into Redis can forge one, so a job is data and nothing of it is believed."""

import json
import re
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import orjson
import redis
from redis.client import Pipeline
from rq.exceptions import NoSuchJobError, StopRequested
from rq.executions import Execution, ExecutionRegistry
from rq.job import Job

from pipeline.errors import PipelineError, RefusedJobError, RequeueError, TransientError

TASK = "load_chunk"  # what a job of one chunk names
GROUP_TASK = "load_chunks"  # what a job of several small chunks names
# What the producer writes: the task, no instance, no positional arguments, the position, and a text. Of several chunks
# the position is load:number:characters of each, and the text that of all of them.
CALL = re.compile(rb'\["load_chunk", null, \[\], \{"load": (\d{1,18}), "number": (\d{1,9}), "text": (?=")')
POSITIONS = rb"\d{1,18}:\d{1,9}:\d{1,7}(?: \d{1,18}:\d{1,9}:\d{1,7}){1,999}"
GROUP_CALL = re.compile(rb'\["load_chunks", null, \[\], \{"chunks": "(' + POSITIONS + rb')", "text": (?=")')
CALL_END = b"}]"
# A job's id begins with the id of the database that the chunk belongs to; jobs of earlier versions have none.
INSTALLATION = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-")
NAME = re.compile(rb"[A-Za-z0-9_-]{1,64}")  # of a queue
RETRIES = 5  # of a chunk, by RQ, before it is put into the FailedJobRegistry
CHUNK_TIMEOUT = 300  # seconds that one attempt at a chunk may take
FAILURE_TTL = 7 * 24 * 3600  # seconds that a failed job is kept
LONGEST_SHOWN = 200  # characters of a job's id, which names each of its chunks
LONGEST_DATA = 20 << 20  # bytes; the text of a chunk is at most 3 MiB, and JSON can make six bytes of one

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

ChunkText = tuple[int, int, str]  # load, chunk number, text of the rows
# Load, chunk number, text of the rows, the database that they belong to (None: the job does not say), and how often the
# job was put back on the queue after a transient error.
LoadChunk = Callable[[int, int, str, str | None, int], None]


class ChunkJob(Job):
    """A job that is data: its arguments are JSON, and it can call nothing but the worker's own task.

    Reading one from Redis never fails, unpickles, imports or decompresses without bound. What the producer cannot have
    written is refused when the job is executed, and recorded as RQ records each failure.
    """

    load_chunk: LoadChunk  # as the worker that has the job was given it
    fault: str | None = None  # why this is no job of the producer's
    is_final: bool = False  # whether its failure is recorded although retries are left

    def arguments(self) -> list[ChunkText]:
        """The chunks of the job; raises RefusedJobError if the job is not one of the producer's."""
        try:
            if self.fault:
                raise ValueError(self.fault)
            return _chunks(self.data)
        except ValueError as error:
            raise RefusedJobError(f"job {self.id[:LONGEST_SHOWN]} is refused: {error}") from None

    @property
    def installation(self) -> str | None:
        """The id of the database that the job belongs to, or None if the job does not say."""
        found = INSTALLATION.match(self.id)
        return found[1] if found else None

    @property
    def should_retry(self) -> bool:
        return not self.is_final and super().should_retry

    @property
    def requeued(self) -> int:
        """How often the job was put back on the queue after a transient error, or after its worker was killed."""
        return RETRIES - (self.retries_left or 0)

    def _execute(self) -> None:
        """Loads its chunks one after the other. One that can never be loaded keeps no other from being loaded."""
        failures = []
        for chunk in self.arguments():
            try:
                self.load_chunk(*chunk, self.installation, self.requeued)
            except (TransientError, RequeueError):
                raise
            except PipelineError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def refresh(self) -> None:
        try:
            super().refresh()
        except redis.ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            self.connection.delete(self.key)  # it holds something else than a hash
            raise NoSuchJobError(f"no such job: {self.key}") from None

    def restore(self, raw_data: dict[bytes, bytes]) -> None:
        fields = {name.decode(errors="replace"): value for name, value in raw_data.items() if value}
        if foreign := sorted(fields.keys() - TAKEN_OVER - SET_FOR_ALL):
            self.fault = f"it holds {', '.join(foreign)}"
        try:
            super().restore({name: fields[name] for name in TAKEN_OVER & fields.keys()} | {"data": b""})
            self.data = _plain(fields["data"])
        except StopRequested:
            raise
        except Exception as error:
            self.fault = f"it cannot be read ({type(error).__name__})"
            super().restore({"data": b""})
        origin = fields.get("origin", b"")
        self.origin = origin.decode() if NAME.fullmatch(origin) else ""  # a job taken from a queue gets that one's
        self.timeout = CHUNK_TIMEOUT
        self.result_ttl = 0  # the ledger holds the outcome; memory must not grow with finished jobs
        self.failure_ttl = FAILURE_TTL
        self.retries_left = min(max(self.retries_left or 0, 0), RETRIES)

    @property
    def execution_registry(self) -> "Executions":
        return Executions(self.id, connection=self.connection)

    def _deserialize_data(self) -> None:
        """What RQ reads of a job without executing it; never the data."""
        self._func_name, self._instance, self._args, self._kwargs = TASK, None, (), {}

    def to_dict(self, include_meta: bool = True, include_result: bool = True) -> dict[str, Any]:
        """As RQ's, but with the rows as they are: compressing them cost 37 ms of CPU per MB, twice a job."""
        uncompressed, self._data = self.data, b""
        try:
            fields = super().to_dict(include_meta, include_result)
        finally:
            self._data = uncompressed
        return {**fields, "data": uncompressed}


class Executions(ExecutionRegistry):
    """The executions of a job, which go with it.

    RQ reads each before it is removed, and raises an error if a killed worker's has expired: it makes a failure of
    the next one's success. Here a worker removes its own, and those of killed ones end by themselves.
    """

    def get_executions(self, start: int = 0, end: int = -1) -> list[Execution]:  # noqa: ARG002
        return []

    def delete(self, job: Job, pipeline: "Pipeline") -> None:  # noqa: ARG002
        pipeline.delete(self.key)


def call(chunks: Iterable[ChunkText]) -> bytes:
    """The data of the job that loads these chunks."""
    first, *others = chunks
    if not others:
        load, number, text = first
        beginning = f'["{TASK}", null, [], {{"load": {load}, "number": {number}, "text": '
    else:
        members = [first, *others]
        positions = " ".join(f"{load}:{number}:{len(text)}" for load, number, text in members)
        text = "".join(text for _, _, text in members)
        beginning = f'["{GROUP_TASK}", null, [], {{"chunks": "{positions}", "text": '
    return b"".join((beginning.encode(), _json_string(text), CALL_END))


def _json_string(text: str) -> bytes:
    """As json.dumps, which takes ten times as long and makes six bytes of a letter that is not ASCII."""
    try:
        return orjson.dumps(text)
    except orjson.JSONEncodeError:  # lone surrogates, which stand for bytes that are not UTF-8
        return json.dumps(text).encode()


def _chunks(data: bytes) -> list[ChunkText]:
    """Raises ValueError if the data is not what the producer writes."""
    head = CALL.match(data) or GROUP_CALL.match(data)
    if head is None or not data.endswith(CALL_END):
        raise ValueError(f"it is not a call of {TASK} or {GROUP_TASK} as the producer writes it")
    text = json.loads(data[head.end() : -len(CALL_END)])  # begins with a quote: a string, or an error
    if head.re is CALL:
        return [(int(head[1]), int(head[2]), text)]
    chunks, start = [], 0
    for position in head[1].decode().split():
        load, number, length = map(int, position.split(":"))
        chunks.append((load, number, text[start : start + length]))
        start += length
    return chunks


def _plain(data: bytes) -> bytes:
    """The data as it is, or uncompressed, as `rq requeue` leaves it; raises ValueError if it is too long."""
    if data.startswith(b"x"):  # zlib's header; JSON cannot begin so
        data = zlib.decompressobj().decompress(data, LONGEST_DATA + 1)
    if len(data) > LONGEST_DATA:
        raise ValueError("too long")
    return data
