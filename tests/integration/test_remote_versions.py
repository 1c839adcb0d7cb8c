"""A file that a server says is unchanged is not read again."""

from collections.abc import Iterator

import pytest

from pipeline.url import Url
from producer.files.encodings import Encodings
from producer.files.web_file import WebFile
from producer.produce import Produced, produce
from producer.sources import find_sources
from tests.conftest import PEOPLE, PLACES, Pipeline
from tests.web_server import Answer, WebServer, serving


@pytest.fixture
def web() -> Iterator[WebServer]:
    with serving() as server:
        yield server


@pytest.fixture
def read_bytes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What is read of files on web servers, as it happens."""
    blocks: list[bytes] = []
    original = WebFile.read_some

    def read_some(self: WebFile, size: int) -> bytes:
        blocks.append(original(self, size))
        return blocks[-1]

    monkeypatch.setattr(WebFile, "read_some", read_some)
    return blocks


def load(pipeline: Pipeline, url: str, *encodings: str) -> Produced:
    sources = find_sources(pipeline.data, (Url(url),))
    [done] = produce(
        sources,
        pipeline.database,
        pipeline.queue,
        chunk_rows=2,
        queue_limit=9,
        encodings=Encodings.parse(encodings),
    )
    pipeline.take_and_load()
    return done


def answer(content: str, etag: str) -> list[Answer]:
    return [Answer(content.encode(), headers={"ETag": etag})]


def test_the_version_that_was_loaded_is_not_read_again(
    pipeline: Pipeline, web: WebServer, read_bytes: list[bytes]
) -> None:
    pipeline.load(places=PLACES)
    url = f"{web.url}/people.csv"
    web.answers = answer(PEOPLE, '"one"')
    assert load(pipeline, url).queued_chunks == 2
    read_bytes.clear()
    done = load(pipeline, url)
    assert (done.row_count, done.queued_chunks, read_bytes) == (4, 0, [])
    web.answers = answer(PEOPLE + PEOPLE.splitlines(keepends=True)[1], '"two"')
    assert load(pipeline, url).row_count == 5
    assert len(pipeline.people()) == 5


def test_a_new_version_with_the_same_content_is_read_once(
    pipeline: Pipeline, web: WebServer, read_bytes: list[bytes]
) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)  # from the folder
    url = f"{web.url}/people.csv"
    web.answers = answer(PEOPLE, '"one"')
    assert load(pipeline, url).queued_chunks == 0
    assert b"".join(read_bytes) == PEOPLE.encode()
    read_bytes.clear()
    load(pipeline, url)
    assert read_bytes == []


def test_the_same_version_elsewhere_or_in_another_encoding_is_read(
    pipeline: Pipeline, web: WebServer, read_bytes: list[bytes]
) -> None:
    pipeline.load(places=PLACES)
    web.answers = answer(PEOPLE, '"one"')
    load(pipeline, f"{web.url}/people.csv")
    for url, encoding in ((f"{web.url}/copy/people.csv", "utf-8"), (f"{web.url}/people.csv", "people.csv=latin-1")):
        read_bytes.clear()
        load(pipeline, url, encoding)
        assert b"".join(read_bytes) == PEOPLE.encode()


def test_rejected_rows_of_an_unchanged_file_come_back(pipeline: Pipeline, web: WebServer) -> None:
    web.answers = answer(PEOPLE, '"one"')
    load(pipeline, f"{web.url}/people.csv")
    assert pipeline.people() == []
    pipeline.write(places=PLACES)
    pipeline.produce()
    pipeline.take_and_load()
    assert load(pipeline, f"{web.url}/people.csv").queued_rows == 4
    assert len(pipeline.people()) == 4


def test_no_credential_is_in_the_database(pipeline: Pipeline, web: WebServer) -> None:
    pipeline.load(places=PLACES)
    web.answers = answer(PEOPLE, '"one"')
    load(pipeline, web.url.replace("//", "//user:secret@") + "/people.csv?signature=secret")
    [(version,)] = pipeline.rows("SELECT remote_version FROM loads WHERE remote_version IS NOT NULL")
    assert len(version) == 64
    for table in ("sources", "loads", "load_chunks"):
        assert pipeline.rows(f"SELECT true FROM {table} WHERE {table}::text LIKE '%%secret%%'") == []
