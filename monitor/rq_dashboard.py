"""`python -m monitor.rq_dashboard`: rq-dashboard shows queue, jobs and workers, and requeues failed jobs."""

import logging
import os

import click
from flask import Flask, Response, request
from werkzeug.serving import make_server

from monitor.protection import Protection, check_address
from pipeline import credentials
from pipeline.cli import command, settings
from pipeline.cli.numbers import Port
from pipeline.queue.dashboard import REQUEUES, rq_dashboard

logger = logging.getLogger("monitor")


@click.command()
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=Port(),
    default=9181,
    metavar="PORT",
    show_default=True,
    help="Port; 0 takes a free one.",
)
@settings.redis_url()
@settings.queue_name
@settings.start_timeout
@settings.version
@settings.logging_options
def main(host: str, port: int, redis_url: str, queue_name: str) -> None:
    """Show queue, jobs and workers of RQ until told to stop. The password is that of the monitor, MONITOR_PASSWORD."""
    password = credentials.from_environment("MONITOR_PASSWORD")
    check_address(host, password)
    app = protected(rq_dashboard(redis_url, queue_name), Protection(password))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
    server = make_server(host, port, app, threaded=True)
    logger.info("rq-dashboard is on %s", os.environ.get("PAGE_URL") or f"http://{host}:{server.port}")
    server.serve_forever()


def protected(app: Flask, protection: Protection) -> Flask:
    """The application. It refuses what the monitor refuses, and all writes other than requeueing."""

    @app.before_request
    def refuse() -> Response | None:
        is_requeue = request.endpoint in REQUEUES
        if refusal := protection.refusal(request.method, request.scheme, request.path, request.headers):
            return Response(refusal.text, refusal.status, refusal.headers)
        if (request.method == "POST") != is_requeue:
            return Response("jobs are only shown and requeued here\n", 405)
        return None

    return app


if __name__ == "__main__":
    command.run(main, "python -m monitor.rq_dashboard", sigterm_code=0)
