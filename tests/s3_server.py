"""An S3 server on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def serving_s3() -> Iterator[str]:
    """Yields the URL of a server that is empty.

    Imports it only now: it takes 0.25 s of CPU, and each process of pytest imports all modules of tests.
    """
    server = import_module("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    files = import_module("botocore.loaders").JSONFileLoader
    files.load_file = staticmethod(
        cache(files().load_file)
    )  # each client reads the same 1.5 MB of descriptions of the service
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def s3_client(url: str) -> Any:
    return import_module("boto3").client(
        "s3", endpoint_url=url, aws_access_key_id="key", aws_secret_access_key="secret", region_name="us-east-1"
    )
