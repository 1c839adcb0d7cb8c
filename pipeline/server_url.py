"""The URL of a server, which may name several hosts."""

from urllib.parse import SplitResult


def split(url: str) -> SplitResult:
    """As urlsplit, which in some versions of Python refuses several hosts if one of them is an IPv6 address."""
    scheme, _, rest = url.partition("://")
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    netloc, slash, path = rest.partition("/")
    return SplitResult(scheme, netloc, slash + path, query, fragment)
