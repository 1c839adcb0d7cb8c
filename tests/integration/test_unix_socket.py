"""A Redis that listens on a Unix socket."""

from pathlib import Path

from pipeline.queue import ChunkQueue
from tests.faults.valkeys import valkeys


def test_a_redis_on_a_unix_socket_is_used(tmp_path: Path) -> None:
    path = tmp_path / "valkey.sock"
    with valkeys(tmp_path) as servers:
        servers.start(f"unixsocket {path}")
        assert ChunkQueue.at(f"unix://{path}", "chunks", "0a" * 16).length() == 0
