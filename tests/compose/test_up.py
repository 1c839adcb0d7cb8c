"""`up --exit-code-from exporter`, as cron calls it: its exit code, and why it has failed. At the end all is taken down.

Each ends with all containers stopped. The stack is one of this file, in which nothing is started yet.
"""

import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.compose.conftest import COMPOSE, PASSWORDS, Stack, docker, leftovers, log, logged_errors, new_stack
from tests.marriages import MARRIAGES, REPORT, write_package, write_sql
from tests.support import generate, wait_until


@pytest.fixture(scope="module")
def stack(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:  # noqa: ARG001
    with new_stack("up", tmp_path_factory) as stack:
        yield stack


def test_up_ends_with_the_exporter_and_its_exit_code(stack: Stack) -> None:
    generate(stack.data, 10_000, seed=8)
    ended = stack.up()
    assert ended.returncode == 0, ended.stdout
    assert "people.csv: 10,000 rows = " in ended.stdout
    assert (stack.data / "summary_output.json").read_bytes() == (stack.data / "sample_output.json").read_bytes()


def test_a_broken_file_is_the_reason_that_the_exporter_gives(stack: Stack) -> None:
    broken = stack.checkout / "broken"
    broken.mkdir()
    (broken / "people.csv").write_text("given_name,family_name\n")
    ended = stack.up(DATA="./broken")
    assert ended.returncode == 1, ended.stdout
    assert "error: the producer failed: /data/people.csv line 1: column 'date_of_birth' is missing" in ended.stdout
    assert "reports into /data" not in ended.stdout


def test_the_line_for_cron_has_exit_code_and_output_of_the_exporter(stack: Stack) -> None:
    generate(stack.data, 10_000, seed=10)
    started = stack.run("up", "-d", "producer", "worker")
    assert started.returncode == 0, started.stderr
    exporter = stack.run("run", "-T", "--rm", "--use-aliases", "exporter")
    assert exporter.returncode == 0, exporter.stderr
    assert "waiting for the producer" in exporter.stderr
    assert "people.csv: 10,000 rows = " in exporter.stdout
    assert (stack.data / "summary_output.json").read_bytes() == (stack.data / "sample_output.json").read_bytes()
    stack.run("stop")


def test_a_producer_that_is_killed_ends_the_exporter(stack: Stack) -> None:
    generate(stack.data, 10_000, seed=9)
    stack.run("up", "-d", "--scale", "worker=0", QUEUE_LIMIT="1", CHUNK_ROWS="100")
    [producer], [exporter] = stack.containers("producer"), stack.containers("exporter")
    wait_until(lambda: "waiting for the producer" in log(exporter))
    docker("kill", producer)
    assert docker("wait", exporter).strip() == "1"
    assert logged_errors(exporter) == ["the producer failed: its container was killed before it was done"]
    stack.run("stop")


def test_a_password_that_the_volume_does_not_have_is_explained_and_the_remedy_works(stack: Stack) -> None:
    ended = stack.up(POSTGRES_PASSWORD="another", START_TIMEOUT="2", LOG_FORMAT="json")
    assert ended.returncode == 2, ended.stdout
    reason, remedy = "password authentication failed", "psql -h /run/postgresql -U pipeline -c '\\password'"
    assert reason in ended.stdout
    assert "keeps the POSTGRES_PASSWORD of the first start" in ended.stdout
    [exporter] = stack.containers("exporter")  # whose end stops the others, which may not have said so yet
    [error] = logged_errors(exporter)
    assert error.startswith("the schema failed: ")
    assert reason in error
    assert remedy in error
    stack.run("start", "postgres")
    [postgres] = stack.containers("postgres")
    wait_until(lambda: stack.inspect(postgres)["State"]["Health"]["Status"] == "healthy")
    command = [*COMPOSE, "exec", "-T", "postgres", *remedy.replace("'", "").split()]
    subprocess.run(
        command, cwd=stack.checkout, env=stack.environment, input="another\nanother\n", text=True, check=True
    )
    ended = stack.up(POSTGRES_PASSWORD="another")
    assert ended.returncode == 0, ended.stdout


def test_a_data_folder_that_does_not_exist_is_an_error(stack: Stack) -> None:
    """Compose 2.40 has the engine make one, in which the producer finds no file; others refuse to start."""
    folder = stack.checkout / "missing"
    for command in (("up", "--exit-code-from", "exporter"), ("run", "--rm", "producer")):
        ended = stack.run(*command, DATA="./missing")
        assert ended.returncode != 0
        shown = ended.stdout + ended.stderr
        assert ("holds none of" if folder.exists() else "bind source path does not exist") in shown
    assert not folder.exists() or not any(folder.iterdir())


def test_a_port_that_is_taken_is_named_and_down_removes_what_was_started(stack: Stack) -> None:
    stack.run("down")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = stack.run("up", "-d", POSTGRES_PORT=port)
    assert ended.returncode == 1
    assert port in ended.stderr
    assert "address already in use" in ended.stderr
    assert stack.run("down", "-v").returncode == 0
    assert leftovers(stack.project) == ""


def test_with_secrets_inspect_shows_no_password(stack: Stack) -> None:
    secrets = stack.checkout / "secrets"
    secrets.mkdir(mode=0o700)
    for name, password in PASSWORDS.items():
        (secrets / name.lower()).write_text(f"{password}\n")
        (secrets / name.lower()).chmod(0o644)
    ended = stack.up("docker-compose.yml", "docker-compose.secrets.yml")
    assert ended.returncode == 0, ended.stdout
    containers = docker("ps", "-a", "-q", "--filter", f"label=com.docker.compose.project={stack.project}").split()
    assert len(containers) == 7
    for container in containers:
        settings = [setting.partition("=") for setting in stack.inspect(container)["Config"]["Env"]]
        assert {value for name, _, value in settings if name.endswith("_PASSWORD")} == {""}
    shutil.rmtree(secrets)


def test_sql_and_reports_of_the_user_s_are_mounted(stack: Stack) -> None:
    data = stack.checkout / "parish"
    data.mkdir()
    write_package(data)
    (data / "marriages.csv").write_text(MARRIAGES)
    write_sql(stack.checkout / "datasets")
    (stack.checkout / "reports").mkdir()
    (stack.checkout / "reports" / "marriages_by_place.csv.sql").write_text(REPORT)
    ended = stack.up("docker-compose.yml", "docker-compose.extend.yml", DATA="./parish")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (data / "marriages_by_place.csv").read_text() == "place,marriages\nAyr,2\nOban,1\n"
    assert not (data / "summary_output.json").exists()


def test_down_leaves_nothing(stack: Stack) -> None:
    assert leftovers(stack.project)
    down = stack.run("down", "-v", "--remove-orphans")
    assert down.returncode == 0, down.stderr
    assert leftovers(stack.project) == ""
