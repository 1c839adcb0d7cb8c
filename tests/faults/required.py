"""What some fault tests need of the machine."""

import os
from typing import NoReturn

import pytest

REQUIRED = bool(os.environ.get("FAULTS_REQUIRED"))  # set where all of it is there for certain: then no test is skipped


def unavailable(reason: str) -> NoReturn:
    """Skips the test, or fails it where FAULTS_REQUIRED is set."""
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)
