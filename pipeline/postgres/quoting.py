"""Names and texts as SQL takes them."""


def quote_identifier(*names: str) -> str:
    """Any name, quoted for SQL; several, such as a schema and a table, with dots between."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def quote_literal(text: str) -> str:
    """A text as SQL takes it, in one printable line, however the server reads backslashes."""
    plain = text.replace("'", "''")
    if plain.isprintable() and "\\" not in plain:
        return f"'{plain}'"
    escaped = plain.replace("\\", "\\\\")
    return "E'" + "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in escaped) + "'"


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can store the text: neither NUL nor bytes that are not UTF-8."""
    if "\0" in text:
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
