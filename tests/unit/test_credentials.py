"""URLs with a password in them: refused without a word of it unless they can be read in one way only."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.credentials import check_url, with_password
from pipeline.errors import CannotConnectError, SettingsError
from pipeline.waiting import naming
from tests.support import examples

POSTGRESQL = ("postgresql", "postgres")
REDIS = ("redis", "rediss", "unix")


@pytest.mark.parametrize(
    ("url", "schemes"),
    [
        ("postgresql://user:p%40ss%2Fw%3Ard%3F%23%25@host:5432/name", POSTGRESQL),
        ("postgresql://user:a-b_c.d~e!f$g&h'i(j)k*l+m,n;o=p@host/name", POSTGRESQL),
        ("postgres://user@host/name?sslmode=require&password=p%40ss", POSTGRESQL),
        ("postgresql://", POSTGRESQL),
        ("postgresql:///name?host=/run/postgresql", POSTGRESQL),
        ("postgresql://user:secret@%2Frun%2Fpostgresql/name", POSTGRESQL),
        ("postgresql://user:secret@one:5432,two_2:5433/name?target_session_attrs=read-write", POSTGRESQL),
        ("postgresql://user:secret@[::1]:5432/name", POSTGRESQL),
        ("postgresql://user:secret@one:5432,[::1]:5433/name", POSTGRESQL),
        ("redis://:secret@host:6379/0", REDIS),
        ("redis://host", REDIS),
        ("rediss://user:s%25@host:6380/0?ssl_cert_reqs=none", REDIS),
        ("unix:///run/redis.sock?db=0", REDIS),
        ("unix://user:secret@/run/redis.sock", REDIS),
    ],
)
def test_a_url_that_can_be_read_in_one_way_is_taken(url: str, schemes: tuple[str, ...]) -> None:
    check_url("SERVER_URL", url, schemes, "an example")


SPECIAL = '@/?#:%[]<>"\\^`{|} \t\né℀'
PASSWORDS = [
    form.format(each) for form in ("{0}rpq", "pq{0}r", "pqr{0}", "{0}", "1{0}r", "1{0}{0}r") for each in SPECIAL
]
REFUSAL = r"SERVER_URL is not a URL such as an example; .* percent-encoded: .*"


@pytest.mark.parametrize(
    ("url", "schemes"),
    [
        ("postgresql://user:{}@host:5432/name", POSTGRESQL),
        ("postgresql://user:{}@host", POSTGRESQL),
        ("postgresql://user:{}@[::1]/name?sslmode=require", POSTGRESQL),
        ("redis://:{}@host:6379/0", REDIS),
        ("rediss://user:{}@host", REDIS),
    ],
)
def test_a_password_that_is_not_encoded_is_refused(url: str, schemes: tuple[str, ...]) -> None:
    accepted = []
    for password in PASSWORDS:
        try:
            check_url("SERVER_URL", url.format(password), schemes, "an example")
            accepted.append(password)
        except SettingsError as refused:
            assert re.fullmatch(REFUSAL, str(refused)), password  # noqa: PT017
            assert (refused.__cause__, refused.__context__) == (None, None), password  # noqa: PT017
    assert accepted == []


@pytest.mark.parametrize(
    "url",
    [
        "host=localhost password=secret",
        "password=secret",
        "secret",
        "",
        "mysql://user:secret@host/name",
        "postgresql:/user:secret@host/name",
        " postgresql://user:secret@host/name",
        "postgresql://user:secret",
        "postgresql://user:secret@host:port/name",
        "postgresql://user:secret@host:5432:5433/name",
        "postgresql://user:secret@[host]/name",
        "postgresql://user:secret@[:::]/name",
        "postgresql://:12345/name",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        check_url("SERVER_URL", url, POSTGRESQL, "an example")
    assert "secret" not in str(refused.value)
    assert refused.value.__context__ is None


def test_a_url_of_another_kind_of_server_is_told_how_it_has_to_begin() -> None:
    with pytest.raises(SettingsError) as refused:
        check_url("REDIS_URL", "http://user:secret@host", REDIS, "redis://host:6379/0")
    begins = "REDIS_URL is not a URL that begins with redis://, rediss:// or unix://"
    assert str(refused.value) == f"{begins}; an example is redis://host:6379/0"


@examples(50)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_password_by_itself_needs_no_encoding(password: str) -> None:
    for url in ("postgresql://user@host:5432/name?sslmode=require", "redis://host:6379/0", "unix:///run/redis.sock"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SERVER_PASSWORD", password)
            completed = with_password("SERVER_URL", url)
        check_url("SERVER_URL", completed, (*POSTGRESQL, *REDIS), "an example")
        before, after = urlsplit(url), urlsplit(completed)
        assert unquote(after.password or "") == password
        assert (after.username or "", after.hostname, after.path) == (
            before.username or "",
            before.hostname,
            before.path,
        )
        assert after.query == before.query


def test_a_url_that_has_a_password_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_PASSWORD", "other")
    assert with_password("SERVER_URL", "redis://:secret@host") == "redis://:secret@host"


def refusal() -> str:
    """What a server that refuses the login ends with."""

    def connect() -> None:
        raise CannotConnectError("refused", is_permanent=True, is_answered=True)

    with pytest.raises(SettingsError) as raised:
        naming(connect, "SERVER_URL")
    return str(raised.value)


def test_a_refused_login_names_the_setting_that_gave_the_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_password("SERVER_URL", "redis://host")
    assert refusal() == "SERVER_URL: refused; correct the setting"
    file = tmp_path / "password"
    file.write_text("from a file")
    monkeypatch.setenv("SERVER_PASSWORD_FILE", str(file))
    with_password("SERVER_URL", "redis://host")
    assert refusal() == "SERVER_URL: refused; correct the setting or SERVER_PASSWORD_FILE"
    monkeypatch.setenv("SERVER_PASSWORD", "from the environment")
    with_password("SERVER_URL", "redis://host")
    assert refusal() == "SERVER_URL: refused; correct the setting or SERVER_PASSWORD"
    with_password("SERVER_URL", "redis://:own@host")
    assert refusal() == "SERVER_URL: refused; correct the setting"
