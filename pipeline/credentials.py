"""Settings that hold a password: they may come from a file, and no error quotes any part of them."""

import os
from pathlib import Path

from pipeline.errors import SettingsError


def from_environment(variable: str) -> str | None:
    """The variable's value, else that of the file which VARIABLE_FILE names; None if neither is set."""
    return os.environ.get(variable) or from_file(variable)


def from_file(variable: str) -> str | None:
    """The content, without blanks around it, of the file which VARIABLE_FILE names; None if that is not set.

    Raises SettingsError, naming VARIABLE_FILE, if there is nothing to be read.
    """
    path = os.environ.get(f"{variable}_FILE")
    if not path:
        return None
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(
            f"{variable}_FILE: cannot read '{path}': {error.strerror}; correct its rights or the setting"
        ) from error
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}_FILE: '{path}' is not a text in UTF-8; correct the setting") from None
    if not value:
        raise SettingsError(f"{variable}_FILE: '{path}' is empty; write the value of {variable} into it")
    return value
