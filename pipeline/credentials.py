"""Settings that hold a password: they may come from a file, and no error quotes any part of them."""

import os
import re
from ipaddress import IPv6Address
from pathlib import Path
from urllib.parse import quote

from pipeline.errors import SettingsError

_password_settings: dict[str, str] = {}  # variable of a URL -> the setting that gave its password


def from_environment(variable: str) -> str | None:
    """The variable's value, else that of the file which VARIABLE_FILE names; None if neither is set."""
    return os.environ.get(variable) or from_file(variable)


def from_file(variable: str) -> str | None:
    """The content, without line ends around it, of the file which VARIABLE_FILE names; None if that is not set.

    Raises SettingsError, naming VARIABLE_FILE, if there is nothing to be read.
    """
    path = os.environ.get(f"{variable}_FILE")
    if not path:
        return None
    try:
        value = Path(path).read_text(encoding="utf-8").strip("\r\n")
    except OSError as error:
        raise SettingsError(
            f"{variable}_FILE: cannot read '{path}': {error.strerror}; correct its rights or the setting"
        ) from error
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}_FILE: '{path}' is not a text in UTF-8; correct the setting") from None
    if not value.strip():
        raise SettingsError(f"{variable}_FILE: '{path}' is empty; write the value of {variable} into it")
    return value


def with_password(variable: str, url: str) -> str:
    """The URL, which `variable` such as REDIS_URL holds, with the password that REDIS_PASSWORD or its file holds.

    That password is taken as it is. A URL that has a password keeps it.
    """
    setting = f"{variable.removesuffix('_URL')}_PASSWORD"
    password = from_environment(setting)
    scheme, separator, rest = url.partition("://")
    authority = re.match("[^/?#]*", rest)[0]  # type: ignore[index]  # matches always
    user, _, host = authority.rpartition("@")
    if not password or ":" in user:
        _password_settings.pop(variable, None)
        return url
    _password_settings[variable] = setting if os.environ.get(setting) else f"{setting}_FILE"
    encoded = quote(os.fsencode(password), safe="")
    return f"{scheme}{separator}{user}:{encoded}@{host}{rest[len(authority) :]}"


def remedy(variable: str) -> str:
    """What to do about a server that refuses the URL of this variable: which settings to correct."""
    of_password = _password_settings.get(variable)
    return f"correct the setting or {of_password}" if of_password else "correct the setting"


# What a password that is not percent-encoded could bring in is refused wherever it stands: a second @, a second :
# before it, an @ behind /, ? or #, a % without two digits. PostgreSQL's URLs may name several hosts.
_ENCODED = r"(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"  # of RFC 3986
_HOST = r"(?:\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[\w.~%-]+)(?::\d{1,5})?"
_REST = rf"(?:{_ENCODED}(?::{_ENCODED})?@)?(?:{_HOST}(?:,{_HOST})*)?(?:/[^@?#\s]*)?(?:\?[^@#\s]*)?"


def check_url(variable: str, url: str, schemes: tuple[str, ...], example: str) -> None:
    """Raises SettingsError, which quotes no part of the URL, if it has another scheme or cannot be read in one way."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme not in schemes:
        *others, last = (f"{each}://" for each in schemes)
        raise SettingsError(
            f"{variable} is not a URL that begins with {', '.join(others)} or {last}; an example is {example}"
        )
    if not separator or not re.fullmatch(_REST, rest, re.ASCII) or not _has_addresses(url):
        raise SettingsError(
            f"{variable} is not a URL such as {example}; special characters in its password must be"
            " percent-encoded: @ as %40, / as %2F, : as %3A, ? as %3F, # as %23, % as %25"
        )


def _has_addresses(url: str) -> bool:
    """Whether what stands between brackets are IPv6 addresses."""
    try:
        for host in re.findall(r"\[(.*?)\]", url):
            IPv6Address(host)
    except ValueError:
        return False
    return True
