"""The only package that speaks Redis and RQ: chunks go onto the queue, workers take them off."""

import sys

try:
    import rq.defaults  # noqa: F401
except ValueError as error:  # when a command is imported: it cannot report an error yet
    print(f"error: {error}; correct the setting", file=sys.stderr)  # noqa: T201
    sys.exit(2)

from pipeline.queue.chunk_jobs import QueueState
from pipeline.queue.chunk_queue import ChunkQueue
from pipeline.queue.job import LoadChunk
from pipeline.queue.rq_queue import RqChunkQueue
from pipeline.queue.server import is_reachable

Chunks = RqChunkQueue  # its earlier name, which RQ_QUEUE_CLASS of users may hold

__all__ = ["ChunkQueue", "Chunks", "LoadChunk", "QueueState", "RqChunkQueue", "is_reachable"]
