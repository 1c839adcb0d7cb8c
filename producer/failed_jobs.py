"""Failed jobs that the producer removes: those that it queues again, and those that no load needs any more."""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import partial

from pipeline.ledger import ledger
from pipeline.ledger.chunk import MissingChunk
from pipeline.postgres.database import Database
from pipeline.queue import ChunkQueue
from pipeline.waiting import retry_transient

KEY = re.compile(r"load-\d+-chunk-\d+-[0-9a-f]{12}(-\d+)?")  # see MissingChunk.key


def drop_failures(queue: ChunkQueue, database: Database, to_queue: Iterable[Iterable[MissingChunk]]) -> None:
    """Removes failed jobs that hold a chunk which is about to be queued, or none that the ledger misses."""
    failed = retry_transient(queue.state).failed  # first: a chunk that fails later is none of these
    if not failed:
        return

    def missing() -> set[str]:
        with database.transaction() as tx:
            return {chunk.key for chunk in ledger.missing_chunks(tx)}

    kept = retry_transient(missing)
    queued = {chunk.key for chunks in to_queue for chunk in chunks}
    chunks_of = defaultdict(set)
    for key, job in failed.items():
        if KEY.fullmatch(key):  # a forged job stays recorded
            chunks_of[job].add(key)
    jobs = [job for job, keys in chunks_of.items() if keys & queued or not keys & kept]
    retry_transient(partial(queue.drop_failures, jobs))
