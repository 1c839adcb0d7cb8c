"""Named SQL statements, several in one file, with the names of tables and columns filled in."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


class Queries:
    """The statements of a .sql file, each opened by a line `-- name: NAME`."""

    def __init__(self, path: Path, names: Mapping[str, str] | None = None) -> None:
        """`names` replace {name} in the statements: quoted identifiers, or lists of them."""
        self._statements = _statements(path)
        self._names = names or {}

    def __getitem__(self, name: str) -> str:
        """The statement; raises KeyError if there is none of this name."""
        return self._statements[name].format_map(self._names)


@cache
def _statements(path: Path) -> dict[str, str]:
    _, *parts = NAME.split(path.read_text(encoding="utf-8"))
    return dict(zip(parts[::2], parts[1::2], strict=True))
