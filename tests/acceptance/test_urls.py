"""The producer and `check` on files of a web server and of an S3 store."""

import gzip
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import trustme

from tests.conftest import PEOPLE, PLACES, Commands, Pipeline, named
from tests.s3_server import KEYS, s3_client, serving_s3
from tests.web_server import Answer, WebServer, serving

pytestmark = pytest.mark.xdist_group("s3")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What the commands need to trust the web server and to find the store."""
    return {"SSL_CERT_FILE": str(tmp_path / "ca.pem"), "HOME": str(tmp_path)}


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with serving(authority) as server:
        yield server


@pytest.fixture
def store(environment: dict[str, str]) -> Iterator[None]:
    """With places.csv, 2024/people-1.csv and 2024/people-2.csv in the bucket files."""
    import_module("s3fs")  # once, and not in each command that is forked
    with serving_s3() as url:
        environment.update(KEYS, AWS_ENDPOINT_URL=url)
        client = s3_client(url)
        client.create_bucket(Bucket="files")
        for key, content in {
            "places.csv": PLACES.encode(),
            "2024/people-1.csv": PEOPLE.encode(),
            "2024/people-2.csv": gzip.compress(PEOPLE.encode()),
        }.items():
            client.put_object(Bucket="files", Key=key, Body=content)
        yield


@pytest.mark.usefixtures("store")
def test_files_of_a_store_are_loaded_by_a_pattern(
    commands: Commands, pipeline: Pipeline, environment: dict[str, str]
) -> None:
    urls = ("s3://files/places.csv", "s3://files/2024/people-*.csv")
    for outcome in ("4 of 4 rows queued", "unchanged, nothing to do"):
        produced = commands.run("producer", "--data", str(pipeline.data), *urls, **environment)
        assert produced.returncode == 0, produced.stderr
        assert produced.stderr == ""
        assert outcome in produced.stdout.splitlines()[-1]
        pipeline.work()
    assert [row[0] for row in pipeline.people()] == ["people-1.csv"] * 4 + ["people-2.csv"] * 4


@pytest.mark.usefixtures("store")
def test_check_reads_by_url(commands: Commands, pipeline: Pipeline, environment: dict[str, str]) -> None:
    urls = ("s3://files/places.csv", "s3://files/2024/people-1.csv")
    checked = commands.run("pipeline", "check", "--data", str(pipeline.data), *urls, **environment)
    assert checked.stdout.splitlines() == [
        "s3://files/places.csv: 3 rows, no problems",
        "s3://files/2024/people-1.csv: 4 rows, no problems",
    ]
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_file_of_a_web_server_is_loaded_over_a_broken_connection(
    commands: Commands, pipeline: Pipeline, web: WebServer, environment: dict[str, str]
) -> None:
    pipeline.load(places=PLACES)
    content, headers = gzip.compress(PEOPLE.encode()), {"ETag": '"one"'}
    web.answers = [Answer(content, headers=headers, sent=50), Answer(content, headers=headers)]
    url = web.url.replace("//", "//user:secret@") + "/people.csv.gz?key=secret"
    produced = commands.run("producer", "--debug", "--data", str(pipeline.data), url, **environment)
    assert produced.returncode == 0, produced.stderr
    assert produced.stdout == "people.csv: 4 of 4 rows queued in 1 chunk\n"
    assert f"{web.url}/people.csv.gz?...: the connection ended after 50 of {len(content)} bytes" in produced.stderr
    assert "secret" not in produced.stderr
    pipeline.work()
    assert [number for number, _ in named(pipeline)] == [1, 2, 3, 4]


def test_a_missing_file_loads_nothing(
    commands: Commands, pipeline: Pipeline, web: WebServer, environment: dict[str, str]
) -> None:
    web.answers = [Answer(status=404)]
    produced = commands.run("producer", f"{web.url}/people.csv", **environment)
    assert produced.returncode == 1
    assert produced.stderr == f"error: {web.url}/people.csv: no such file; correct the URL; nothing was queued\n"
    assert pipeline.rows("SELECT * FROM loads") == []


def test_a_server_that_stalls_ends_the_producer_at_the_limit(
    commands: Commands, pipeline: Pipeline, web: WebServer, environment: dict[str, str]
) -> None:
    web.answers = [Answer(PEOPLE.encode(), sent=50, stalls=True)]
    produced = commands.run("producer", "--drain-timeout", "2", f"{web.url}/people.csv", **environment)
    assert produced.returncode == 4
    assert produced.stderr.splitlines()[-1].startswith(
        f"error: DRAIN_TIMEOUT: not done after 2 s: {web.url}/people.csv: the connection ended after 50"
    )
    assert pipeline.rows("SELECT * FROM loads") == []


def test_a_description_is_not_of_a_url(commands: Commands) -> None:
    described = commands.run("pipeline", "describe", "https://user:secret@localhost/people.csv")
    assert described.returncode == 2
    assert described.stderr == (
        "error: https://localhost/people.csv: a description is of files of the data folder; fetch the file into it\n"
    )
