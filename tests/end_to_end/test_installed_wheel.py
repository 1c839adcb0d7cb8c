"""The wheel in an environment of its own, used from a folder outside of any checkout; and its bill of materials."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from pipeline import PROJECT, __version__
from tests.forked import run_forked

PACKAGES = ("exporter", "inspection", "pipeline", "producer", "worker")
FILES = ("LICENSE", "README.md", "pyproject.toml", "schema.sql")
COMMANDS = ("exporter", "pipeline", "producer", "worker")
EXERCISE = Path(os.environ.get("EXERCISE_DIR", PROJECT / "data"))
UV = (sys.executable, "-m", "uv", "--quiet")
SETTINGS = {name: value for name, value in os.environ.items() if name == "HOME" or name.startswith(("UV_", "SSL_"))}
FROM_INDEX = "WHEEL_FROM_INDEX" in os.environ  # also installs what the wheel depends on, which takes a network


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What a command prints; it sees no variable of the tests but these."""
    ended = subprocess.run(
        command, cwd=cwd, env={"PATH": os.defpath, **environment}, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: a build leaves files in its folder."""
    folder = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        shutil.copytree(
            PROJECT / package, folder / package, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in FILES:
        shutil.copy(PROJECT / name, folder)
    run(*UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable, cwd=folder, **SETTINGS)
    [wheel] = (folder / "dist").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands, in an environment that the wheel is installed into."""
    environment = tmp_path_factory.mktemp("installed") / "venv"
    run(*UV, "venv", "--python", sys.executable, environment, cwd=environment.parent, **SETTINGS)
    python = environment / "bin" / "python"
    install = (*UV, "--system-certs", "pip", "install", "--python", python)
    if FROM_INDEX:
        constraints = ("--constraint", PROJECT / "requirements-dev.txt")
        run(*install, *constraints, f"{wheel}[embedded]", cwd=environment, **SETTINGS)
    else:
        run(*install, "--no-index", "--no-deps", wheel, cwd=environment, **SETTINGS)
        packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=environment).strip()
        # Without the editable install: Python reads no .pth file of a folder that a .pth file names.
        Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin"


def test_the_exercise_runs_from_an_empty_folder(commands: Path, folder: Path) -> None:
    (folder / "data").mkdir()
    for name in ("places.csv", "people.csv"):
        shutil.copy(EXERCISE / name, folder / "data")
    first = run(commands / "pipeline", "run", cwd=folder, PIPELINE_STATE="state")
    assert (folder / "data" / "summary_output.json").read_bytes() == (EXERCISE / "sample_output.json").read_bytes()
    assert first.endswith("data/summary_output.json\n")
    second = run(commands / "pipeline", "run", cwd=folder, PIPELINE_STATE="state")
    assert "people.csv: 10,000 rows, unchanged, nothing to do" in second
    assert {path.name for path in folder.iterdir()} == {"data", "state"}


def test_files_are_described_and_checked(commands: Path, tmp_path: Path) -> None:
    shutil.copy(PROJECT / "data" / "places.csv", tmp_path)
    assert "places.csv" in run(commands / "pipeline", "check", "places.csv", cwd=tmp_path, DATA_DIR=".")
    assert run(commands / "pipeline", "describe", "places.csv", cwd=tmp_path, DATA_DIR=".").endswith(
        "wrote datapackage.json\n"
    )


def test_no_code_of_the_checkout_is_used(commands: Path, tmp_path: Path) -> None:
    shown = f"import {', '.join(PACKAGES)}; print(*(each.__file__ for each in ({', '.join(PACKAGES)})))"
    files = run(commands / "python", "-c", shown, cwd=tmp_path).split()
    assert [Path(file).is_relative_to(commands.parent) for file in files] == [True] * len(PACKAGES)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_tells_its_version(commands: Path, tmp_path: Path, command: str) -> None:
    version = f"{command} (csv-queue-pipeline) {__version__}\n"
    assert run(commands / command, "--version", cwd=tmp_path) == version
    as_module = run_forked([command, "--version"], {"PATH": os.defpath})
    assert as_module.stdout.endswith(version)


@pytest.mark.parametrize(
    ("command", "words", "completed", "other_shell"),
    [("pipeline", "pipeline desc", "describe", "zsh"), ("producer", "producer --dry", "--dry-run", "fish")],
)
def test_the_shell_completes_commands_and_options(
    commands: Path, tmp_path: Path, command: str, words: str, completed: str, other_shell: str
) -> None:
    variable = f"_{command.upper()}_COMPLETE"
    assert variable in run(commands / command, cwd=tmp_path, **{variable: f"{other_shell}_source"})
    asked = {variable: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "1"}
    assert run(commands / command, cwd=tmp_path, **asked) == f"plain,{completed}\n"
    sourced = f'eval "$({variable}=bash_source {command})"; complete -p {command}'
    path = f"{commands}:{os.defpath}"
    assert command in run("bash", "-c", sourced, cwd=tmp_path, PATH=path)


@pytest.mark.skipif(not FROM_INDEX, reason="asks the package index for the tool")
def test_make_sbom_lists_each_dependency_with_its_version() -> None:
    ended = subprocess.run(["make", "sbom"], cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    bill = json.loads((PROJECT / "build" / "sbom.json").read_text())
    locked = re.findall(r"^([\w-]+)==([^ ;\n]+)", (PROJECT / "requirements.txt").read_text(), re.MULTILINE)
    assert bill["bomFormat"] == "CycloneDX"
    assert sorted((component["name"], component["version"]) for component in bill["components"]) == sorted(locked)
    assert bill["metadata"]["component"]["name"] == "csv-queue-pipeline"
