"""The image, as far as its files say: its labels. tests/compose builds and runs it."""

import re

from pipeline import PROJECT, __version__


def test_the_label_is_the_version_of_the_code() -> None:
    labels = dict(re.findall(r"^(?:LABEL)? +org\.opencontainers\.image\.(\w+)=(\S+)", dockerfile(), re.MULTILINE))
    assert labels["version"] == __version__
    assert labels["revision"] == "$REVISION"


def dockerfile() -> str:
    return (PROJECT / "Dockerfile").read_text()
