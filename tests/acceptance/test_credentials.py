"""Passwords of the real commands: read from files, and never shown."""

import json
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from tests.conftest import PEOPLE, PLACES, Commands, Pipeline

SPECIAL = "s3cr3t p@ss/w:rd?#%41'\"\\"
COMMANDS = ["producer", "worker", "exporter", "pipeline run", "pipeline schema"]


@pytest.fixture
def files(commands: Commands, tmp_path: Path) -> dict[str, str]:
    """The variables that name files with the URLs of the servers, and none that holds a URL."""
    variables = {"DATABASE_URL": "", "REDIS_URL": ""}
    for name in ("DATABASE_URL", "REDIS_URL"):
        file = tmp_path / name
        file.write_text(f"{commands.services.environment[name]}\n")
        variables[f"{name}_FILE"] = str(file)
    return variables


def test_every_stage_finds_its_servers_in_files(commands: Commands, pipeline: Pipeline, files: dict[str, str]) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    folders = {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data)}
    for command in (["pipeline", "schema"], ["producer"], ["worker", "--burst"], ["exporter"]):
        ended = commands.run(*command, **folders, **files)
        assert ended.returncode == 0, ended.stderr
    assert (pipeline.data / "summary_output.json").read_text() == '{"Scotland":2,"Ireland":1,"Wales":1}'
    ended = commands.run("pipeline", "run", **folders, **files)
    assert ended.returncode == 0, ended.stderr
    assert "people.csv: 4 rows, unchanged, nothing to do" in ended.stdout


def test_a_flag_wins_over_a_variable_and_a_variable_over_its_file(commands: Commands, files: dict[str, str]) -> None:
    good = commands.services.environment["REDIS_URL"]
    assert (
        commands.run("worker", "--burst", **{**files, "REDIS_URL": good, "REDIS_URL_FILE": "/nowhere"}).returncode == 0
    )
    bad = "redis://host.invalid:1"
    ended = commands.run("worker", "--burst", **{**files, "REDIS_URL": bad})
    assert (ended.returncode, "host.invalid:1" in ended.stderr) == (2, True)
    ended = commands.run("worker", "--burst", "--redis-url", good, **{**files, "REDIS_URL": bad})
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(
    commands: Commands, files: dict[str, str], tmp_path: Path, command: str
) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for file, reason in (
        (tmp_path / "missing", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (tmp_path / "empty", "is empty"),
        (tmp_path / "binary", "is not a text in UTF-8"),
    ):
        ended = commands.run(*command.split(), **{**files, "DATABASE_URL_FILE": str(file)})
        assert ended.returncode == 2
        assert ended.stderr.startswith("error: DATABASE_URL_FILE: ")
        assert str(file) in ended.stderr
        assert reason in ended.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_the_files(commands: Commands, command: str) -> None:
    shown = " ".join(commands.run(*command.split(), "--help", DATABASE_URL_FILE="/nowhere").stdout.split())
    assert "DATABASE_URL_FILE" in shown
    assert ("REDIS_URL_FILE" in shown) == (command != "pipeline schema")


def as_role(commands: Commands, role: str, password: str) -> str:
    url = urlsplit(commands.services.database_url)
    return f"postgresql://{role}:{quote(password, safe='')}@{url.netloc.rpartition('@')[2]}{url.path}"


def test_the_stages_log_in_as_their_roles_with_the_stage_password(
    commands: Commands,
    pipeline: Pipeline,
    tmp_path: Path,
    login_roles: None,  # noqa: ARG001
) -> None:
    """The one of a variable, then the one of a file; the server's log holds neither."""
    pipeline.write(places=PLACES, people=PEOPLE)
    folders = {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data)}
    [(database, cluster)] = pipeline.rows("SELECT current_database(), current_setting('data_directory')")
    with pipeline.database.transaction() as tx:
        tx.run(f"ALTER DATABASE {database} SET log_statement = 'all'")
    (tmp_path / "password").write_text(f"{SPECIAL}\n")
    for password, variables in (
        ("s3cr3t", {"STAGE_PASSWORD": "s3cr3t", "STAGE_PASSWORD_FILE": str(tmp_path / "password")}),
        (SPECIAL, {"STAGE_PASSWORD_FILE": str(tmp_path / "password")}),
    ):
        ended = commands.run("pipeline", "schema", "--debug", **variables)
        assert ended.returncode == 0, ended.stderr
        assert "s3cr3t" not in ended.stdout + ended.stderr
        for stage, *options in (["producer"], ["worker", "--burst"], ["exporter"]):
            url = as_role(commands, f"pipeline_{stage}", password)
            ended = commands.run(stage, "--debug", *options, **folders, DATABASE_URL=url)
            assert ended.returncode == 0, ended.stderr
            assert "s3cr3t" not in ended.stdout + ended.stderr
    assert (pipeline.data / "summary_output.json").read_text() == '{"Scotland":2,"Ireland":1,"Wales":1}'
    log = (Path(cluster).parent / "postgresql.log").read_text()
    assert 'ALTER ROLE "pipeline_worker" LOGIN PASSWORD' in log
    assert "s3cr3t" not in log


def test_without_a_stage_password_no_role_can_log_in(commands: Commands) -> None:
    assert commands.run("pipeline", "schema", STAGE_PASSWORD="").returncode == 0
    ended = commands.run("worker", "--burst", DATABASE_URL=as_role(commands, "pipeline_worker", "s3cr3t"))
    assert ended.returncode == 2
    assert "s3cr3t" not in ended.stderr


def test_a_stage_password_that_cannot_be_set_is_an_error_with_the_remedy(
    commands: Commands, pipeline: Pipeline
) -> None:
    """The owner of the database may create its tables, but not alter roles."""
    with pipeline.database.transaction() as tx:
        tx.run("CREATE ROLE owner_of_one LOGIN PASSWORD 'owner'")
        tx.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION owner_of_one")
    owner = {"DATABASE_URL": as_role(commands, "owner_of_one", "owner")}
    ended = commands.run("pipeline", "schema", STAGE_PASSWORD="s3cr3t", **owner)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: STAGE_PASSWORD: PostgreSQL error 42501")
    assert "connect as a user who may create roles" in ended.stderr
    assert "s3cr3t" not in ended.stderr
    assert commands.run("pipeline", "schema", **owner).returncode == 0


MALFORMED = {
    "DATABASE_URL": [
        *(f"postgresql://user:{password}@127.0.0.1:1/name" for password in ("s3cr3t@s3cr3t", "s3cr3t%s3cr3t")),
        *(
            f"postgresql://user:{password}@127.0.0.1:1/name"
            for password in ("s3cr3t/x", "s3cr3t?x", "s3cr3t#x", "1:s3cr3t")
        ),
        "postgresql://user:1/s3cr3t@127.0.0.1:1/name",
        "postgresql://user:[s3cr3t@127.0.0.1:1/name",
        "postgresql://user:s3cr3t℀@127.0.0.1:1/name",
        "postgresql://user:s3cr3t",
        "postgresql://127.0.0.1:1/name?password=1&s3cr3t",
        "host=127.0.0.1 port=1 password=s3cr3t",
        "mysql://user:s3cr3t@127.0.0.1/name",
    ],
    "REDIS_URL": [
        *(f"redis://:{password}@127.0.0.1:1/0" for password in ("s3cr3t@s3cr3t", "s3cr3t%s3cr3t")),
        *(f"redis://:{password}@127.0.0.1:1/0" for password in ("s3cr3t/x", "s3cr3t?x", "s3cr3t#x", "1:s3cr3t")),
        "redis://:1/s3cr3t@127.0.0.1:1/0",
        "redis://:[s3cr3t@127.0.0.1:1/0",
        "redis://:s3cr3t",
        "redis://:s3cr3t@127.0.0.1:port/0",
        "redis://:s3cr3t@127.0.0.1:99999/0",
        "redis://127.0.0.1:1/0?password=1&s3cr3t=1",
        "http://:s3cr3t@127.0.0.1:1/0",
    ],
}
UNREACHABLE = {
    "DATABASE_URL": [
        "postgresql://user:s3cr3t@127.0.0.1:1/name",
        "postgresql://user:s3cr3t@127.0.0.1:99999/name",
        "postgresql://user:s3cr3t@127.0.0.1:1,127.0.0.1:2/name",
        "postgresql://user:s3cr3t@host.invalid/name?password=s3cr3t",
        "postgresql://user:s3cr3t@[::1]:1/name",
    ],
    "REDIS_URL": [
        "redis://:s3cr3t@127.0.0.1:1/0",
        "redis://user:s3cr3t@host.invalid/0",
        "rediss://:s3cr3t@[::1]:1/0",
        "unix://:s3cr3t@/nowhere/redis.sock",
    ],
}


@pytest.mark.parametrize("variable", ["DATABASE_URL", "REDIS_URL"])
def test_a_malformed_url_is_refused_without_a_word_of_it(commands: Commands, variable: str) -> None:
    for url in MALFORMED[variable]:
        ended = commands.run("worker", "--debug", LOG_FORMAT="json", **{variable: url})
        assert ended.returncode == 2, ended.stderr
        assert json.loads(ended.stderr.splitlines()[-1])["message"].startswith(f"{variable} is not a ")
        assert "s3cr3t" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("variable", ["DATABASE_URL", "REDIS_URL"])
def test_a_server_that_cannot_be_reached_is_named_without_the_password(commands: Commands, variable: str) -> None:
    for url in UNREACHABLE[variable]:
        ended = commands.run("exporter", "--debug", LOG_FORMAT="json", DRAIN_TIMEOUT="0", **{variable: url})
        assert ended.returncode in (2, 4), ended.stderr
        assert ": cannot " in json.loads(ended.stderr.splitlines()[-1])["message"]
        assert "s3cr3t" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_shows_a_password(commands: Commands, command: str) -> None:
    """Malformed, of a server that cannot be reached, and wrong; as a variable, as a flag and in a file."""
    wrong = as_role(commands, "pipeline", "s3cr3t")
    for url in (MALFORMED["DATABASE_URL"][0], UNREACHABLE["DATABASE_URL"][3], wrong):
        for options, variables in (
            ([], {"DATABASE_URL": url}),
            (["--database-url", url], {"LOG_FORMAT": "json"}),
            (["--debug"], {"DATABASE_URL": url, "LOG_FORMAT": "json"}),
        ):
            ended = commands.run(*command.split(), *options, **variables)
            assert ended.returncode in (1, 2), ended.stderr
            assert "error: " in ended.stderr or json.loads(ended.stderr.splitlines()[-1])["level"] == "error"
            assert "s3cr3t" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("options", [[], ["--debug"]])
def test_a_wrong_password_of_redis_is_not_shown(commands: Commands, options: list[str]) -> None:
    server = urlsplit(commands.services.redis_url).netloc.rpartition("@")[2]
    ended = commands.run("worker", *options, REDIS_URL=f"redis://:s3cr3t@{server}/0", LOG_FORMAT="json")
    assert ended.returncode == 2, ended.stderr
    assert "s3cr3t" not in ended.stdout + ended.stderr


def test_a_password_of_redis_may_hold_what_is_special_in_a_url(commands: Commands, pipeline: Pipeline) -> None:
    redis, server = pipeline.queue.connection, urlsplit(commands.services.redis_url).netloc.rpartition("@")[2]
    redis.acl_setuser(
        "special", enabled=True, passwords=[f"+{SPECIAL}"], categories=["+@all"], keys=["*"], channels=["*"]
    )
    ended = commands.run(
        "worker", "--burst", "--debug", REDIS_URL=f"redis://special:{quote(SPECIAL, safe='')}@{server}/0"
    )
    redis.acl_deluser("special")
    assert ended.returncode == 0, ended.stderr
    assert "s3cr3t" not in ended.stdout + ended.stderr
