"""The CSV dialect of a resource's files."""

from pipeline.descriptions.description import Dialect
from pipeline.descriptions.document import Node

LINE_ENDS = ("\r\n", "\n", "\r")  # each of them is read, even if the dialect names another
NAMES = frozenset(
    {
        "$schema",
        "csvddfVersion",
        "delimiter",
        "quoteChar",
        "escapeChar",
        "doubleQuote",
        "skipInitialSpace",
        "header",
        "commentChar",
        "caseSensitiveHeader",
        "lineTerminator",
        "headerRows",
        "headerJoin",
    }
)
NOT_CSV = "remove it; it is not for CSV files"
UNSUPPORTED = {
    "nullSequence": "write it into missingValues of the schema",
    "commentRows": "remove these rows from the files, or mark them with a commentChar",
    "property": NOT_CSV,
    "itemType": NOT_CSV,
    "itemKeys": NOT_CSV,
    "sheetNumber": NOT_CSV,
    "sheetName": NOT_CSV,
    "table": NOT_CSV,
    "csv": "write its properties into the dialect itself",
    "$ref": "write the dialect here, or name its file",
}


def read_dialect(node: Node) -> Dialect:
    """Of an object; every other property than the standard's is refused, since it may change what a row is."""
    node.check_names(NAMES, UNSUPPORTED, others=False)
    _check_defaults(node)
    has_header = _flag(node, "header", default=True)
    quote_char: str | None = '"'
    if "quoteChar" in node.value:
        quote_char = _character(node, "quoteChar") if node.value["quoteChar"] not in ("", None) else None
    dialect = Dialect(
        # Without a header that shows it, the delimiter is the standard's.
        delimiter=_character(node, "delimiter") or (None if has_header else ","),
        quote_char=quote_char,
        escape_char=_character(node, "escapeChar"),
        double_quote=_flag(node, "doubleQuote", default=True),
        skip_initial_space=_flag(node, "skipInitialSpace", default=False),
        header=has_header,
        comment_char=_character(node, "commentChar"),
    )
    _check_difference(node, dialect)
    return dialect


def _check_defaults(node: Node) -> None:
    """Raises InputError where a property that cannot be chosen is not what the pipeline does anyway."""
    if (end := node.get("lineTerminator")) and end.text() not in LINE_ENDS:
        raise end.error(f"{end.shown} is not supported", "end lines with \\n, and remove this")
    if (rows := node.get("headerRows")) and rows.value != ["1"]:
        raise rows.error("a header of several rows, or further down, is not supported", "write it in row 1")
    if (cased := node.get("caseSensitiveHeader")) and cased.flag():
        raise cased.error("names in headers are compared in any case", "remove it")


def _check_difference(node: Node, dialect: Dialect) -> None:
    used = {
        "delimiter": dialect.delimiter,
        "quoteChar": dialect.quote_char,
        "escapeChar": dialect.escape_char,
        "commentChar": dialect.comment_char,
    }
    seen: dict[str, str] = {}
    for name, char in used.items():
        if char in seen:
            raise node.error(f"'{seen[char]}' and '{name}' are both {char!r}", "change one of them")
        if char is not None:
            seen[char] = name


def _character(node: Node, name: str) -> str | None:
    if (found := node.get(name)) is None:
        return None
    char = found.text()
    if len(char) != 1 or not char.isascii() or char.isalnum() or char in "\r\n":
        raise found.error(
            f"{found.shown} is not one ASCII character, other than a letter, a digit or a line end", "correct it"
        )
    return char


def _flag(node: Node, name: str, *, default: bool) -> bool:
    return found.flag() if (found := node.get(name)) else default
