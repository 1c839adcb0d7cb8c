"""Files on a web server are read whole, or not at all."""

import gzip
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from pipeline import waiting
from pipeline.errors import DrainTimeoutError, InputError, SettingsError
from pipeline.url import Url
from producer.files import remote_file
from producer.files.content import OpenedFiles
from producer.files.encodings import Encoding
from producer.sources import Source, find_sources
from tests.unit.reading import PEOPLE
from tests.web_server import Answer, WebServer, serving

CONTENT = random.Random(7).randbytes(500_000).hex().encode()  # as much as takes several reads
ETAG = {"ETag": '"one"'}
CHANGED_LONG_AGO = {"Last-Modified": "Wed, 25 Nov 2026 11:58:00 GMT"}
CHANGED_JUST_NOW = {"Last-Modified": "Wed, 25 Nov 2026 11:59:59 GMT"}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def web(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(waiting, "PAUSES", (0.01,))
    monkeypatch.setattr(remote_file, "ANSWER_TIMEOUT", 0.5)
    with serving(authority) as server:
        yield server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a minute."""
    defaults = waiting.retry_transient.__kwdefaults__ or {}
    monkeypatch.setattr(waiting.retry_transient, "__kwdefaults__", {**defaults, "seconds": 0.2})


def read(url: str) -> bytes:
    with OpenedFiles() as contents:
        return read_by(contents, url)


def read_by(contents: OpenedFiles, url: str) -> bytes:
    with contents.opened(Source("people.csv", Url(url), PEOPLE), Encoding(None)) as content:
        return content.file.read()


def refusal(url: str) -> str:
    with pytest.raises(InputError) as refused:
        read(url)
    return str(refused.value)


def ranges(web: WebServer) -> list[str | None]:
    return [headers.get("Range") for _, headers in web.requests]


@pytest.mark.parametrize("answer", [Answer(CONTENT), Answer(CONTENT, is_chunked=True), Answer(gzip.compress(CONTENT))])
def test_a_file_is_read_whole(web: WebServer, answer: Answer) -> None:
    web.answers = [answer]
    assert read(f"{web.url}/people.csv") == CONTENT
    assert len(web.requests) == 1


def test_an_empty_file_is_empty(web: WebServer) -> None:
    web.answers = [Answer()]
    assert read(f"{web.url}/people.csv") == b""


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_broken_connection_goes_on_where_it_broke(web: WebServer, is_chunked: bool) -> None:
    web.answers = [
        Answer(CONTENT, headers=ETAG, sent=300_000, is_chunked=is_chunked),
        Answer(CONTENT, headers=ETAG, sent=400_000),
        Answer(CONTENT, headers=ETAG),
    ]
    assert read(f"{web.url}/people.csv") == CONTENT
    first, second, third = ranges(web)
    assert first is None
    assert second
    assert third
    assert int(second[6:-1]) <= 300_000 < int(third[6:-1])


@pytest.mark.parametrize(("etag", "has_ranges"), [({}, True), ({"ETag": 'W/"weak"'}, True), (ETAG, False)])
def test_without_ranges_it_begins_again(web: WebServer, etag: dict[str, str], has_ranges: bool) -> None:
    web.answers = [Answer(CONTENT, headers=etag, sent=300_000), Answer(CONTENT, headers=etag, has_ranges=has_ranges)]
    assert read(f"{web.url}/people.csv") == CONTENT


def test_a_connection_that_stalls_is_given_up_for_another(web: WebServer) -> None:
    web.answers = [Answer(CONTENT, headers=ETAG, sent=300_000, stalls=True), Answer(CONTENT, headers=ETAG)]
    assert read(f"{web.url}/people.csv") == CONTENT


@pytest.mark.parametrize("etag", [{}, ETAG])
def test_a_file_that_changes_meanwhile_is_refused(web: WebServer, etag: dict[str, str]) -> None:
    other = {"ETag": '"two"'} if etag else {}
    web.answers = [Answer(CONTENT, headers=etag, sent=300_000), Answer(CONTENT[1:] + b"x", headers=other)]
    url = f"{web.url}/people.csv"
    assert refusal(url) == f"{url}: changed while it was being read; run the producer again"


def test_a_part_of_another_file_is_refused(web: WebServer) -> None:
    """The server ignores If-Range."""
    other = Answer(CONTENT[300_000:], status=206, headers={"ETag": '"two"', "Content-Range": "bytes 1-9/10"})
    web.answers = [Answer(CONTENT, headers=ETAG, sent=300_000), other]
    assert "changed while it was being read" in refusal(f"{web.url}/people.csv")


@pytest.mark.usefixtures("impatient")
def test_a_file_that_stays_shorter_than_promised_is_refused(web: WebServer) -> None:
    web.answers = [Answer(CONTENT, length=len(CONTENT) + 5)]
    fault = refusal(f"{web.url}/people.csv")
    assert fault.startswith(
        f"{web.url}/people.csv: the connection ended after 1,000,000 of 1,000,005 bytes; retried for"
    )


def test_a_file_without_a_length_is_refused(web: WebServer) -> None:
    web.answers = [Answer(CONTENT, has_length=False)]
    assert "the server does not say how long the file is" in refusal(f"{web.url}/people.csv")


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, "the server asks for a password; give it as https://USER:PASSWORD@HOST/ or in ~/.netrc"),
        (403, "the server refuses access; correct the URL or the rights"),
        (404, "no such file; correct the URL"),
        (418, "the server answers 418; correct the URL"),
    ],
)
def test_a_refusal_is_told_at_once(web: WebServer, status: int, fault: str) -> None:
    web.answers = [Answer(status=status)]
    assert refusal(f"{web.url}/people.csv") == f"{web.url}/people.csv: {fault}"
    assert len(web.requests) == 1


def test_a_server_in_trouble_is_asked_again(web: WebServer) -> None:
    web.answers = [Answer(status=500), Answer(status=503), Answer(status=429), Answer(CONTENT)]
    assert read(f"{web.url}/people.csv") == CONTENT


@pytest.mark.usefixtures("impatient")
def test_a_server_that_stays_in_trouble_is_an_error(web: WebServer) -> None:
    web.answers = [Answer(status=503)]
    assert refusal(f"{web.url}/people.csv").startswith(f"{web.url}/people.csv: the server answers 503; retried for")


@pytest.mark.parametrize("answer", [Answer(CONTENT, sent=300_000, stalls=True), Answer(CONTENT, sent=0, stalls=True)])
def test_a_server_that_stalls_ends_the_wait_at_the_limit(
    web: WebServer, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_limit", 0.7)
    web.answers = [answer]
    url = web.url.replace("//", "//user:secret@")
    with pytest.raises(DrainTimeoutError, match=r"^DRAIN_TIMEOUT: not done after 0.7 s: https://localhost") as ended:
        read(f"{url}/people.csv?key=secret")
    assert "secret" not in str(ended.value)


@pytest.mark.usefixtures("impatient", "web")
def test_a_server_that_is_away_is_named_without_credentials() -> None:
    with serving() as gone:
        url = gone.url
    fault = refusal(url.replace("//", "//user:secret@") + "/people.csv?token=secret")
    assert fault.startswith(f"{url}/people.csv?...: Connection refused; retried for")


def test_a_certificate_that_is_not_trusted_is_refused_at_once(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    fault = refusal(f"{web.url}/people.csv")
    assert fault.startswith(f"{web.url}/people.csv: the certificate is refused: ")


def test_a_url_shows_no_secret() -> None:
    url = Url("https://user:secret@localhost/people.csv?signature=secret")
    assert "secret" not in f"{url} {url!r}"


def test_a_redirect_is_followed_but_not_to_an_open_connection(web: WebServer) -> None:
    with serving() as plain:
        plain.answers = [Answer(status=302, headers={"Location": f"{web.url}/people.csv"})]
        web.answers = [Answer(CONTENT)]
        assert read(f"{plain.url}/people.csv") == CONTENT
        web.answers = [Answer(status=302, headers={"Location": f"{plain.url}/people.csv"})]
        fault = "the server redirects from https:// to http://; correct the URL"
        assert refusal(f"{web.url}/people.csv") == f"{web.url}/people.csv: {fault}"
        web.answers = [Answer(status=302, headers={"Location": "ftp://localhost/people.csv"})]
        assert "redirects from https:// to ftp://" in refusal(f"{web.url}/people.csv")


def test_credentials_go_to_their_server_alone(web: WebServer, tmp_path: Path) -> None:
    to_itself = Answer(status=302, headers={"Location": "/elsewhere.csv"})
    with serving() as first:
        first.answers = [to_itself, Answer(status=302, headers={"Location": f"{web.url}/people.csv"})]
        web.answers = [Answer(CONTENT)]
        assert read(first.url.replace("//", "//us%40er:p%3Ass@") + "/people.csv") == CONTENT
        sent = [headers["Authorization"] for _, headers in (*first.requests, *web.requests)]
        assert sent == ["Basic dXNAZXI6cDpzcw==", "Basic dXNAZXI6cDpzcw==", None]
    (tmp_path / ".netrc").write_text("machine localhost login user password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert read(f"{web.url}/people.csv") == CONTENT
    assert web.requests[-1][1]["Authorization"] == "Basic dXNlcjpzZWNyZXQ="


@pytest.mark.parametrize(
    ("headers", "is_told"),
    [
        (ETAG, True),
        ({**ETAG, **CHANGED_LONG_AGO}, True),
        ({**ETAG, **CHANGED_JUST_NOW}, False),
        ({"ETag": 'W/"one"'}, False),
        (CHANGED_LONG_AGO, False),
    ],
)
def test_a_version_is_a_strong_etag_of_a_file_that_stays(
    web: WebServer, headers: dict[str, str], is_told: bool
) -> None:
    web.answers = [Answer(CONTENT, headers=headers)]
    source = Source("people.csv", Url(f"{web.url}/people.csv"), PEOPLE)
    with OpenedFiles() as contents:
        read_by(contents, f"{web.url}/people.csv")
        version = contents.versions.get("people.csv")
        assert bool(version) == is_told
    with OpenedFiles() as contents:
        assert contents.has_version(source, version) == is_told
        web.answers = [Answer(CONTENT, headers={"ETag": '"two"'})]
        assert not contents.has_version(source, version)


def test_a_file_is_called_as_the_last_part_of_its_path() -> None:
    folder = Path("none")
    names = {
        "https://host/a/people.csv.gz?version=3#part": "people.csv",
        "https://host/people%2D2.csv": "people-2.csv",
        "s3://bucket/2024/people-2.csv.zst": "people-2.csv",
        "sftp://user@host/people.csv": "people.csv",
    }
    for url, name in names.items():
        [source] = find_sources(folder, (Url(url),))
        assert source.name == name
    [source] = find_sources(folder, (Url("https://host/export?id=3"),), "people.csv")
    assert source.name == "people.csv"
    with pytest.raises(
        InputError, match=r"^https://host/export\?...: 'export' matches no dataset; use --name .*--data$"
    ):
        find_sources(folder, (Url("https://user:secret@host/export?id=3"),))


@pytest.mark.parametrize(
    "url", ["ftp://user:secret@host/people.csv", "https:///people.csv", "https://host:x/people.csv"]
)
def test_a_url_that_cannot_be_read_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Url(url)
    assert "secret" not in str(refused.value)
