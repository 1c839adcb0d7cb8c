"""An untrusted JSON document: read within limits, each value with the place where it stands."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Optional

from pipeline.descriptions.faults import DescriptionError, Faults
from pipeline.errors import InputError
from pipeline.postgres.quoting import is_storable

LARGEST_DOCUMENT = 4 << 20  # bytes
DEEPEST_LEVEL = 50  # of arrays and objects within one another
LONGEST_SHOWN = 60  # characters of a value that a message quotes
LONGEST_PART = 200  # characters of a message's pointer, fault or remedy
LONGEST_NAME = 1_000  # characters; what a name is made into may take much longer
OWN_PREFIX = "pipeline:"  # of properties that the standard does not have
# Of the standard, and harmless wherever they stand, however like another name they are.
METADATA = frozenset(
    {
        *("$schema", "profile", "id", "title", "description", "homepage", "version", "created", "keywords", "image"),
        *("licenses", "license", "sources", "contributors", "mediatype", "bytes", "hash", "example", "rdfType"),
    }
)
CLOSE = 0.85  # of difflib's ratio, from which on a name counts as a misspelling of another
TELLING = 8  # letters of a name that other names are hardly like by chance


class Number(str):
    """A number exactly as the document writes it."""


class Object(dict[str, Any]):
    """An object, and the first of its names that stands in it twice."""

    doubled: str | None = None


@dataclass(frozen=True)
class Node:
    """A value of a document, and where it stands. A property that is null counts as absent."""

    value: Any
    document: str  # as messages call it, such as data/datapackage.json
    parent: Optional["Node"] = None
    key: str | int = ""  # within the parent
    level: int = 0

    def __getitem__(self, key: str | int) -> "Node":
        return Node(self.value[key], self.document, self, key, self.level + 1)

    def get(self, key: str) -> "Node | None":
        return None if self.value.get(key) is None else self[key]

    @property
    def pointer(self) -> str:
        """Such as /resources/0/name. https://www.rfc-editor.org/rfc/rfc6901"""
        if self.parent is None:
            return ""
        return f"{self.parent.pointer}/{str(self.key).replace('~', '~0').replace('/', '~1')}"

    def error(self, fault: str, remedy: str) -> DescriptionError:
        pointer = _cut(self.pointer, LONGEST_PART)
        place = f"{self.document} {pointer}" if pointer else self.document
        message = f"{place}: {_cut(fault, LONGEST_PART)}; {_cut(remedy, LONGEST_PART)}"
        return DescriptionError(message.encode("utf-8", "backslashreplace").decode())

    @property
    def shown(self) -> str:
        """The value as a message quotes it."""
        if isinstance(self.value, (dict, list)):
            return "an object" if isinstance(self.value, dict) else "an array"
        if isinstance(self.value, str):
            shown = _cut(str(self.value), LONGEST_SHOWN)
            return shown if isinstance(self.value, Number) else repr(shown)
        return json.dumps(self.value)

    def wrong(self, wanted: str) -> DescriptionError:
        """Such as: 'yes' must be true or false; correct it."""
        is_value = not isinstance(self.value, (dict, list))
        return self.error(f"{self.shown} {'must be' if is_value else 'instead of'} {wanted}", "correct it")

    def needed(self, key: str) -> "Node":
        if (node := self.get(key)) is None:
            raise self.error(f"'{key}' is missing", "add it")
        return node

    def as_object(self) -> "Node":
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        return self

    def items(self) -> "list[Node]":
        if not isinstance(self.value, list):
            raise self.wrong("an array")
        return [self[position] for position in range(len(self.value))]

    def text(self) -> str:
        if not isinstance(self.value, str) or isinstance(self.value, Number):
            raise self.wrong("a string")
        return self.value

    def name(self) -> str:
        """A string that is neither blank nor so long that working on it would take a while."""
        name = self.text()
        if not name.strip() or len(name) > LONGEST_NAME:
            raise self.wrong(f"a name of 1 to {LONGEST_NAME} characters")
        return name

    def texts(self) -> tuple[str, ...]:
        """Of an array of strings, each of them once."""
        found: dict[str, None] = {}
        for item in self.items():
            if item.text() in found:
                raise item.error(f"{item.shown} stands twice", "remove one")
            found[item.text()] = None
        return tuple(found)

    def text_or_texts(self) -> tuple[str, ...]:
        """Of a string, or of a non-empty array of them."""
        found = self.texts() if isinstance(self.value, list) else (self.text(),)
        if not found:
            raise self.error("the array is empty", "fill or remove it")
        return found

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def count(self) -> int:
        if not isinstance(self.value, Number) or not re.fullmatch(r"\d{1,9}", self.value):
            raise self.wrong("a whole number from 0 to 999999999")
        return int(self.value)

    def check_names(
        self, known: Collection[str], unsupported: Mapping[str, str] | None = None, *, others: bool = True
    ) -> None:
        """Raises InputError for properties of this object that are unsupported (with its remedy) or likely misspelled.

        Without `others`, also for every other property that is not known.
        """
        faults = Faults()
        for name in self.as_object().value:
            if name not in known and not (others and name in METADATA):
                with faults:
                    self._check_unknown(name, known, unsupported or {}, others)
        faults.check()

    def _check_unknown(self, name: str, known: Collection[str], unsupported: Mapping[str, str], others: bool) -> None:
        if name in unsupported:
            if self.get(name):
                raise self[name].error(f"'{name}' is not supported here", unsupported[name])
            return
        nearest = _nearest(name, known)
        if nearest or name.startswith(OWN_PREFIX) or not others:
            remedy = f"write '{nearest}'" if nearest else "remove it"
            raise self[name].error(f"{Node(name, '').shown} is not a property that is known here", remedy)
        if meant := _nearest(name, [other for other in unsupported if len(other) >= TELLING]):
            raise self[name].error(
                f"{Node(name, '').shown} looks like '{meant}', which is not supported here", unsupported[meant]
            )


def read_document(path: Path) -> Node:
    """The object in a JSON file. Raises InputError, in one or two lines, if it cannot be read or is no such thing."""
    try:
        if path.exists() and not path.is_file():  # a named pipe would keep the reader waiting
            raise InputError(f"{path}: not a file; put a JSON file in its place")
        with path.open("rb") as file:
            content = file.read(LARGEST_DOCUMENT + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; correct the file or its rights") from error
    try:
        return parse_document(content.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        if len(content) > LARGEST_DOCUMENT:  # may be cut within a character
            raise _too_large(str(path)) from error
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error


def parse_document(text: str, document: str) -> Node:
    """The object in a JSON text; raises InputError as `read_document` does."""
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_DOCUMENT:
        raise _too_large(document)
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=Number)
    except json.JSONDecodeError as error:
        place = f"{document} line {error.lineno} column {error.colno}"
        raise InputError(f"{place}: not JSON ({error.msg}); correct it") from error
    except RecursionError as error:
        raise _too_deep(Node(None, document)) from error
    root = Node(value, document)
    _check_values(root)
    return root.as_object()


def _object(pairs: Iterable[tuple[str, Any]]) -> Object:
    made = Object()
    for name, value in pairs:
        if name in made and made.doubled is None:
            made.doubled = name
        made[name] = value
    return made


def _check_values(root: Node) -> None:
    """Raises InputError for what JSON or PostgreSQL does not allow. A loop, since recursion has its own limit."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node.value, (Object, list)):
            if node.level >= DEEPEST_LEVEL:
                raise _too_deep(node)
            if isinstance(node.value, Object):
                if node.value.doubled is not None:
                    raise node[node.value.doubled].error("this name stands twice in its object", "remove one")
                if not all(map(is_storable, node.value)):
                    raise node.error("a name in this object holds NUL or half a character", "correct it")
            keys = node.value if isinstance(node.value, Object) else range(len(node.value))
            waiting.extend(node[key] for key in keys)
        elif isinstance(node.value, str) and not is_storable(node.value):
            raise node.error("the string holds NUL or half a character", "correct it")
        elif isinstance(node.value, Number) and node.value.endswith(("NaN", "Infinity")):
            raise node.error(f"{node.value} is not JSON", "write a number, or a string")


def _nearest(name: str, known: Collection[str]) -> str | None:
    plain = {re.sub(r"[^a-z:]", "", other.lower()): other for other in known if other[0] != "$"}
    close = get_close_matches(re.sub(r"[^a-z:]", "", name[:LONGEST_SHOWN].lower()), plain, n=1, cutoff=CLOSE)
    return plain[close[0]] if close else None


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest] + "…"


def _too_large(document: str) -> InputError:
    return InputError(f"{document}: larger than {LARGEST_DOCUMENT >> 20} MiB; shorten it")


def _too_deep(node: Node) -> InputError:
    return node.error(f"deeper than {DEEPEST_LEVEL} levels", "flatten it")
