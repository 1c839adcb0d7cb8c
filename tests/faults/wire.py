"""A link between two hosts that delays frames and loses some; not every kernel has tc's netem."""

import fcntl
import os
import random
import select
import struct
import threading
import time
from collections import deque

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000  # Ethernet frames, without a header of their own
LONGEST_FRAME = 1 << 16  # bytes
LONGEST_WAIT = 0.2  # seconds


class Wire:
    """Two network interfaces, which the caller moves to their namespaces; what one sends, the other gets later."""

    def __init__(self, names: tuple[str, str], delay: float, loss: float) -> None:
        """`delay` is in seconds, `loss` the share of frames that are lost, both in each direction."""
        self._ends = [_interface(name) for name in names]
        self._delay, self._loss = delay, loss
        self._random = random.Random(1)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        for end in self._ends:
            os.close(end)

    def _carry(self) -> None:
        first, second = self._ends
        under_way: deque[tuple[float, int, bytes]] = deque()  # when a frame arrives, where, and the frame
        while not self._closed.is_set():
            wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else LONGEST_WAIT
            for end in select.select(self._ends, (), (), wait)[0]:
                frame = os.read(end, LONGEST_FRAME)
                if self._random.random() >= self._loss:
                    under_way.append((time.monotonic() + self._delay, second if end == first else first, frame))
            while under_way and under_way[0][0] <= time.monotonic():
                _, target, frame = under_way.popleft()
                os.write(target, frame)


def _interface(name: str) -> int:
    """The file of a new TAP interface, which is gone when the file is closed."""
    end = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return end
