"""Where the processes of `pipeline run` print, if not to the standard streams that they inherit."""

import os
from dataclasses import dataclass
from multiprocessing.connection import Connection

STDOUT, STDERR = 1, 2  # file descriptors


@dataclass(frozen=True)
class Output:
    """Where a process of the run prints: standard error, and standard output if that is the terminal too."""

    pipe: Connection
    descriptors: tuple[int, ...]

    def take_over(self) -> None:
        """Redirects the output of this process into the pipe."""
        for descriptor in self.descriptors:
            os.dup2(self.pipe.fileno(), descriptor)
        self.pipe.close()
