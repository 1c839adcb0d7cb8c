"""A resource of a Data Package: the description of one dataset."""

import codecs
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.descriptions.description import Dataset
from pipeline.descriptions.dialect import NAMES as DIALECT
from pipeline.descriptions.dialect import read_dialect
from pipeline.descriptions.document import Node, read_document
from pipeline.descriptions.faults import Faults
from pipeline.descriptions.matching import path_fault, without_compression
from pipeline.descriptions.naming import snake_case, table_fault
from pipeline.descriptions.table_schema import NAMES as SCHEMA
from pipeline.descriptions.table_schema import Schema, read_schema

TABULAR = ("csv", "tsv", "tab", "txt", "psv", "dsv")  # formats that a dialect can describe
COMPRESSIONS = ("gz", "bz2", "xz", "zst", "zip", "no", "")  # told by the file itself
# Bytes that are the same characters in each encoding whose delimiters, quotes and line ends can be told.
ASCII = b'a,b;c|"d"\t\\n+AGE-~{\r\n'
# Those that decide what is loaded, so that a misspelling matters.
NAMES = frozenset(
    {
        "$schema",
        "name",
        "path",
        "type",
        "format",
        "encoding",
        "dialect",
        "schema",
        "compression",
        "scheme",
        "pipeline:table",
        "pipeline:sharedKeys",
    }
)
SQL_SHA256 = "pipeline:sqlSha256"  # in the ledger alone: which SQL a dataset has, its files cannot say
UNSUPPORTED = {
    "data": "write the rows into a CSV file, and name it as 'path'",
    "url": "fetch the file into the data folder, and name it as 'path'",
    "innerpath": "unpack the archive",
    "extrapaths": "write them into 'path'",
    **dict.fromkeys(SCHEMA - {"$schema", "fields"}, "write it into 'schema' of the resource"),
    **dict.fromkeys(DIALECT - {"$schema"}, "write it into 'dialect' of the resource"),
}


@dataclass(frozen=True)
class PackageContext:
    """What holds for every resource of a package."""

    folder: Path | None = None  # of files that it may name; None if it may name none
    missing_values: tuple[str, ...] = ("",)
    profile: str = ""  # $schema of the package
    is_sealed: bool = False  # whether the description is one that the ledger keeps


def read_resource(node: Node, context: PackageContext) -> tuple[Dataset, Node]:
    """The dataset, and its schema as it stands. Raises InputError for what is wrong or not supported."""
    node.as_object()
    faults = Faults()
    with faults:
        node.check_names(NAMES | {SQL_SHA256} if context.is_sealed else NAMES, UNSUPPORTED)
    with faults:
        _check_form(node)
    with faults:
        paths = _paths(node)
    with faults:
        dialect = read_dialect(_described(node, "dialect", context.folder) or Node({}, node.document, node, "dialect"))
    with faults:
        encoding = _encoding(found) if (found := node.get("encoding")) else None
    with faults:
        name = node.needed("name").name()
        schema, schema_node = _schema(node, name, context)
    faults.check()
    shared = node.get("pipeline:sharedKeys")
    if shared and shared.flag() and not schema.primary_key:
        raise shared.error("there are no keys to share", "add a primaryKey to the schema, or remove this")
    dataset = Dataset(
        name=name,
        table=_table(node, is_shared=bool(shared and shared.flag())),
        paths=paths,
        fields=schema.fields,
        fields_match=schema.fields_match,
        primary_key=schema.primary_key,
        unique_keys=schema.unique_keys,
        references=schema.references,
        dialect=dialect,
        encoding=encoding,
        shared_keys=bool(shared and shared.flag()),
        sql_sha256=found.text() if (found := node.get(SQL_SHA256)) else None,
        title=found.text() if (found := node.get("title")) else None,
        description=found.text() if (found := node.get("description")) else None,
    )
    return dataset, schema_node


def _schema(node: Node, name: str, context: PackageContext) -> tuple[Schema, Node]:
    """The schema of the dataset of this name, and the object that describes it."""
    described = _described(node, "schema", context.folder)
    if described is None:
        raise node.error("'schema' is missing", "let `pipeline describe` write it, or remove the resource")
    return read_schema(described, name, context.missing_values, _default_type(node, described, context)), described


def _check_form(node: Node) -> None:
    """Raises InputError if the files are not CSV."""
    if (type := node.get("type")) and type.text() != "table":
        raise type.error(f"type {type.shown} is not supported", "make it 'table', or remove the resource")
    if (format := node.get("format")) and format.text().lower().lstrip(".") not in TABULAR:
        raise format.error(f"format {format.shown} is not supported", "convert the file to CSV, or remove the resource")
    if (scheme := node.get("scheme")) and scheme.text() != "file":
        raise scheme.error(f"scheme {scheme.shown} is not supported", "fetch the file into the data folder")
    if (compression := node.get("compression")) and compression.text() not in COMPRESSIONS:
        raise compression.error(
            f"compression {compression.shown} is not supported", "compress with gzip, bzip2, xz, zstd or zip"
        )


def _described(node: Node, name: str, folder: Path | None) -> Node | None:
    """The object under this name, or the one in the file that stands there in its place."""
    if (found := node.get(name)) is None or not isinstance(found.value, str):
        return found.as_object() if found else None
    path = _checked_path(found)
    if folder is None or "*" in path:
        raise found.error(f"{found.shown} names a file that cannot be read here", "write the object itself")
    if not Path(os.path.realpath(folder / path)).is_relative_to(os.path.realpath(folder)):
        raise found.error(f"{found.shown} leads out of the data folder", "copy the file into the folder")
    return read_document(folder / path)


def _default_type(node: Node, schema: Node, context: PackageContext) -> str:
    """Of a field without one: `any` in version 2 of the standard, `string` in version 1, which is the default."""
    given = [found.text() for owner in (schema, node) if (found := owner.get("$schema"))]
    return "any" if "/profiles/2" in (given or [context.profile])[0] else "string"


def _table(node: Node, *, is_shared: bool) -> str:
    """The name of the table: "pipeline:table", or the resource's own in snake_case."""
    given = node.get("pipeline:table")
    table = given.name() if given else snake_case(node["name"].text())
    if given and table != snake_case(table):
        raise given.error(f"{given.shown} is not in snake_case", f"write '{snake_case(table)}'")
    if fault := table_fault(table, with_listings=is_shared):
        owner = given or node["name"]
        called = f"{owner.shown} makes the table '{table}', which {fault}" if table else f"{owner.shown} {fault}"
        raise owner.error(called, 'give the resource another "pipeline:table"')
    return table


def _paths(node: Node) -> tuple[str, ...]:
    found = node.needed("path")
    items = found.items() if isinstance(found.value, list) else [found]
    if not items:
        raise found.error("the array is empty", "name a file")
    return tuple(dict.fromkeys(without_compression(_checked_path(item)) for item in items))


def _checked_path(node: Node) -> str:
    path = node.text().removeprefix("./")
    if fault := path_fault(path):
        raise node.error(f"{node.shown} {fault[0]}", fault[1])
    return path


def _encoding(node: Node) -> str:
    """Python's name for the encoding; utf-8 for ASCII."""
    name = node.text()
    with suppress(LookupError, ValueError):  # UnicodeError is a ValueError
        codec = codecs.lookup(name)
        if codec.name in ("utf-8", "utf-8-sig", "ascii"):
            return "utf-8"
        if codec.name.startswith(("utf-16", "utf-32")) or ASCII.decode(name) == ASCII.decode("ascii"):
            return codec.name
    raise node.error(
        f"{node.shown} is not a text encoding that is known and keeps ASCII", "name one such as latin-1 or utf-16"
    )
