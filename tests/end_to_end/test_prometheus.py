"""A real Prometheus scrapes a real monitor during a real load: every query of dashboard and alerts has an answer."""

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.conftest import Commands, Pipeline
from tests.monitoring.prometheus import FOLDER, Prometheus, needed, prometheus
from tests.served import serving
from tests.support import generate, wait_until

NO_PERSON = "Ann,Bell,not a date,Ayr\n"
PEOPLE, REJECTED = 500, 50


@contextmanager
def monitor(commands: Commands, **environment: str) -> Iterator[str]:
    """The port of a monitor."""
    with serving(commands, "monitor", **environment) as url:
        yield url.rpartition(":")[2]


def panels() -> dict[str, list[str]]:
    """The queries of the dashboard, by the title of their panel."""
    dashboard = json.loads((FOLDER / "grafana" / "dashboards" / "pipeline.json").read_text(encoding="utf-8"))
    return {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in dashboard["panels"]}


def expressions() -> list[str]:
    [group] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [*(query for queries in panels().values() for query in queries), *(rule["expr"] for rule in group["rules"])]


def test_every_query_returns_what_it_should(pipeline: Pipeline, commands: Commands, tmp_path: Path) -> None:
    needed("prometheus")
    generate(pipeline.data, people=PEOPLE)
    with (pipeline.data / "people.csv").open("a", encoding="utf-8") as file:
        file.writelines([NO_PERSON] * REJECTED)
    with monitor(commands, MONITOR_PASSWORD="pä:ss") as port, prometheus(tmp_path, port, "pä:ss") as server:
        wait_until(lambda: server.query("pipeline_server_up") == {("postgresql",): 1, ("redis",): 1})
        pipeline.produce(chunk_rows=5)
        wait_until(lambda: server.query('pipeline_queue_jobs{state="waiting"} > 0 and on () pipeline_workers == 0'))
        worker = commands.start("worker")
        try:
            wait_until(lambda: server.query("sum(pipeline_rows) > 0"))
            assert_all_answer(server)
            assert server.query("pipeline_workers") == {(): 1}
            wait_until(lambda: server.query('sum(pipeline_chunks{state="missing"})') == {(): 0})
            check_shown(server, pipeline)
        finally:
            worker.kill()
            worker.communicate()
        wait_until(lambda: alerts(server) == {"PipelineRowsRejected": "pending"})
        assert {rule["health"] for group in server.get("rules")["groups"] for rule in group["rules"]} == {"ok"}


def alerts(server: Prometheus) -> dict[str, str]:
    """The alerts that are pending or firing, and which of both."""
    return {alert["labels"]["alertname"]: alert["state"] for alert in server.get("alerts")["alerts"]}


def assert_all_answer(server: Prometheus) -> None:
    """Each panel shows something, and no expression names a metric or a label's value that there is not."""

    def silent_panels() -> set[str]:
        return {
            title
            for title, queries in panels().items()
            if not all(any(map(math.isfinite, server.query(query).values())) for query in queries)
        }

    wait_until(lambda: not silent_panels())
    for expression in expressions():
        selectors = re.findall(r"\b(?:up|pipeline_\w+)(?:\{[^}]*\})?", expression)
        assert selectors, expression
        for selector in selectors:
            assert server.query(selector), selector


def check_shown(server: Prometheus, pipeline: Pipeline) -> None:
    """What the panels show once the load is complete is what the ledger holds."""
    [(rows, chunks)] = pipeline.rows("SELECT sum(row_count), count(*) FROM load_chunks")
    shown = {title: server.query(queries[0]) for title, queries in panels().items()}
    assert shown["Progress"] == {(): 1}
    assert shown["Progress by file"] == {("people.csv",): 1, ("places.csv",): 1}
    inserted = rows - REJECTED
    expected = {"deleted": 0, "inserted": inserted, "rejected": REJECTED, "unchanged": 0, "updated": 0}
    assert shown["Rows"] == {(outcome,): count for outcome, count in expected.items()}
    assert shown["Rejected rows"] == {("date_of_birth is not a date (YYYY-MM-DD)", "people.csv"): REJECTED}
    assert shown["Failed chunks"] == shown["Lost chunks"] == shown["Retries"] == {(): 0}
    assert server.query("pipeline_chunk_duration_seconds_gcount") == {(): chunks}


def test_a_monitor_without_a_password_is_scraped_too(commands: Commands, tmp_path: Path) -> None:
    needed("prometheus")
    with monitor(commands) as port, prometheus(tmp_path, port, "") as server:
        wait_until(lambda: server.query('up{job="pipeline"}') == {(): 1})
