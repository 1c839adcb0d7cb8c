"""`python -m bench.queueing FOLDER`: puts the chunks of people.csv on the queue and takes them off, doing nothing.

What this costs is queueing's share of a load: encoding, RQ's bookkeeping and decoding. REDIS_URL names the
queue. Waits with the chunks in memory until a line comes from standard input.
"""

import os
import sys
from pathlib import Path
from uuid import uuid4

from pipeline.ledger.chunk import MissingChunk
from pipeline.queue import ChunkQueue
from producer.scan import scan
from producer.sources import find_sources


def chunks(path: Path) -> list[tuple[MissingChunk, str]]:
    """The chunks of a file with their text, as the producer would queue them."""
    [source] = find_sources(path.parent, (path,))
    with path.open("rb") as file:
        plans = scan(source, file, chunk_rows=None).chunks
        found = []
        for plan in plans:
            file.seek(plan.byte_offset)
            found.append((MissingChunk(1, source.name, 0, plan), file.read(plan.byte_count).decode()))
        return found


def main() -> None:
    queue = ChunkQueue.at(os.environ["REDIS_URL"], "chunks", str(uuid4()))
    to_queue = chunks(Path(sys.argv[1]) / "people.csv")
    taken = []
    print("ready", flush=True)
    sys.stdin.readline()
    for chunk, text in to_queue:
        queue.length()  # the producer asks before each chunk
        queue.put((chunk, text))
    queue.work(lambda _load, number, *_: taken.append(number), burst=True)
    if len(taken) != len(to_queue):
        raise SystemExit(f"{len(taken)} of {len(to_queue)} chunks came off the queue")


if __name__ == "__main__":
    main()
