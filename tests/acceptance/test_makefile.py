"""The Makefile, where the checkout is not where `.venv` was made."""

import subprocess
from pathlib import Path

import pytest

from pipeline import PROJECT


@pytest.mark.parametrize(
    ("made_in", "installed_as", "is_made_again"),
    [
        ("here", "__editable__.csv_queue_pipeline-1.pth", False),
        ("elsewhere", "__editable__.csv_queue_pipeline-1.pth", True),
        ("here", "pipeline", True),
    ],
)
def test_a_venv_of_other_code_is_made_again(
    tmp_path: Path, made_in: str, installed_as: str, is_made_again: bool
) -> None:
    """The commands in `.venv` name its folder: a copy's would run the code of the original."""
    for name in ("Makefile", "requirements-dev.txt", "pyproject.toml"):
        (tmp_path / name).write_bytes((PROJECT / name).read_bytes())
    command = tmp_path / ".venv" / "bin" / "pipeline"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!{tmp_path if made_in == 'here' else '/elsewhere'}/.venv/bin/python\n")
    packages = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (packages / installed_as).touch()
    told = subprocess.run(["make", "--dry-run", "run"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ("-m venv --clear .venv" in told.stdout) == is_made_again
    assert "pipeline run" in told.stdout
