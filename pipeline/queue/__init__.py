"""The only package that speaks Redis and RQ: chunks go onto the queue, workers take them off."""

from pipeline.queue.chunk_queue import ChunkQueue, QueueState
from pipeline.queue.job import LoadChunk
from pipeline.queue.rq_queue import RqChunkQueue
from pipeline.queue.server import is_reachable

__all__ = ["ChunkQueue", "LoadChunk", "QueueState", "RqChunkQueue", "is_reachable"]
