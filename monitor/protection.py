"""Access to the page: a password, the allowed host names, and no requests from other sites."""

import base64
import binascii
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from pipeline.errors import SettingsError

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))  # of Docker and Podman
# An address, or a name without a dot (localhost, or a service of a container's network), and maybe a port.
OWN_NAME = re.compile(r"(\[[\da-fA-F:.]+\]|\d+(\.\d+){3}|[\w-]+)(:\d+)?", re.ASCII)
OPEN_PATHS = frozenset({"/healthz"})  # for health checks, which know no password
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Headers(Protocol):
    """The headers of a request, by names in any case."""

    def get(self, name: str, /) -> str | None: ...


Next = Callable[[Request], Awaitable[Response]]


def check_address(host: str, password: str | None) -> None:
    """Raises SettingsError if the page would be open to the network without a password.

    A container's own network counts as closed, because the user decides which ports to publish.
    """
    if password or host in LOOPBACK or any(mark.exists() for mark in CONTAINER_MARKS):
        return
    raise SettingsError(
        f"MONITOR_HOST: without a password the page is shown on this machine alone, and {host} is open to others;"
        " set MONITOR_PASSWORD, or listen on 127.0.0.1"
    )


@dataclass(frozen=True)
class Refusal:
    """The answer to a request that is refused."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Protection:
    """Refuses requests without the password, from other sites, or to a foreign host name."""

    def __init__(self, password: str | None) -> None:
        self._password = password

    async def __call__(self, request: Request, call_next: Next) -> Response:
        url = request.url
        if refusal := self.refusal(request.method, url.scheme, url.path, request.headers):
            response: Response = PlainTextResponse(refusal.text, refusal.status, refusal.headers)
        else:
            response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    def refusal(self, method: str, scheme: str, path: str, headers: Headers) -> Refusal | None:
        """Why a request is refused, if it is."""
        if self._password is None and not OWN_NAME.fullmatch(headers.get("host") or ""):
            # Another site's name that leads here would let that site read the page.
            return Refusal(403, "set MONITOR_PASSWORD to use the page under this name\n")
        if self._password is not None and path not in OPEN_PATHS and not self._has_password(headers):
            challenge = {"WWW-Authenticate": 'Basic realm="pipeline monitor", charset="UTF-8"'}
            return Refusal(401, "a password is needed\n", challenge)
        if method not in ("GET", "HEAD") and not _is_same_origin(scheme, headers):
            return Refusal(403, "the request comes from another site\n")
        return None

    def _has_password(self, headers: Headers) -> bool:
        scheme, _, credentials = (headers.get("authorization") or "").partition(" ")
        try:
            given = base64.b64decode(credentials, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(given, (self._password or "").encode())


def _is_same_origin(scheme: str, headers: Headers) -> bool:
    """Decides by the header that browsers set and pages cannot; older browsers send only the origin."""
    if site := headers.get("sec-fetch-site"):
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is None or origin == f"{scheme}://{headers.get('host')}"
