"""The virtual environment that a command stands in."""

import sys
from pathlib import Path

from pipeline.errors import SettingsError


def check_not_copied(command: Path) -> None:
    """Raises SettingsError if the command is in a copied environment: it would run the original's code on its state."""
    folder = command.resolve().parent.parent
    if (folder / "pyvenv.cfg").is_file() and folder != Path(sys.prefix).resolve():
        raise SettingsError(
            f"{command} is a copy that works for {sys.prefix}; `make run` gives a copied checkout a .venv of its own"
        )
