"""Files that only their owner can read."""

import os
import secrets
from pathlib import Path


def write_private(path: Path, text: str) -> Path:
    """Replaces a file; if that fails, as on a full disk, the file stays as it was."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return path


def password(path: Path) -> str:
    """The password kept in a file; made up when there is none, or an empty file, as a full disk once left it."""
    if not path.exists() or not path.read_text():
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text()
