"""Faults of a description: all that can be found in one pass, each with its JSON pointer."""

from types import TracebackType

from pipeline.errors import InputError
from pipeline.wording import NAMED_AT_MOST, counted


class DescriptionError(InputError):
    """One or more faults of a description."""

    def __init__(self, *faults: str, more: int = 0) -> None:
        """`more` faults were found than these."""
        self.faults = faults
        self.more = more
        super().__init__(*faults, *([f"and {counted(more, 'more fault')}"] if more else []))


class Faults:
    """Collects the faults of parts that are read one after the other; each part is a block of `with faults:`.

    A block with a fault ends there, and what comes after the block goes on. The first few faults are kept, the others
    counted. After `check` every block has come to its end.
    """

    def __init__(self) -> None:
        self._found: list[str] = []
        self._more = 0

    def check(self) -> None:
        """Raises DescriptionError if there was a fault."""
        if self._found:
            raise DescriptionError(*self._found, more=self._more)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, DescriptionError):
            return False
        room = NAMED_AT_MOST - len(self._found)
        self._found += error.faults[:room]
        self._more += error.more + len(error.faults[room:])
        return True
