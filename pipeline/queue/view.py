"""What Redis shows of the queue and its workers. Reads only, and trusts nothing that it reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis
from rq.job import Job
from rq.utils import utcparse
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from pipeline.queue.job import RETRIES
from pipeline.queue.rq_queue import RqChunkQueue

LONGEST_SHOWN = 200  # characters of a text from Redis

Fields = Mapping[str, str]


@dataclass(frozen=True)
class WorkerView:
    """A worker that gave a sign of life within the last seconds."""

    name: str  # the one that the ledger has
    host: str
    state: str  # idle, busy or suspended
    job: str | None  # what the job in hand says it is, such as "people.csv chunk 3 (rows 41 to 60)"
    started_at: datetime | None
    last_seen: datetime | None
    error: str | None  # of the last chunk, if that is to be tried again

    @property
    def is_busy(self) -> bool:
        return self.state == "busy"


@dataclass(frozen=True)
class FailedJob:
    """A job in the FailedJobRegistry."""

    id: str
    error: str
    attempts: int
    failed_at: datetime | None


@dataclass(frozen=True)
class QueueView:
    """The queue at one moment."""

    waiting: int  # jobs
    running: int  # jobs
    failed: int  # jobs
    producing: bool  # whether a producer is queueing chunks
    oldest_enqueued_at: datetime | None  # of the jobs that wait
    workers: tuple[WorkerView, ...]  # by name
    failed_jobs: Mapping[str, FailedJob]  # of this database, by id
    failed_chunks: Mapping[str, str]  # key of a chunk of this database -> id of its job
    under_way: frozenset[str]  # keys of chunks of this database that wait or are being loaded


def worker_views(queue: RqChunkQueue) -> tuple[WorkerView, ...]:
    """The workers of a queue. The entry of a killed worker goes within seconds; one that signed off has `death`."""
    connection: Any = queue.connection
    keys = list(connection.smembers(WORKERS_BY_QUEUE_KEY % queue.name))
    jobs = _jobs_in_hand(queue)
    views = []
    entries = _fields(connection, keys, ("hostname", "state", "birth", "last_heartbeat", "death", "error"))
    for key, fields in zip(keys, entries, strict=True):
        if "birth" not in fields or "death" in fields:
            continue
        name = key.decode(errors="replace").rpartition(":")[2][:LONGEST_SHOWN]
        views.append(
            WorkerView(
                name=name,
                host=fields.get("hostname", ""),
                state=fields["state"] if fields.get("state") in ("busy", "suspended") else "idle",
                job=jobs.get(name),
                started_at=_time(fields.get("birth")),
                last_seen=_time(fields.get("last_heartbeat")),
                error=fields.get("error"),
            )
        )
    return tuple(sorted(views, key=lambda worker: worker.name))


def _jobs_in_hand(queue: RqChunkQueue) -> dict[str, str]:
    """What the jobs that are running say they are, by the names of their workers."""
    connection: Any = queue.connection
    entries = connection.zrange(queue.started_job_registry.key, 0, -1)
    keys = [Job.key_for(entry.decode(errors="replace").partition(":")[0]) for entry in entries]
    described = _fields(connection, keys, ("worker_name", "description"))
    return {fields.get("worker_name", ""): fields.get("description", "") for fields in described}


def failed_jobs(connection: "Redis", errors: Mapping[str, str]) -> dict[str, FailedJob]:
    """The failed jobs with these ids, of which the errors are known."""
    entries = _fields(connection, list(map(Job.key_for, errors)), ("retries_left", "ended_at"))
    return {
        job_id: FailedJob(
            job_id, errors[job_id], RETRIES + 1 - _number(fields.get("retries_left")), _time(fields.get("ended_at"))
        )
        for job_id, fields in zip(errors, entries, strict=True)
    }


def oldest_enqueued_at(queue: RqChunkQueue) -> datetime | None:
    """When the job that is taken next was put on the queue; None if none waits."""
    connection: Any = queue.connection
    job_id = connection.lindex(queue.key, 0)
    if job_id is None:
        return None
    [fields] = _fields(connection, [Job.key_for(job_id.decode(errors="replace"))], ("enqueued_at",))
    return _time(fields.get("enqueued_at"))


def _fields(connection: "Redis", keys: Sequence[str | bytes], names: Sequence[str]) -> list[Fields]:
    """These fields of hashes, where they are there; no others, since a job's data can be large."""
    with connection.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.hmget(key, *names)
        answers = pipe.execute(raise_on_error=False)  # of a key that holds no hash
    return [
        {
            name: value[:LONGEST_SHOWN].decode(errors="replace")
            for name, value in zip(names, values, strict=True)
            if value is not None
        }
        if isinstance(values, list)
        else {}
        for values in answers
    ]


def _time(text: str | None) -> datetime | None:
    try:
        return utcparse(text) if text else None
    except ValueError:
        return None


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0
