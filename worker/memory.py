"""The memory of a worker: what a chunk took is kept for the next one."""

import ctypes
import gc
from contextlib import suppress

# Objects between collections. A chunk makes hundreds of thousands, none of them in cycles; at Python's 700, collecting
# cost a third of the worker's CPU.
GC_THRESHOLD = 500_000

# What glibc keeps of the memory that is free, and from which size on it asks the kernel for each piece, in bytes. By
# default it gives a chunk's memory back, and gets it again page by page: an eighth of the CPU of a worker whose chunks
# COPY reads as they stand.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # https://man7.org/linux/man-pages/man3/mallopt.3.html
KEPT = 64 << 20
LARGEST = 32 << 20  # the largest that mallopt takes


def keep_memory() -> None:
    """Has this process keep the memory that it frees."""
    gc.set_threshold(GC_THRESHOLD)
    with suppress(AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_TRIM_THRESHOLD, KEPT)
        mallopt(M_MMAP_THRESHOLD, LARGEST)
