"""What the processes of a test session share."""

from pathlib import Path

import pytest

from tests.shared import made_once
from tests.support import at_once


def test_a_folder_is_made_once_however_many_ask_for_it(pytestconfig: pytest.Config) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        folder.mkdir()

    at_once(lambda: made_once(pytestconfig, "made once", make), 4)
    assert len(made) == 1
    assert made_once(pytestconfig, "made once", make).is_dir()
    assert len(made) == 1
