"""The description that a new one replaces: kept under another name, and what it says that the new one does not."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

OF_PACKAGE = frozenset({"$schema", "resources"})
OF_RESOURCE = frozenset({"name", "type", "path", "encoding", "dialect", "pipeline:table", "schema"})
OF_SCHEMA = frozenset({"fields", "fieldsMatch"})
OF_FIELD = frozenset(
    {
        *("name", "type", "format", "missingValues", "pipeline:column"),
        *("trueValues", "falseValues", "decimalChar", "groupChar", "bareNumber"),
    }
)


def keep(path: Path, text: str) -> Path | None:
    """Copies the file at `path` if a file with `text` is to replace it; returns the name of the copy.

    Returns None if there is no such file, or if it holds the same.
    """
    if not path.is_file() or (content := path.read_bytes()) == text.encode():
        return None
    names = (path.with_name(f"{path.name}.{number}.bak") for number in count(1))
    kept = next(name for name in names if not os.path.lexists(name))
    kept.write_bytes(content)
    return kept


def written_by_hand(path: Path) -> list[str]:
    """What a description says that `describe` never writes, such as `orders: primaryKey`; empty if it is none."""
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        package = json.loads(path.read_bytes())
        return list(_written_by_hand(package))
    return []


def _written_by_hand(package: Mapping[str, Any]) -> Iterator[str]:
    yield from sorted(package.keys() - OF_PACKAGE)
    for resource in package["resources"]:
        schema = resource["schema"]
        names = [*sorted(resource.keys() - OF_RESOURCE), *sorted(schema.keys() - OF_SCHEMA)]
        for field in schema["fields"]:
            names += [f"{name} of {field['name']}" for name in sorted(field.keys() - OF_FIELD)]
        if names:
            yield f"{resource['name']}: {', '.join(names)}"
