"""The image, as far as its files say: labels and bill of materials. tests/compose builds and runs it."""

import json
import os
import re
import subprocess

import pytest

from pipeline import PROJECT, __version__


def test_the_label_is_the_version_of_the_code() -> None:
    labels = dict(re.findall(r"^(?:LABEL)? +org\.opencontainers\.image\.(\w+)=(\S+)", dockerfile(), re.MULTILINE))
    assert labels["version"] == __version__
    assert labels["revision"] == "$REVISION"


def dockerfile() -> str:
    return (PROJECT / "Dockerfile").read_text()


@pytest.mark.skipif("WHEEL_FROM_INDEX" not in os.environ, reason="asks the package index for the tool")
def test_make_sbom_lists_each_dependency_with_its_version() -> None:
    ended = subprocess.run(["make", "sbom"], cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    bill = json.loads((PROJECT / "build" / "sbom.json").read_text())
    locked = re.findall(r"^([\w-]+)==([^ ;\n]+)", (PROJECT / "requirements.txt").read_text(), re.MULTILINE)
    assert bill["bomFormat"] == "CycloneDX"
    assert sorted((component["name"], component["version"]) for component in bill["components"]) == sorted(locked)
    assert bill["metadata"]["component"]["name"] == "csv-queue-pipeline"
