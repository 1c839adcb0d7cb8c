"""rq-dashboard with this project's queue and jobs: by itself it would unpickle the data of each job."""

from typing import Any

from flask import Flask
from redis import Redis
from rq import Worker
from rq.exceptions import NoSuchJobError
from rq.serializers import JSONSerializer
from rq_dashboard import cli, web

from pipeline.queue.job import ChunkJob
from pipeline.queue.rq_queue import RqChunkQueue
from pipeline.queue.server import address, connected
from pipeline.waiting import retry_at_start

REQUEUES = frozenset({"rq_dashboard.requeue_job_view", "rq_dashboard.requeue_all"})  # endpoints


class ShownJob(ChunkJob):
    """A job that is shown by its description; its arguments are rows."""

    def get_call_string(self) -> str | None:
        return self.description


class ShownWorker(Worker):
    """A worker as Redis shows it, with its job."""

    job_class = ShownJob


def rq_dashboard(redis_url: str, queue_name: str) -> Flask:
    """The application; the queue is shown where the user has named none.

    Its endpoints REQUEUES put failed jobs back on the queue; others that write can lose chunks. Raises what
    `retry_at_start` raises if the server does not serve.
    """

    class ShownQueue(RqChunkQueue):
        def __init__(self, name: str = queue_name, connection: "Redis | None" = None, **options: Any) -> None:
            super().__init__(name, connection, **options)

    connection = retry_at_start(lambda: connected(redis_url), "REDIS_URL")
    web.from_url = lambda *_, **__: (None, connection)
    web.Queue, web.Job, web.Worker, web.requeue_job = ShownQueue, ShownJob, ShownWorker, _requeue
    web.config.serializer = JSONSerializer
    app: Flask = cli.make_flask_app(None, None, None, "")
    app.config |= {"RQ_DASHBOARD_REDIS_URL": [f"redis://{address(connection)}"], "RQ_DASHBOARD_DISABLE_DELETE": True}
    web.setup_rq_connection(app)
    return app


def _requeue(job_id: str, connection: "Redis") -> None:
    """Puts a failed job back on the queue, with all its retries; one that is gone or not failed stays so."""
    try:
        origin = ChunkJob.fetch(job_id, connection=connection, serializer=JSONSerializer).origin
    except NoSuchJobError:
        return
    RqChunkQueue(origin, connection=connection).retry(job_id)
