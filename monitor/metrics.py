"""The status as Prometheus metrics, read on request. What a server that does not answer would tell has no sample.

All are gauges, even the buckets of the histogram: a forgotten source lowers sums, and a counter must never go down.
"""

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pipeline.status.ledger_view import ChunkDurations
from pipeline.status.shown import Status

OUTCOMES = ("inserted", "updated", "unchanged", "rejected", "deleted")


class StatusCollector(Collector):
    """The metrics of one status."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        yield from _servers(self._status)
        yield from _loads(self._status)
        yield from _queue(self._status)


def _servers(status: Status) -> Iterator[Metric]:
    servers = (("postgresql", status.postgresql), ("redis", status.redis))
    yield _gauge(
        "pipeline_server_up",
        "Whether a server answers.",
        ("server",),
        (((name,), server.error is None) for name, server in servers),
    )


def _loads(status: Status) -> Iterator[Metric]:
    loads = status.loads
    yield _gauge(
        "pipeline_rows",
        "Rows of the current version of a file, by what became of them.",
        ("source", "outcome"),
        (((load.source, outcome), getattr(load, outcome)) for load in loads for outcome in OUTCOMES),
    )
    yield _gauge(
        "pipeline_file_rows",
        "Rows of the current version of a file.",
        ("source",),
        (((load.source,), load.rows) for load in loads),
    )
    yield _gauge(
        "pipeline_chunks",
        "Chunks of the current version of a file.",
        ("source", "state"),
        (
            ((load.source, state), count)
            for load in loads
            for state, count in (("committed", load.committed_chunks), ("missing", load.chunks - load.committed_chunks))
        ),
    )
    yield _gauge(
        "pipeline_retries",
        "Attempts at committed chunks of current versions that ended in a transient error, or with a killed worker.",
        ("source",),
        (((load.source,), load.retries) for load in loads),
    )
    if status.chunk_durations:
        yield _durations(status.chunk_durations)
    yield _gauge(
        "pipeline_rejected_rows",
        "Rejected rows, by the rule that they break.",
        ("source", "rule"),
        (((rule.source, rule.rule), rule.rows) for rule in status.rejected_rules),
    )
    if status.state != "unreachable":
        failed = len(status.failed_chunks)
        yield _value("pipeline_failed_chunks", "Chunks that failed every time they were tried.", failed)
    if status.lost_chunks is not None:
        yield _value("pipeline_lost_chunks", "Chunks that are missing and not on the queue.", status.lost_chunks)
    if status.rows_per_second is not None:
        yield _value("pipeline_rows_per_second", "Rows that all workers commit in a second.", status.rows_per_second)
    commits = [load.last_commit_at for load in (*loads, *status.history) if load.last_commit_at]
    if commits:
        seconds = (status.at - max(commits)).total_seconds()
        yield _value("pipeline_seconds_since_last_commit", "Since a chunk was committed last.", max(0.0, seconds))


def _durations(durations: ChunkDurations) -> GaugeHistogramMetricFamily:
    bounds = [*map(str, durations.bounds), "+Inf"]
    return GaugeHistogramMetricFamily(
        "pipeline_chunk_duration_seconds",
        "How long chunks of the current versions took, from the begin of their transaction to its end.",
        buckets=list(zip(bounds, durations.chunks, strict=True)),
        gsum_value=durations.seconds,
    )


def _queue(status: Status) -> Iterator[Metric]:
    if status.queue is None:
        return
    queue = status.queue
    yield _value("pipeline_workers", "Workers that gave a sign of life within the last seconds.", len(status.workers))
    jobs = ((("waiting",), queue.waiting), (("running",), queue.running), (("failed",), queue.failed))
    yield _gauge("pipeline_queue_jobs", "Jobs on the queue.", ("state",), jobs)
    yield _value("pipeline_queue_limit", "QUEUE_LIMIT of the monitor.", queue.limit)
    yield _value("pipeline_producing", "Whether a producer is queueing chunks.", float(queue.producing))
    yield _value("pipeline_oldest_wait_seconds", "Age of the job that waits longest.", queue.oldest_wait_seconds or 0.0)


def _gauge(
    name: str, text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _value(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
