"""The status as plain lines, for logs, pipes and terminals without colours."""

from collections.abc import Iterator

from pipeline.status.shown import LoadStatus, ServerStatus, Status
from pipeline.wording import NAMED_AT_MOST, counted, duration, speed

SUSPENDED = "the workers are suspended: `rq resume` lets them go on"


def lines(status: Status) -> Iterator[str]:
    """A line for the whole, then one for each load, worker, failed chunk, rule with rejected rows, and server."""
    yield headline(status)
    yield from map(load_line, shown_loads(status))
    if (more := len(status.loads) - NAMED_AT_MOST) > 0:
        yield f"and {counted(more, 'more file')}; --json lists them"
    yield f"queue: {queue_line(status)}"
    for worker in status.workers:
        committed = f"{counted(worker.chunks, 'chunk')} and {counted(worker.rows, 'row')} of the current loads"
        known = "" if status.postgresql.error else f"; {committed}"
        error = f"; last error: {worker.error}" if worker.error else ""
        yield f"worker {worker.name}: {worker.job or worker.state}{known}{error}"
    yield from (
        f"failed: {chunk.source} chunk {chunk.chunk} ({counted(chunk.rows, 'row')} from row {chunk.first_row}), tried"
        f" {counted(chunk.attempts, 'time')}: {chunk.error}"
        for chunk in status.failed_chunks
    )
    yield from (
        f"rejected: {counted(rule.rows, 'row')} of {rule.source}: {rule.rule}, such as line {rule.line}"
        + (f": {rule.example}" if rule.example != rule.rule else "")
        for rule in status.rejected_rules[:NAMED_AT_MOST]
    )
    if (more := len(status.rejected_rules) - NAMED_AT_MOST) > 0:
        yield f"rejected: {more:,} more rules of files; --json lists them"
    for name, server in (("PostgreSQL", status.postgresql), ("Redis", status.redis)):
        yield f"{name}: {server_line(server)}"


def headline(status: Status) -> str:
    """Such as: running: 40,000 of 120,000 rows, 80,000 rows/s, 1 s left."""
    are_suspended = any(worker.state == "suspended" for worker in status.workers)
    return f"{_progress(status)}; {SUSPENDED}" if are_suspended else _progress(status)


def _progress(status: Status) -> str:
    rows = sum(load.rows for load in status.loads)
    done = sum(load.committed_rows for load in status.loads)
    if status.state == "unreachable":
        return f"unreachable: {' and '.join(filter(None, (status.postgresql.error, status.redis.error)))}"
    if not status.loads:
        return f"{status.state}: nothing is loaded yet"
    loaded = f"{counted(len(status.loads), 'file')} loaded, {counted(rows, 'row')}"
    if status.state == "idle":
        return f"idle: {loaded}"
    if status.state == "running" and done == rows:
        return f"running: a producer is at work; {loaded}"
    parts = [f"{done:,} of {counted(rows, 'row')}"]
    if status.rows_per_second:
        parts.append(speed(status.rows_per_second))
    if status.seconds_left is not None:
        parts.append(f"{duration(status.seconds_left)} left")
    if status.failed_chunks:
        parts.append(f"{counted(len(status.failed_chunks), 'chunk')} failed")
    if status.lost_chunks:
        parts.append(
            f"{counted(status.lost_chunks, 'chunk')} not on the queue: run the producer, or `pipeline run`, again"
        )
    return f"{status.state}: {', '.join(parts)}"


def shown_loads(status: Status) -> list[LoadStatus]:
    """Loads that are under way, then the newest, of many only the first."""
    return sorted(status.loads, key=lambda load: (load.state != "loading", -load.load))[:NAMED_AT_MOST]


def load_line(load: LoadStatus) -> str:
    """Such as: people.csv: complete, 120,000 rows = 120,000 inserted + 0 updated + ...; 310,000 rows/s."""
    rows = (
        f"{load.committed_rows:,} of {counted(load.rows, 'row')}"
        if load.state == "loading"
        else counted(load.rows, "row")
    )
    outcome = (
        f"{load.inserted:,} inserted + {load.updated:,} updated + {load.unchanged:,} unchanged"
        f" + {load.rejected:,} rejected; {load.deleted:,} deleted"
    )
    at_speed = f"; {speed(load.rows_per_second)}" if load.rows_per_second and load.rows_per_second >= 1 else ""
    left = f"; {duration(load.seconds_left)} left" if load.seconds_left is not None else ""
    waiting = (
        f"; {counted(load.waiting_rows, 'row')} wait for missing chunks of {load.dataset}" if load.waiting_rows else ""
    )
    return f"{load.source}: {load.state}, {rows} = {outcome}{at_speed}{left}{waiting}"


def queue_line(status: Status) -> str:
    """Such as: 12 of 32 waiting, 4 running, 0 failed; the oldest waits for 3 s; a producer is queueing."""
    queue = status.queue
    if queue is None:
        return "not known"
    parts = [f"{queue.waiting} of {queue.limit} waiting, {queue.running} running, {queue.failed} failed"]
    if queue.oldest_wait_seconds is not None:
        parts.append(f"the oldest waits for {duration(queue.oldest_wait_seconds)}")
    if queue.producing:
        parts.append("a producer is queueing")
    if not status.workers:
        parts.append("no worker is running")
    return "; ".join(parts)


def server_line(server: ServerStatus) -> str:
    """Such as: 18.6 at 127.0.0.1:5432/postgres."""
    return server.error or f"{server.version} at {server.address}"
