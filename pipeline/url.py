"""Where a file is that is not in a folder: the address of a file on a web server or in a store."""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from pipeline.errors import SettingsError

SCHEMES = ("https", "http", "s3", "gs", "sftp")
WEB = ("https", "http")  # of these alone, what follows ? is no part of a name


@dataclass(frozen=True)
class Url:
    """Shown without user, password and query, any of which can be a secret."""

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        """Raises SettingsError if no file can be read from there."""
        try:
            has_place = bool(self.parts.netloc and self.parts.port != 0)
        except ValueError:  # the port is no number
            has_place = False
        if self.scheme not in SCHEMES:
            raise SettingsError(
                f"{self}: {self.scheme}:// is not supported; name one of {', '.join(SCHEMES)}, or a file"
            )
        if not has_place:
            raise SettingsError(f"{self}: not a URL such as https://HOST/people.csv or s3://BUCKET/people.csv")

    @property
    def scheme(self) -> str:
        return self.text.partition("://")[0].lower()

    @property
    def parts(self) -> SplitResult:
        if self.scheme in WEB:
            return urlsplit(self.text)
        scheme, _, rest = self.text.partition("://")
        place, separator, path = rest.partition("/")
        return SplitResult(scheme, place, separator + path, "", "")

    @property
    def name(self) -> str:
        """The last part of the path, such as people.csv.gz."""
        last = self.parts.path.rpartition("/")[2]
        return unquote(last) if self.scheme in WEB else last

    @property
    def credentials(self) -> tuple[str, str | None] | None:
        """User, and password if there is one."""
        user, separator, password = self.parts.netloc.rpartition("@")[0].partition(":")
        return (unquote(user), unquote(password) if separator else None) if user or separator else None

    @property
    def without_credentials(self) -> str:
        return self.parts._replace(netloc=self.parts.netloc.rpartition("@")[2], fragment="").geturl()

    @property
    def is_pattern(self) -> bool:
        return "*" in self.parts.path and self.scheme not in WEB

    def with_path(self, path: str) -> "Url":
        """The file under another path in the same place."""
        return replace(self, text=f"{self.scheme}://{self.parts.netloc}/{path.lstrip('/')}")

    def digest(self, version: str) -> str:
        """The SHA-256 of address and version, which no other content of any address has."""
        return hashlib.sha256(f"{self.without_credentials}\n{version}".encode(errors="surrogateescape")).hexdigest()

    def __str__(self) -> str:
        scheme, _, rest = self.text.partition("://")
        place, slash, path = rest.partition("/")
        path, query, _ = path.partition("?") if self.scheme in WEB else (path, "", "")
        return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}{query and '?...'}"


Location = Path | Url
