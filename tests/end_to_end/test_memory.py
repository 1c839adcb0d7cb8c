"""The memory that `pipeline describe` and `pipeline check` take."""

import os
import sys
from pathlib import Path

from tests.support import run_measured


def peak_memory(*arguments: object) -> int:
    """Of a command that succeeds, in KiB."""
    return int(run_measured([sys.executable, "-m", "pipeline", *map(str, arguments)], os.environ)[-1])


def test_memory_does_not_grow_with_the_file_or_its_keys(tmp_path: Path) -> None:
    """100,000 keys of 40 MB: a check takes about 45 MB for any number of them, and would take 90 with all in memory."""
    path, description = tmp_path / "sales.csv", tmp_path / "datapackage.json"
    path.write_text("id,note\n")
    little = peak_memory("describe", "--data", tmp_path, path)
    with path.open("a") as file:
        file.writelines(f"{number:0400},note {number}\n" for number in range(100_000))
    assert peak_memory("describe", "--data", tmp_path, path, "--force") < little + 55_000
    description.write_text(description.read_text().replace('"fields"', '"primaryKey": "id", "fields"', 1))
    assert peak_memory("check", "--data", tmp_path) < little + 55_000
