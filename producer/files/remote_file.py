"""A file that is read over a network, once, from its beginning to its end."""

import io
from abc import abstractmethod
from typing import Any

from pipeline import remedies
from pipeline.errors import InputError
from pipeline.url import Url
from pipeline.waiting import longest_wait, retry_transient

ANSWER_TIMEOUT = 30.0  # seconds until a server that sends nothing is asked again


class RemoteFile(io.RawIOBase):
    """Reading it goes on where a connection broke. It never ends before the file does.

    Opening and reading raise InputError if there is no such file, or it may not be read, or it changed meanwhile;
    TransientError if the server does not serve it for a minute, DrainTimeoutError at the limit of this process.
    """

    version: str | None = None  # digest that no other content has; None if the server tells nothing of the kind

    def __init__(self, url: Url) -> None:
        self.url = url
        self.position = 0  # of the next byte to be read
        retry_transient(self.connect)

    @abstractmethod
    def connect(self) -> object:
        """Opens the file at the position. Raises TransientError if that may succeed later."""

    @abstractmethod
    def read_some(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end. After a TransientError it opens the file again."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = retry_transient(lambda: self.read_some(len(buffer)))
        buffer[: len(block)] = block
        self.position += len(block)
        return len(block)

    def changed(self) -> InputError:
        """The file is not the one of which the beginning was read."""
        return InputError(f"changed while it was being read; {remedies.current.produce_again}")


def answer_timeout() -> float:
    """Seconds that one wait for a server may take."""
    return min(ANSWER_TIMEOUT, longest_wait())
