"""The fields of a Table Schema: type, format, and what else it takes to read a cell."""

from dataclasses import replace

from pipeline.columns.column import column
from pipeline.descriptions.constraints import KEYS, read_constraints
from pipeline.descriptions.constraints import NAMES as CONSTRAINTS
from pipeline.descriptions.description import Field
from pipeline.descriptions.document import Node
from pipeline.descriptions.literals import pattern_fault
from pipeline.descriptions.naming import column_fault, snake_case

MOST_TEXTS = 100  # of missingValues, trueValues or falseValues
PATTERN = "a pattern such as %d/%m/%Y"
# https://datapackage.org/standard/table-schema/#field-types
FORMATS: dict[str, tuple[str, ...]] = {
    "string": ("default", "email", "uri", "uuid", "binary"),
    "number": ("default",),
    "integer": ("default",),
    "boolean": ("default",),
    "date": ("default", PATTERN),
    "time": ("default", PATTERN),
    "datetime": ("default", PATTERN),
    "year": ("default",),
    "yearmonth": ("default",),
    "duration": ("default",),
    "object": ("default",),
    "array": ("default",),
    "list": ("default",),
    "geopoint": ("default", "array", "object"),
    "geojson": ("default", "topojson"),
    "any": ("default",),
}
ITEM_TYPES = ("string", "integer", "boolean", "number", "datetime", "date", "time")
# Those that decide how a cell is read, so that a misspelling matters.
NAMES = frozenset(
    {
        "name",
        "type",
        "format",
        "constraints",
        "categories",
        "missingValues",
        "decimalChar",
        "groupChar",
        "bareNumber",
        "trueValues",
        "falseValues",
        "delimiter",
        "itemType",
        "pipeline:column",
        "pipeline:notInFuture",
    }
)
MISPLACED = {**dict.fromkeys(CONSTRAINTS - NAMES, "write it into 'constraints' of the field"), **KEYS}


def read_field(node: Node, missing_values: tuple[str, ...], default_type: str) -> Field:
    """`missing_values` are those of the schema, which those of the field replace."""
    node.check_names(NAMES, MISPLACED)
    name = node.needed("name").name()
    own_missing_values = read_missing_values(node)
    field = replace(
        _with_cell_form(Field(name, _column(node), *_type_and_format(node, default_type)), node),
        missing_values=missing_values if own_missing_values is None else own_missing_values,
        title=found.text() if (found := node.get("title")) else None,
        description=found.text() if (found := node.get("description")) else None,
    )
    field = replace(field, constraints=read_constraints(node, field))
    _check_column(field, node)
    return field


def _check_column(field: Field, node: Node) -> None:
    """Raises InputError for what the standard allows and a column cannot hold or check, such as a far bound."""
    try:
        column(field)
    except ValueError as error:
        name = str(error).split()[0]  # of the property
        owner = next((place for place in (node.get("constraints"), node) if place and name in place.value), None)
        raise (owner[name] if owner else node).error(str(error), "correct or remove it") from error


def read_missing_values(owner: Node) -> tuple[str, ...] | None:
    """Texts that are NULL: strings, or objects with a value and a label; None if the owner does not name them."""
    if (node := owner.get("missingValues")) is None:
        return None
    if any(isinstance(item.value, dict) for item in node.items()):
        values = [item.as_object().needed("value").text() for item in node.items()]
        return _limited_texts(Node(values, node.document, node.parent, node.key, node.level))
    return _limited_texts(node)


def _type_and_format(node: Node, default_type: str) -> tuple[str, str]:
    type_node, format_node = node.get("type"), node.get("format")
    type = type_node.text() if type_node else default_type
    if type_node and type not in FORMATS:
        raise type_node.error(f"{type_node.shown} is not a type", f"use one of {', '.join(FORMATS)}")
    format = format_node.text() if format_node else "default"
    if format_node is None or format in FORMATS[type]:
        return type, format
    if PATTERN in FORMATS[type] and "%" in format and not format.startswith("fmt:"):
        if fault := pattern_fault(type, format):
            raise format_node.error(f"{format_node.shown} {fault[0]}", fault[1])
        return type, format
    raise format_node.error(
        f"{format_node.shown} is not a format that is supported for type {type}", f"use {' or '.join(FORMATS[type])}"
    )


def _column(node: Node) -> str:
    """The name of the column: "pipeline:column", or the field's own in snake_case."""
    given = node.get("pipeline:column")
    column = given.name() if given else snake_case(node["name"].text())
    if given and column != snake_case(column):
        raise given.error(f"{given.shown} is not in snake_case", f"write '{snake_case(column)}'")
    if fault := column_fault(column):
        owner = given or node["name"]
        called = f"{owner.shown} makes the column '{column}', which {fault}" if column else f"{owner.shown} {fault}"
        raise owner.error(called, 'give the field another "pipeline:column"')
    return column


def _with_cell_form(field: Field, node: Node) -> Field:
    """With the properties that say how a cell of its type is written; those of other types have no effect."""
    if field.type in ("number", "integer"):
        if bare := node.get("bareNumber"):
            field = replace(field, bare_number=bare.flag())
        if (group := node.get("groupChar")) and group.value != "":  # published packages have it so for none
            field = replace(field, group_char=_number_character(group))
        if field.type == "number" and (decimal := node.get("decimalChar")):
            field = replace(field, decimal_char=_number_character(decimal))
        if field.type == "number" and field.group_char == field.decimal_char:
            raise node.error(f"'groupChar' and 'decimalChar' are both {field.decimal_char!r}", "change one of them")
    elif field.type == "boolean":
        true = _limited_texts(found) if (found := node.get("trueValues")) else field.true_values
        false = _limited_texts(found) if (found := node.get("falseValues")) else field.false_values
        if both := set(true) & set(false):
            raise node.error(f"{min(both)!r} is among 'trueValues' and 'falseValues'", "remove it from one of them")
        if not true or not false:
            raise node.error("'trueValues' and 'falseValues' need a value each", "add one, or make it a string")
        field = replace(field, true_values=true, false_values=false)
    elif field.type == "list":
        if delimiter := node.get("delimiter"):
            if not delimiter.text():
                raise delimiter.error("the delimiter is empty", "write one or more characters")
            field = replace(field, delimiter=delimiter.text())
        if item := node.get("itemType"):
            if item.text() not in ITEM_TYPES:
                raise item.error(f"{item.shown} is not a type of items", f"use one of {', '.join(ITEM_TYPES)}")
            field = replace(field, item_type=item.text())
    return field


def _number_character(node: Node) -> str:
    char = node.text()
    if len(char) != 1 or char.isalnum() or char in "+-":
        raise node.error(f"{node.shown} is not one character, other than a letter, a digit or a sign", "correct it")
    return char


def _limited_texts(node: Node) -> tuple[str, ...]:
    texts = node.texts()
    if len(texts) > MOST_TEXTS:
        raise node.error(f"more than {MOST_TEXTS} values", "remove some")
    return texts
