"""A web server that answers as a test says: with errors, half of a file, or nothing at all."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import trustme

DATE = "Wed, 25 Nov 2026 12:00:00 GMT"


@dataclass
class Answer:
    """To one request. The last answer of a server is given again and again."""

    content: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None  # bytes of the body, after which the connection ends
    length: int | None = None  # that the server claims
    is_chunked: bool = False
    has_length: bool = True
    has_ranges: bool = True
    stalls: bool = False  # after what it sends, until the server is stopped


@dataclass
class WebServer:
    url: str
    answers: list[Answer] = field(default_factory=list)
    requests: list[tuple[str, Message]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        web = self.server.web
        web.requests.append((self.path, self.headers))
        answer = web.answers.pop(0) if len(web.answers) > 1 else web.answers[0]
        body, status, headers = answer.content, answer.status, dict(answer.headers)
        asked = self.headers.get("Range")
        if asked and answer.has_ranges and self.headers["If-Range"] == headers.get("ETag"):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        self.send_response_only(status)
        self.send_header("Date", DATE)
        for name, value in headers.items():
            self.send_header(name, value)
        if answer.is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in _parts(body)) + b"0\r\n\r\n"
        elif answer.has_length:
            self.send_header("Content-Length", str(len(body) if answer.length is None else answer.length))
        self.end_headers()
        self.wfile.write(body if answer.sent is None else body[: answer.sent])
        if answer.stalls:
            web.stopped.wait()
        if answer.sent is not None or answer.length is not None or answer.stalls or not answer.has_length:
            self.close_connection = True

    def log_message(self, *arguments: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    web: WebServer
    daemon_threads = True

    def handle_error(self, *arguments: Any) -> None:
        """A client that goes away is no error."""


@contextmanager
def serving(authority: trustme.CA | None = None) -> Iterator[WebServer]:
    """With an authority it is an HTTPS server, whose certificate that authority issues."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if authority:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme, host = ("https", "localhost") if authority else ("http", "127.0.0.1")
    server.web = WebServer(f"{scheme}://{host}:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.web
    finally:
        server.web.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _parts(body: bytes) -> Iterator[bytes]:
    yield from (body[start : start + 50_000] for start in range(0, len(body), 50_000))
