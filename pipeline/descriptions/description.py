"""What a dataset is: a resource of a Data Package (https://datapackage.org, version 2), read and checked.

Pure values. `package.py` reads them from datapackage.json, `columns.py` checks rows by them, `tables.py` makes tables
from them, and the ledger keeps them with each load (see `descriptor.py`), so that workers need no file.
"""

from dataclasses import dataclass, field

from pipeline.csv_text.dialect import Dialect as Dialect


@dataclass(frozen=True)
class Constraints:
    """What a value must be; None where there is no such rule. Bounds and enum are texts, as a cell would have them."""

    required: bool = False
    unique: bool = False
    min_length: int | None = None  # characters, or items of an array or list
    max_length: int | None = None
    minimum: str | None = None
    maximum: str | None = None
    exclusive_minimum: str | None = None
    exclusive_maximum: str | None = None
    pattern: str | None = None  # a regular expression for the whole text of a string
    enum: tuple[str, ...] | None = None
    not_in_future: bool = False  # "pipeline:notInFuture": a date, datetime, year or yearmonth up to today


@dataclass(frozen=True)
class Field:
    """A column of the files, and the one column of the table that holds it."""

    name: str  # as the header names it, in any case
    column: str  # of the table, in snake_case
    type: str = "string"
    format: str = "default"
    missing_values: tuple[str, ...] = ("",)  # texts that are NULL
    decimal_char: str = "."
    group_char: str | None = None
    bare_number: bool = True
    true_values: tuple[str, ...] = ("true", "True", "TRUE", "1")
    false_values: tuple[str, ...] = ("false", "False", "FALSE", "0")
    delimiter: str = ","  # of a list
    item_type: str = "string"  # of a list
    constraints: Constraints = field(default_factory=Constraints)
    title: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class Reference:
    """A foreign key: the values of `fields` are a key of a row of another dataset, or of the same one."""

    fields: tuple[str, ...]  # names of this dataset's fields
    dataset: str  # that is referred to, perhaps this one
    keys: tuple[str, ...]  # names of its fields: its primary key, or a unique one
    id_column: str | None = None  # "pipeline:idColumn": holds the id of the row referred to, in place of the fields


@dataclass(frozen=True)
class Dataset:
    """A kind of rows: which files hold it, what a row is, and how rows are told apart."""

    name: str  # of the resource
    table: str  # in snake_case
    paths: tuple[str, ...]  # names within the data folder, without .gz; with * within a folder and ** across folders
    fields: tuple[Field, ...]
    fields_match: str = "exact"  # or equal, subset, superset, partial
    primary_key: tuple[str, ...] = ()  # names of fields; empty: a row is known by its position
    unique_keys: tuple[tuple[str, ...], ...] = ()
    references: tuple[Reference, ...] = ()
    dialect: Dialect = field(default_factory=Dialect)
    encoding: str | None = None
    # "pipeline:sharedKeys": several sources may list a key, and the newest decides; keys are added and corrected,
    # never removed. Otherwise a key belongs to one source, and goes with its row.
    shared_keys: bool = False
    sql_sha256: str | None = None  # of the dataset's own SQL, see own_sql.py; no datapackage.json says it
    title: str | None = None
    description: str | None = None


def unique_keys(dataset: Dataset) -> list[tuple[str, ...]]:
    """The fields of each key that its rows hold besides the primary one, none of them twice."""
    keys = {frozenset(dataset.primary_key): dataset.primary_key}
    unique = ((field.name,) for field in dataset.fields if field.constraints.unique)
    for key in (*unique, *dataset.unique_keys):
        keys.setdefault(frozenset(key), key)
    return list(keys.values())[1:]


def is_settled(dataset: Dataset) -> bool:
    """Whether which of its rows are good depends on all of them; see `datasets/settled.py`."""
    return bool(unique_keys(dataset)) or bool(own_references(dataset))


def own_references(dataset: Dataset) -> list[Reference]:
    """The references of its rows to rows of the same dataset."""
    return [reference for reference in dataset.references if reference.dataset == dataset.name]


def others_referred_to(dataset: Dataset) -> set[str]:
    """The names of the datasets that rows of this one refer to, itself left out."""
    return {reference.dataset for reference in dataset.references} - {dataset.name}


@dataclass(frozen=True)
class Package:
    """The datasets of a datapackage.json, in load order: a dataset stands after those that it refers to."""

    name: str | None
    datasets: tuple[Dataset, ...]
