"""The monitor as a process: what it shows, whom it lets in, and what it refuses."""

import base64
import csv
import io
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email.message import Message

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from pipeline import PROJECT
from tests.conftest import PEOPLE, PLACES, Commands, Pipeline
from tests.served import serving
from tests.stuck import queue_people_that_fail
from tests.support import wait_until

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
TYPES = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)
HOSTILE = "<script>alert(1)</script>,Ok,not a date,Ayr\n"


@dataclass
class Answer:
    status: int
    headers: Message
    text: str


@dataclass
class Page:
    url: str

    def get(self, path: str, headers: dict[str, str] | None = None, form: str | None = None) -> Answer:
        """What the monitor answers; a redirect is followed."""
        body = None if form is None else form.encode()
        request = urllib.request.Request(f"{self.url}{path}", body, headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read().decode())


def samples(page: Page, headers: dict[str, str] | None = None) -> dict[tuple[str, ...], float]:
    """The metrics: name and labels' values, in the order of the labels' names -> value."""
    parse = openmetrics.text_string_to_metric_families if headers else text_string_to_metric_families
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in parse(page.get("/metrics", headers).text)
        for sample in family.samples
    }


@pytest.fixture
def monitor(commands: Commands) -> Iterator[Callable[..., Page]]:
    with ExitStack() as started:
        yield lambda **environment: Page(started.enter_context(serving(commands, "monitor", **environment)))


def test_the_page_shows_loads_and_rejected_rows(monitor: Callable[..., Page], pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE + HOSTILE)
    page = monitor()
    shown = page.get("/")
    assert shown.status == 200
    assert "people.csv" in shown.text
    assert "idle: 2 files loaded, 8 rows" in shown.text
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    found = page.get("/rejected?text=ALERT")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in found.text
    assert "<script>alert" not in found.text
    assert "1 row." in found.text
    assert "0 rows." in page.get("/rejected?text=nothing%00").text


def test_rejected_rows_can_be_downloaded(monitor: Callable[..., Page], pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE + HOSTILE + "=1+1,Formula,not a date,Ayr\n")
    rows = list(csv.reader(io.StringIO(monitor().get("/rejected.csv?source=people.csv").text)))
    assert rows[0] == ["source", "row_number", "line", "reason", "raw"]
    assert [row[1] for row in rows[1:]] == ["5", "6"]
    assert rows[2][4].startswith("'=1+1")
    assert len(list(csv.reader(io.StringIO(monitor().get("/rejected.csv?source=other.csv").text)))) == 1


def test_json_and_metrics_tell_the_same(monitor: Callable[..., Page], pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE + HOSTILE)
    page = monitor()
    status = json.loads(page.get("/api/status").text)
    values = samples(page)
    for load in status["loads"]:
        for outcome in ("inserted", "updated", "unchanged", "rejected", "deleted"):
            assert values[("pipeline_rows", outcome, load["source"])] == load[outcome]
    assert values[("pipeline_server_up", "redis")] == 1
    assert values[("pipeline_workers",)] == 0


def test_no_counter_goes_down_when_a_source_is_forgotten(
    monitor: Callable[..., Page], pipeline: Pipeline, commands: Commands
) -> None:
    pipeline.load(places=PLACES, people=PEOPLE + HOSTILE)
    page = monitor()
    before = samples(page, OPENMETRICS)
    assert commands.run("producer", "--forget", "people.csv", "--data", str(pipeline.data)).returncode == 0
    wait_until(lambda: ("pipeline_retries", "people.csv") not in samples(page, OPENMETRICS))
    after = samples(page, OPENMETRICS)
    lower = {name for name, value in before.items() if after.get(name, -1) < value}
    assert ("pipeline_chunk_duration_seconds_gcount",) in lower  # what would be a counter elsewhere
    kinds = {kind for _, kind in TYPES.findall(page.get("/metrics", OPENMETRICS).text)}
    assert kinds == {"gauge", "gaugehistogram"}


def test_durations_of_chunks_are_a_cumulative_histogram(monitor: Callable[..., Page], pipeline: Pipeline) -> None:
    pipeline.load(1, places=PLACES, people=PEOPLE)
    pipeline.rows(
        "UPDATE load_chunks SET seconds = CASE number WHEN 1 THEN 0.02 WHEN 2 THEN 0.7 ELSE 400 END RETURNING 1"
    )
    pipeline.rows("UPDATE load_chunks SET committed_at = now() - interval '1 h' RETURNING 1")
    found = samples(monitor())
    buckets = [(name[1], value) for name, value in found.items() if name[0] == "pipeline_chunk_duration_seconds_bucket"]
    assert [value for _, value in buckets] == [0, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 4, 7]
    assert (buckets[0][0], buckets[6][0], buckets[-1][0]) == ("0.01", "1.0", "+Inf")
    assert found[("pipeline_chunk_duration_seconds_gcount",)] == 7
    assert found[("pipeline_chunk_duration_seconds_gsum",)] == pytest.approx(2 * 0.02 + 2 * 0.7 + 3 * 400)


def test_retries_are_counted_by_source(monitor: Callable[..., Page], pipeline: Pipeline) -> None:
    pipeline.load(2, places=PLACES, people=PEOPLE)
    pipeline.rows("UPDATE load_chunks SET retries = number WHERE load_id = 2 RETURNING 1")
    found = samples(monitor())
    assert found[("pipeline_retries", "people.csv")] == 3
    assert found[("pipeline_retries", "places.csv")] == 0


def test_a_failed_chunk_is_retried_by_its_button(monitor: Callable[..., Page], pipeline: Pipeline) -> None:
    queue_people_that_fail(pipeline)
    pipeline.work()
    page = monitor()
    found = re.search(r'name="job" value="([^"]+)"', page.get("/").text)
    assert found
    form = f"job={found[1]}"
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://elsewhere"}):
        assert page.get("/retry", headers, form).status == 403
    assert page.get("/retry").status == 405
    assert len(pipeline.queue.state().failed) == 1
    with pipeline.database.transaction() as tx:
        tx.run("ALTER TABLE people DROP CONSTRAINT none")
    assert page.get("/retry", {"Sec-Fetch-Site": "same-origin"}, form).status == 200
    assert not pipeline.queue.state().failed
    pipeline.work()
    assert len(pipeline.people()) == 4


def test_a_password_is_asked_for(monitor: Callable[..., Page]) -> None:
    page = monitor(MONITOR_PASSWORD="pä:ss")

    def with_password(password: str) -> dict[str, str]:
        return {"Authorization": f"Basic {base64.b64encode(f'any:{password}'.encode()).decode()}"}

    assert page.get("/").status == 401
    assert page.get("/metrics").status == 401
    assert page.get("/", with_password("other")).status == 401
    assert page.get("/", {"Authorization": "Basic ???"}).status == 401
    assert page.get("/", with_password("pä:ss")).status == 200
    assert page.get("/healthz").status == 200


def test_a_name_of_another_site_reads_nothing(monitor: Callable[..., Page]) -> None:
    page = monitor()
    for name in ("attacker.example", "attacker.example:8080", "of_an.attacker.example", "[", "attacker.example."):
        assert page.get("/", {"Host": name}).status == 403, name
    for name in ("localhost", "localhost:8080", "127.0.0.1:80", "[::1]:8080", "monitor"):
        assert page.get("/", {"Host": name}).status == 200, name


def test_the_documentation_names_every_metric(monitor: Callable[..., Page], pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE + HOSTILE)
    pipeline.write(people=PEOPLE)
    pipeline.produce()
    names = {name for name, _ in TYPES.findall(monitor().get("/metrics", OPENMETRICS).text)}
    text = (PROJECT / "docs" / "monitor.md").read_text(encoding="utf-8")
    assert names == set(re.findall(r"`(pipeline_(?!monitor)\w+)`", text))


@pytest.mark.parametrize("module", ["monitor", "monitor.rq_dashboard"])
def test_the_log_names_the_address_on_which_the_page_is_published(commands: Commands, module: str) -> None:
    with serving(commands, module, PAGE_URL="http://127.0.0.1:18080") as url:
        assert url == "http://127.0.0.1:18080"
