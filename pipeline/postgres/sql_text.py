"""SQL that a user wrote: its parts, and the words that its statements begin with."""

import re
from collections.abc import Iterator

# White space, comments and semicolons, or else a part of SQL in which none of them can begin.
# https://www.postgresql.org/docs/current/sql-syntax-lexical.html
TOKEN = re.compile(
    r"""(?P<blank>\s|--[^\n]*|/\*.*?\*/)|(?P<end>;)"""
    r"""|[eE]'(?:\\.|[^'\\])*'|'[^']*'|"[^"]*"|(?P<quote>\$\w*\$).*?(?P=quote)|[\w$]+|.""",
    re.DOTALL,
)


def tokens(sql: str) -> Iterator[re.Match[str]]:
    """The parts that are neither white space nor comments; `lastgroup` of a semicolon is "end"."""
    return (token for token in TOKEN.finditer(sql) if token.lastgroup != "blank")


def unterminated(sql: str) -> str:
    """The text without semicolon and comments at its end, so that it can be part of another one."""
    return sql[: max((token.end() for token in tokens(sql) if token.lastgroup != "end"), default=0)]


def statement_starts(sql: str) -> Iterator[re.Match[str]]:
    """The first part of each statement."""
    begins = True
    for token in tokens(sql):
        is_end = token.lastgroup == "end"
        if begins and not is_end:
            yield token
        begins = is_end
