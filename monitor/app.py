"""The routes of the monitor."""

from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from monitor import rejected
from monitor.live_status import LiveStatus
from monitor.metrics import StatusCollector
from monitor.protection import Protection
from monitor.rejected import Search
from pipeline.errors import PipelineError, TransientError
from pipeline.pages.render import STYLE, render
from pipeline.postgres.database import Database
from pipeline.status.as_json import to_json
from pipeline.status.lines import headline

SCRIPT = Path(__file__).parent / "static" / "live.js"


def create(live: LiveStatus, database: Database, password: str | None) -> Starlette:
    """The application. Each search has a connection of its own to `database`, so several can run at once."""

    def page(_: Request) -> Response:
        return _page("monitor.html", live)

    def sections(_: Request) -> Response:
        return _page("live.html", live)

    def api_status(_: Request) -> Response:
        return Response(to_json(live.get()), media_type="application/json")

    def metrics(request: Request) -> Response:
        registry = CollectorRegistry()
        registry.register(StatusCollector(live.get()))
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    def health(_: Request) -> Response:
        status = live.get()
        error = status.postgresql.error or status.redis.error
        return PlainTextResponse(f"{error or 'ok'}\n", 503 if error else 200)

    def rejected_rows(request: Request) -> Response:
        search = _search(request)
        with closing(database.another()) as connection:
            rows, total = rejected.find(connection, search)
        return HTMLResponse(render("rejected.html", search=search, rows=rows, total=total))

    def rejected_csv(request: Request) -> Response:
        lines = rejected.as_csv(database.another(), _search(request))
        headers = {"Content-Disposition": 'attachment; filename="rejected_rows.csv"'}
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)

    async def retry(request: Request) -> Response:
        fields = parse_qs((await request.body()).decode(errors="replace"))
        await run_in_threadpool(live.retry, fields.get("job", [None])[0])
        return RedirectResponse(".", 303)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/live", sections),
            Route("/api/status", api_status),
            Route("/metrics", metrics),
            Route("/healthz", health),
            Route("/rejected", rejected_rows),
            Route("/rejected.csv", rejected_csv),
            Route("/retry", retry, methods=["POST"]),
            Route("/static/style.css", lambda _: FileResponse(STYLE)),
            Route("/static/live.js", lambda _: FileResponse(SCRIPT)),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=Protection(password))],
        exception_handlers={TransientError: _unavailable, PipelineError: _failed},
    )


def _page(template: str, live: LiveStatus) -> Response:
    status = live.get()
    return HTMLResponse(render(template, status=status, headline=headline(status)))


def _search(request: Request) -> Search:
    """The search in the URL's query. A text with NUL finds nothing, because PostgreSQL cannot store one."""
    given = {name: request.query_params.get(name, "").replace("\0", "") for name in ("source", "rule", "text")}
    return Search(**given)


def _unavailable(_: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", 503)


def _failed(_: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", 500)
