"""The hooks of .pre-commit-config.yaml, with the tools of .venv."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from pipeline import PROJECT


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """With the project's settings and tools, and packages without code: the tools have little to read."""
    folder = tmp_path / "repository"
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    for name in (".gitignore", ".pre-commit-config.yaml", "pyproject.toml"):
        shutil.copy(PROJECT / name, folder)
    (folder / ".venv").symlink_to(PROJECT / ".venv")
    checked = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["mypy"]
    for package in checked["packages"]:
        path = folder / package.replace(".", "/")
        path.mkdir(parents=True)
        (path / "__init__.py").touch()
    for module in checked["modules"]:
        (folder / module.replace(".", "/")).with_suffix(".py").touch()
    return folder


def test_a_commit_is_refused_until_it_passes_style_and_types(tmp_path: Path, repository: Path) -> None:
    environment = os.environ | {
        "PRE_COMMIT_HOME": str(tmp_path / "home"),
        "MYPY_CACHE_DIR": str(tmp_path / "cache"),
        "HTTPS_PROXY": "http://127.0.0.1:9",  # nothing may be downloaded
    }

    def run(*command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, timeout=120)

    installed = run(".venv/bin/pre-commit", "install")
    assert installed.returncode == 0, installed.stderr
    name = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    outcomes = {}
    for text in ("import os\nx: int = 'text'\n", "X: int = 1\n"):
        (repository / "worker" / "added.py").write_text(text)
        run("git", "add", "--all")
        ended = run("git", *name, "commit", "--message", "Add a module")
        hooks = re.findall(r"^([a-z ]+)\.+(Passed|Failed)$", ended.stderr, re.MULTILINE)
        outcomes[ended.returncode] = dict(hooks)
    tools = ("ruff", "ruff format", "mypy")
    assert outcomes == {1: dict.fromkeys(tools, "Failed"), 0: dict.fromkeys(tools, "Passed")}
