"""rq-dashboard with the project's classes, as a process: what it shows while a worker is busy, and what it refuses."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.conftest import Commands, Pipeline
from tests.served import serving
from tests.stuck import busy_worker, queue_people_that_fail

PAGES = ("/", "/0/", "/0/view", "/0/view/queues", "/0/view/workers", "/0/view/jobs")
REGISTRIES = ("queued", "started", "failed", "finished", "deferred", "scheduled", "canceled")


class Dashboard:
    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> tuple[int, str]:
        """Status and content of the answer."""
        request = urllib.request.Request(f"{self._url}{path}", None, headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def data(self, path: str) -> Any:
        status, content = self.get(f"/0/data/{path}.json")
        assert status == 200, content
        return json.loads(content)


@contextmanager
def dashboard(commands: Commands, **environment: str) -> Iterator[Dashboard]:
    with serving(commands, "monitor.rq_dashboard", **environment) as url:
        yield Dashboard(url)


@pytest.fixture
def busy(pipeline: Pipeline, commands: Commands) -> Iterator[None]:
    with busy_worker(pipeline, commands):
        yield


@pytest.mark.usefixtures("busy")
def test_every_page_shows_what_there_is_while_a_worker_is_busy(pipeline: Pipeline, commands: Commands) -> None:
    [waiting] = pipeline.queue.connection.lrange("rq:queue:chunks", 0, -1)
    assert isinstance(waiting, bytes)
    job_id = waiting.decode()
    with dashboard(commands) as shown:
        views = [f"/0/view/jobs/chunks/{registry}/8/asc/1" for registry in REGISTRIES]
        for path in (*PAGES, *views, f"/0/view/job/{job_id}"):
            status, page = shown.get(path)
            assert status == 200, path
            assert "RQ-dashboard" in page
        [queue] = shown.data("queues")["queues"]
        assert (queue["name"], queue["count"], queue["started_job_registry_count"]) == ("chunks", 1, 1)
        [worker] = shown.data("workers")["workers"]
        assert (worker["state"], worker["queues"]) == ("busy", ["chunks"])
        for shown_as in ("description", "call_string"):
            assert worker["current_job"][shown_as] == "people.csv chunk 1 (rows 1 to 2)"
        counts = {registry: shown.data(f"jobs/chunks/{registry}/8/asc/1")["jobs"] for registry in REGISTRIES}
        assert [job["id"] for job in counts["queued"]] == [job_id]
        assert {registry: len(jobs) for registry, jobs in counts.items() if jobs} == {"queued": 1, "started": 1}
        job = shown.data(f"job/{job_id}")
        assert (job["origin"], job["status"]) == ("chunks", "queued")
        assert job["description"] == "people.csv chunk 2 (rows 3 to 4)"


def test_failed_jobs_are_requeued_with_all_their_retries(pipeline: Pipeline, commands: Commands) -> None:
    queue_people_that_fail(pipeline)
    pipeline.work()
    [job_id] = pipeline.queue.state().failed.values()
    with dashboard(commands) as shown:
        [failed] = shown.data("jobs/chunks/failed/8/asc/1")["jobs"]
        assert failed["id"] == job_id
        assert "CheckViolation" in failed["exc_info"]
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "http://elsewhere"},
            {"Host": "elsewhere.example"},
        ):
            assert shown.get("/requeue/chunks", headers, "POST")[0] == 403
        assert shown.get("/requeue/chunks")[0] == 405
        assert pipeline.queue.state().failed
        assert shown.get("/requeue/chunks", {"Sec-Fetch-Site": "same-origin"}, "POST")[0] == 200
        assert pipeline.queue.connection.hget(f"rq:job:{job_id}", "retries_left") == b"5"
        pipeline.work()
        assert shown.get(f"/job/{job_id}/requeue", method="POST")[0] == 200
        assert not pipeline.queue.state().failed
        assert shown.get(f"/job/{job_id}/requeue", method="POST")[0] == 200  # it waits already
        assert pipeline.queue.length() == 1


def test_what_could_lose_chunks_is_refused(pipeline: Pipeline, commands: Commands) -> None:
    queue_people_that_fail(pipeline)
    pipeline.work()
    [job_id] = pipeline.queue.state().failed.values()
    with dashboard(commands) as shown:
        for path in (f"/job/{job_id}/delete", "/queue/chunks/failed/empty", "/queue/chunks/compact", "/nothing"):
            assert shown.get(path, method="POST")[0] == 405, path
    assert pipeline.queue.state().failed


def test_the_dashboard_asks_for_the_password_of_the_monitor(commands: Commands) -> None:
    with dashboard(commands, MONITOR_PASSWORD="secret") as shown:
        assert shown.get("/")[0] == 401
        assert shown.get("/static/js/jquery-3.5.1.min.js")[0] == 401
        assert shown.get("/", {"Authorization": "Basic YW55OnNlY3JldA=="})[0] == 200  # any:secret


def test_nothing_that_is_forged_is_unpickled(pipeline: Pipeline, commands: Commands) -> None:
    """A pickle in a job's data, in its meta, and in its result; protocol 0 makes a folder when it is loaded."""
    folder = pipeline.data / "unpickled"
    pickled = f"cos\nmkdir\n(V{folder}\ntR."
    connection = pipeline.queue.connection
    connection.sadd("rq:queues", "rq:queue:chunks")
    connection.rpush("rq:queue:chunks", "forged")
    connection.hset("rq:job:forged", mapping={"data": pickled, "meta": pickled, "result": pickled, "status": "queued"})
    with dashboard(commands) as shown:
        assert shown.get("/0/data/jobs/chunks/queued/8/asc/1.json")[0] == 200
        shown.get("/0/data/job/forged.json")
        assert shown.get("/0/view/job/forged")[0] == 200
        shown.get("/job/forged/requeue", method="POST")
    assert not folder.exists()
