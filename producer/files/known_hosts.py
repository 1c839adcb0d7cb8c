"""Which keys of SSH servers are trusted: those in the user's known_hosts and the machine's, as ssh does."""

from pathlib import Path

import paramiko

from pipeline.errors import InputError

FILES = (Path("~/.ssh/known_hosts"), Path("/etc/ssh/ssh_known_hosts"))


class KnownHosts(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # which has no types
    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        for path in FILES:
            if path.expanduser().exists() and paramiko.HostKeys(str(path.expanduser())).check(hostname, key):
                return
        raise InputError(f"the server's key is not in {FILES[0]}; check the key, and connect with ssh once")
