"""How large chunks become: by rows and bytes, and smaller in a small file, so that workers have something to share."""

from typing import IO, NamedTuple

CHUNK_ROWS = 20_000  # default, for large files
CHUNK_BYTES = 2 << 20  # a chunk ends with the row that reaches this, also before CHUNK_ROWS
SMALL_FILE_CHUNKS = 8  # a small file makes about this many chunks, so that workers have something to share
SMALLEST_CHUNK = 500  # rows; fewer are not worth a chunk of their own


class ChunkLimits(NamedTuple):
    """A chunk ends with the row that reaches one of them."""

    rows: int
    size: int  # bytes
    small_size: int  # bytes, from SMALLEST_CHUNK rows on


def chunk_limits(file: IO[bytes], chunk_rows: int | None) -> ChunkLimits:
    """The limits for what is left of a file. `chunk_rows` None: CHUNK_ROWS, or fewer if the file is small."""
    if chunk_rows is not None:
        return ChunkLimits(chunk_rows, CHUNK_BYTES, CHUNK_BYTES)
    position = file.tell()
    size = file.seek(0, 2)
    file.seek(position)
    return ChunkLimits(CHUNK_ROWS, CHUNK_BYTES, min(CHUNK_BYTES, size // SMALL_FILE_CHUNKS))
