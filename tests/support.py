"""What several tests do: databases and their URLs, and how many examples a property has."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from hypothesis import settings

FACTOR = os.environ.get("EXAMPLES")


def examples(count: int, **options: Any) -> settings:
    """Settings of a property: the same `count` examples in every run; with EXAMPLES=20, 20 times as many at random."""
    return settings(max_examples=count * int(FACTOR or 1), derandomize=FACTOR is None, deadline=None, **options)


@contextmanager
def administration(url: str) -> Iterator[Any]:
    """A cursor whose statements each commit by themselves."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        yield cursor


def administer(url: str, *statements: str) -> None:
    with administration(url) as cursor:
        for statement in statements:
            cursor.execute(statement)


def with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=path))


def as_user(url: str, user: str, password: str) -> str:
    """The URL for another user than its own."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.netloc.rpartition('@')[2]}"))
