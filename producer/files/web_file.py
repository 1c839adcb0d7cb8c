"""A file on a web server, over HTTPS or HTTP."""

import hashlib
import http.client
import netrc
import re
import socket
import ssl
from base64 import b64encode
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pipeline.errors import InputError, TransientError
from pipeline.url import WEB, Url
from producer.files.remote_file import RemoteFile, answer_timeout
from producer.files.temporary_copy import BLOCK

SETTLED = 60.0  # seconds after a change until an ETag made of a time stands for one content
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
FAULTS = {
    401: "the server asks for a password; give it as https://USER:PASSWORD@HOST/ or in ~/.netrc",
    403: "the server refuses access; correct the URL or the rights",
    404: "no such file; correct the URL",
    410: "no such file any more; correct the URL",
}


class WebFile(RemoteFile):
    """Its version is its strong ETag, once the file has been the same for a minute.

    A connection that breaks is resumed where it broke if the file has a strong ETag and keeps it. Else the file is read
    from the start, and must begin with the same bytes.
    """

    def __init__(self, url: Url) -> None:
        self._response: http.client.HTTPResponse | None = None
        self._opener = build_opener(_Redirects)
        self._etag: str | None = None
        self._size: int | None = None  # None: in chunks, of which the last says that it is
        self._digest = hashlib.sha256()  # of what was read
        super().__init__(url)

    def connect(self) -> http.client.HTTPResponse:
        self.close_connection()
        response = self._request()
        etag = _strong_etag(response)
        if response.status == http.HTTPStatus.PARTIAL_CONTENT:
            start, size = _range(response)
            if not self.position or (start, etag) != (self.position, self._etag) or self._size not in (None, size):
                raise self.changed()
            self._size = size
        elif response.length is None and not response.chunked:
            raise InputError("the server does not say how long the file is, so its end cannot be told; fetch the file")
        else:
            self._skip(response)
            self._size = None if response.length is None else response.length + self.position
            self._etag = etag
            self.version = self.url.digest(etag) if etag and _is_settled(response) else None
        self._response = response
        return response

    def read_some(self, size: int) -> bytes:
        response = self._response or self.connect()
        try:
            block = response.read1(size)
        except (OSError, http.client.HTTPException) as error:
            self.close_connection()
            raise TransientError(f"{self._so_far}: {_reason(error)}") from error
        if not block and size and self._size is not None and self.position < self._size:
            self.close_connection()
            raise TransientError(f"{self._so_far} of {self._size:,} bytes")
        self._digest.update(block)
        return block

    @property
    def _so_far(self) -> str:
        return f"{self.url}: the connection ended after {self.position:,}"

    def _request(self) -> http.client.HTTPResponse:
        request = Request(self.url.without_credentials, headers={"Accept-Encoding": "identity"})  # noqa: S310 (http or https)
        if authorization := _authorization(self.url):
            request.add_unredirected_header("Authorization", authorization)
        if self.position and self._etag:
            request.add_header("Range", f"bytes={self.position}-")
            request.add_header("If-Range", self._etag)
        try:
            response: http.client.HTTPResponse = self._opener.open(request, timeout=answer_timeout())
        except HTTPError as error:
            error.close()
            if error.code in TRY_AGAIN:
                raise TransientError(f"{self.url}: the server answers {error.code}") from error
            raise InputError(FAULTS.get(error.code, f"the server answers {error.code}; correct the URL")) from error
        except (OSError, http.client.HTTPException) as error:
            if fault := _lasting_fault(getattr(error, "reason", error)):
                raise InputError(fault) from error
            raise TransientError(f"{self.url}: {_reason(error)}") from error
        return response

    def _skip(self, response: http.client.HTTPResponse) -> None:
        """Reads what was read before. Raises InputError if it is not the same."""
        digest, left = hashlib.sha256(), self.position
        try:
            while left and (block := response.read1(min(left, BLOCK))):
                digest.update(block)
                left -= len(block)
        except (OSError, http.client.HTTPException) as error:
            raise TransientError(f"{self._so_far}: {_reason(error)}") from error
        if left or digest.digest() != self._digest.digest():
            raise self.changed()

    def close_connection(self) -> None:
        if self._response:
            self._response.close()
        self._response = None

    def close(self) -> None:
        self.close_connection()
        super().close()


class _Redirects(HTTPRedirectHandler):
    """Follows redirects, but not from https to http. Credentials go to the same server only."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.scheme not in WEB or (old.scheme, new.scheme) == ("https", "http"):
            raise InputError(f"the server redirects from {old.scheme}:// to {new.scheme}://; correct the URL")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request and (old.scheme, old.netloc) == (new.scheme, new.netloc) and req.has_header("Authorization"):
            request.add_unredirected_header("Authorization", str(req.get_header("Authorization")))
        return request


def _authorization(url: Url) -> str | None:
    """Basic, of the URL's user and password, or of those that ~/.netrc has for the host."""
    credentials = url.credentials
    if credentials is None:
        with suppress(OSError, netrc.NetrcParseError):
            if found := netrc.netrc().authenticators(url.parts.hostname or ""):
                credentials = (found[0], found[2])
    if credentials is None:
        return None
    user, password = credentials
    return "Basic " + b64encode(f"{user}:{password or ''}".encode()).decode()


def _strong_etag(response: http.client.HTTPResponse) -> str | None:
    etag = response.headers.get("ETag", "")
    return etag if re.fullmatch(r'"[^"]+"', etag) else None


def _is_settled(response: http.client.HTTPResponse) -> bool:
    """Whether the file changed long enough ago (RFC 9110, 8.8.2.2): many servers make the ETag of time and size."""
    if (changed := response.headers.get("Last-Modified")) is None:
        return True
    with suppress(TypeError, ValueError):
        sent = parsedate_to_datetime(response.headers.get("Date", ""))
        return (sent - parsedate_to_datetime(changed)).total_seconds() >= SETTLED
    return False


def _range(response: http.client.HTTPResponse) -> tuple[int | None, int | None]:
    """The first byte that a part has, and the size of the whole file; None if the server does not say."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    return (int(found[1]), int(found[2])) if found else (None, None)


def _lasting_fault(cause: Any) -> str | None:
    """Why it is no use to connect again, with the remedy."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate is refused: {cause.verify_message}; SSL_CERT_FILE names certificates to trust"
    if isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME:
        return "no such host; correct the URL"
    return None


def _reason(error: Exception) -> str:
    """What went wrong, without the URL."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return f"no answer for {answer_timeout():g} s"
    return str(getattr(cause, "strerror", None) or cause or type(cause).__name__)
