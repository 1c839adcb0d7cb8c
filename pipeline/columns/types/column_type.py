"""The contract of a type: PostgreSQL reads each accepted text as the same value."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pipeline.descriptions.description import Field
from pipeline.postgres.copy_format import copy_field_text
from pipeline.postgres.quoting import quote_literal


class BadTextError(ValueError):
    """A text is not a value of the type. `rule` says why, without the text."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Value:
    """A parsed text."""

    copied: str  # as COPY's text format takes it
    key: Any = None  # equal for equal values, and ordered as PostgreSQL orders them
    size: int = 0  # characters, bytes, items or keys, as the type's `unit` says


class ColumnType:
    """A type with the properties of one field. Takes texts that are trimmed, in NFC and no missing values."""

    postgresql: str
    formats: ClassVar[frozenset[str]] = frozenset({"default"})
    unit: ClassVar[str | None] = None  # of the size, in the singular; None if the type has no length
    size_sql: ClassVar[str] = ""  # the size in SQL, of {}
    is_quick: ClassVar[bool] = True  # whether there is a `quick` way
    may_be_padded: ClassVar[bool] = False  # whether `quick` takes texts that are not trimmed, which are then others
    is_ordered: ClassVar[bool] = False
    has_pattern: ClassVar[bool] = False

    def __init__(self, field: Field) -> None:
        if field.format not in self.formats:
            raise ValueError(f"format {field.format!r} of type {field.type!r} is not supported")

    def value(self, text: str) -> Value:
        """Raises BadTextError if the text is no value of the type, or none that PostgreSQL can store."""
        raise NotImplementedError

    def bound(self, text: str) -> Value:
        """The value of a constraint, which JSON may have written in its own way. Raises BadTextError."""
        return self.value(text)

    def quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:  # noqa: ARG002
        """The same as `value` copies, for a whole block at once; None if a text may need `value`.

        `joined` holds the texts with a line end between them.
        """
        return None

    def verbatim(self, delimiter: str) -> str | None:  # noqa: ARG002
        """A pattern, for re and RE2, of fields of a CSV file that COPY itself reads as `value` would copy them.

        It matches no empty field, and no part of a field, if `delimiter` is one of DELIMITERS. None: there is none.
        """
        return None

    def keys(self, copied: Sequence[str]) -> Sequence[Any]:
        """The keys of what `quick` returned."""
        raise NotImplementedError

    def quick_keys(self, copied: Sequence[str]) -> Sequence[Any]:
        """As `keys`, perhaps rounded: in the same order, but different keys may have become equal."""
        return self.keys(copied)

    def quick_key(self, key: Any) -> Any:
        """A key as `quick_keys` has it."""
        return key

    def literal(self, value: Value) -> str:
        """A value of a constraint as an SQL literal."""
        return f"{quote_literal(copy_field_text(value.copied))}::{self.postgresql}"

    def bound_check(self, column: str, operator: str, value: Value) -> str:
        """An SQL condition on a column, such as: "price" >= '0'::numeric."""
        return f"{column} {operator} {self.literal(value)}"

    def base_checks(self, column: str) -> list[tuple[str, str]]:  # noqa: ARG002
        """What all values of the type have in common and PostgreSQL's type does not say."""
        return []

    def now(self) -> Any:
        """The key of the present; raises ValueError if the type has none."""
        raise ValueError("is not a point in time")


def clean(text: str) -> str:
    """Text as it is compared and stored: trimmed, Unicode NFC."""
    return unicodedata.normalize("NFC", text.strip())


def shaped(joined: str, shape: str, count: int) -> bool:
    """Whether every line of an already simplified text has the same shape."""
    return joined == shape + f"\n{shape}" * (count - 1)
