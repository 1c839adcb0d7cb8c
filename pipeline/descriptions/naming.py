"""Names of tables and columns: snake_case, and not reserved by PostgreSQL or the pipeline."""

import unicodedata

LONGEST_NAME = 63  # bytes, of an identifier in PostgreSQL
# https://www.postgresql.org/docs/current/ddl-system-columns.html
SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
OWN_COLUMNS = frozenset({"source_id", "row_number", "load_id", "outcome"})
OWN_TABLES = frozenset(
    {
        "installation",
        "sources",
        "datasets",
        "loads",
        "load_chunks",
        "current_loads",
        "load_progress",
        "rejected_rows",
        "countries",
        "counties",
        "descriptions",
        "chunk_texts",
    }
)
LISTINGS = "_listings"  # ends the name of the table that says which source lists which shared key


def snake_case(name: str) -> str:
    """Letters and digits of any script, in lower case, with _ between words; empty if there are none.

    `worldCities`, `World cities` and `world-cities` give world_cities. Signs that only look different become
    letters and digits, as ² becomes 2 (Unicode NFKC).
    """
    text = unicodedata.normalize("NFKC", _words_apart(unicodedata.normalize("NFKC", name)).lower())
    kept = "".join(char if unicodedata.category(char)[0] in "LM" or char.isdecimal() else "_" for char in text)
    return "_".join(filter(None, kept.split("_")))


def column_fault(column: str) -> str | None:
    """Why a table cannot have a column of this name, or None if it can."""
    if column in SYSTEM_COLUMNS:
        return "is a column that each table of PostgreSQL has"
    if column in OWN_COLUMNS:
        return "is a column of the pipeline's own"
    return _name_fault(column)


def table_fault(table: str, *, with_listings: bool = False) -> str | None:
    """Why there cannot be a table of this name, or None if there can; `with_listings` if one for them goes with it."""
    if table in OWN_TABLES or table.endswith(LISTINGS):
        return "is a table of the pipeline's own"
    if table.startswith("pg_"):
        return "begins as the tables of PostgreSQL's own do"
    return _name_fault(table, LONGEST_NAME - len(LISTINGS) if with_listings else LONGEST_NAME)


def _name_fault(name: str, longest: int = LONGEST_NAME) -> str | None:
    if not name:
        return "has no letter or digit"
    if name[0].isdecimal():
        return "begins with a digit"
    if len(name.encode()) > longest:
        return f"is longer than {longest} bytes"
    return None


def _words_apart(name: str) -> str:
    """With _ where camelCase begins a word: worldCities, HTTPServer."""
    made = []
    for position, char in enumerate(name):
        before, after = name[position - 1 : position], name[position + 1 : position + 3]
        begins = before.islower() or (before.isupper() and len(after) == 2 and after.islower() and after.isalpha())
        made.append("_" + char if char.isupper() and begins else char)
    return "".join(made)
