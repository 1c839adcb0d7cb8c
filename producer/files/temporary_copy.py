"""A copy on disk of what can be read only once."""

import tempfile
from collections.abc import Iterator
from typing import IO

BLOCK = 1 << 20  # bytes read at a time


def temporary_copy(blocks: Iterator[bytes]) -> IO[bytes]:
    """The blocks in a file that is gone when it is closed; at its end."""
    copy = tempfile.TemporaryFile(prefix="producer-")  # noqa: SIM115 (the caller closes it)
    try:
        copy.writelines(blocks)
    except BaseException:
        copy.close()
        raise
    return copy
