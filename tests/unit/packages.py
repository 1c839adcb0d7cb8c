"""Data Packages for tests, written and read."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.descriptions.description import Dataset
from pipeline.descriptions.package import read_package
from pipeline.errors import InputError

Json = dict[str, Any]


def written(folder: Path, package: Json | str | bytes) -> Path:
    content = json.dumps(package) if isinstance(package, dict) else package
    path = folder / "datapackage.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def resource(*fields: Json, name: str = "things", schema: Json | None = None, **properties: object) -> Json:
    return {
        "name": name,
        "path": f"{name}.csv",
        "schema": {"fields": list(fields) or [{"name": "id"}], **(schema or {})},
        **properties,
    }


def datasets(folder: Path, *resources: Json, **properties: object) -> tuple[Dataset, ...]:
    return read_package(written(folder, {"resources": list(resources), **properties})).datasets


def dataset(folder: Path, *fields: Json, **properties: Any) -> Dataset:
    return datasets(folder, resource(*fields, **properties))[0]


def refusal(folder: Path, package: Json | str | bytes) -> str:
    """The message, without the folder's own name."""
    with pytest.raises(InputError) as caught:
        read_package(written(folder, package))
    return str(caught.value).replace(f"{folder}/", "")


def field_refusal(folder: Path, field: Json, **properties: Any) -> str:
    message = refusal(folder, {"resources": [resource({"name": "f", **field}, **properties)]})
    return message.removeprefix("datapackage.json /resources/0/schema/fields/0")


def refers(name: str, *targets: str) -> Json:
    keys = [{"fields": "to", "reference": {"resource": target, "fields": "id"}} for target in targets]
    return resource({"name": "id"}, {"name": "to"}, name=name, schema={"primaryKey": "id", "foreignKeys": keys})
