"""The hooks of .pre-commit-config.yaml, with the tools of .venv."""

import os
import re
import subprocess
from pathlib import Path

from pipeline import PROJECT


def test_a_commit_is_refused_until_it_passes_style_and_types(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", PROJECT, clone], check=True)
    (clone / ".venv").symlink_to(PROJECT / ".venv")
    environment = os.environ | {
        "PRE_COMMIT_HOME": str(tmp_path / "home"),
        "MYPY_CACHE_DIR": str(PROJECT / ".mypy_cache"),
        "HTTPS_PROXY": "http://127.0.0.1:9",  # nothing may be downloaded
    }

    def run(*command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, timeout=120)

    installed = run(".venv/bin/pre-commit", "install")
    assert installed.returncode == 0, installed.stderr
    name = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    outcomes = {}
    for text in ("import os\nx: int = 'text'\n", "X: int = 1\n"):
        (clone / "worker" / "added.py").write_text(text)
        run("git", "add", "--all")
        ended = run("git", *name, "commit", "--message", "Add a module")
        hooks = re.findall(r"^([a-z ]+)\.+(Passed|Failed)$", ended.stderr, re.MULTILINE)
        outcomes[ended.returncode] = dict(hooks)
    tools = ("ruff", "ruff format", "mypy")
    assert outcomes == {1: dict.fromkeys(tools, "Failed"), 0: dict.fromkeys(tools, "Passed")}
