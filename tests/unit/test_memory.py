"""What a worker does with memory that is free again."""

import platform
import sys

import pytest

from tests.support import start_process

# Pages that the kernel gives to a process which takes and frees three pieces of 4 MiB ten times, after a first time.
FAULTS = """
import resource, sys
from worker.memory import keep_memory
def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def chunk():
    [bytearray(b"x") * (4 << 20) for _ in range(3)]
if sys.argv[1] == "kept":
    keep_memory()
chunk()
before = pages()
for _ in range(10):
    chunk()
print(pages() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep memory as they like")
def test_a_worker_keeps_the_memory_of_a_chunk_for_the_next_one() -> None:
    def pages(*arguments: str) -> int:
        with start_process([sys.executable, "-c", FAULTS, *arguments], {}) as process:
            out, err = process.communicate(timeout=30)
        assert not err
        return int(out)

    assert pages("given back") > 10_000
    assert pages("kept") < 100
