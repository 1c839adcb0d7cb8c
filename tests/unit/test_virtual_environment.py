"""A command of a copied virtual environment refuses to work for the original."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.virtual_environment import check_not_copied
from pipeline.errors import SettingsError


def test_a_copied_command_is_refused(tmp_path: Path) -> None:
    copied = tmp_path / ".venv"
    (copied / "bin").mkdir(parents=True)
    for file in ("bin/pipeline", "pyvenv.cfg"):
        shutil.copy(Path(sys.prefix) / file, copied / file)
    ended = subprocess.run([copied / "bin" / "pipeline", "--version"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == (
        f"error: {copied}/bin/pipeline is a copy that works for {sys.prefix};"
        " `make run` gives a copied checkout a .venv of its own\n"
    )


def test_links_to_a_command_are_no_copies(tmp_path: Path) -> None:
    link = tmp_path / "pipeline"
    link.symlink_to(Path(sys.prefix) / "bin" / "pipeline")
    check_not_copied(link)
    (tmp_path / "bin").mkdir()
    (tmp_path / "pyvenv.cfg").touch()
    with pytest.raises(SettingsError):
        check_not_copied(tmp_path / "bin" / "pipeline")
