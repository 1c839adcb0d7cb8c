"""docs/operations.md and docs/kubernetes.md: every alert and exit code has its section, and what they name is there."""

import re

import pytest
import yaml

from pipeline import PROJECT

OPERATIONS = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
KUBERNETES = (PROJECT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def sections(heading: str) -> set[str]:
    """The third-level headings under a second-level one."""
    [text] = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", OPERATIONS, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^### (.*)$", text, re.MULTILINE))


def test_each_alert_has_its_section() -> None:
    [group] = yaml.safe_load((PROJECT / "deploy" / "monitoring" / "alerts.yml").read_text())["groups"]
    assert sections("Alerts") == {rule["alert"] for rule in group["rules"]}


def test_each_exit_code_has_its_section() -> None:
    [table] = re.findall(r"^\| exit code \|.*?\n\n", README, re.MULTILINE | re.DOTALL)
    assert sections("Exit codes") == {f"Exit code {code}" for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}


@pytest.mark.parametrize("text", [OPERATIONS, KUBERNETES], ids=["operations", "kubernetes"])
def test_the_files_and_objects_that_commands_name_are_there(text: str) -> None:
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    not_kept = {"deploy/kubernetes/example/secrets.env"}  # written by the reader
    assert [
        path
        for path in re.findall(r"deploy/[\w./-]+", commands)
        if path not in not_kept and not (PROJECT / path).exists()
    ] == []
    manifests = "".join(path.read_text() for path in (PROJECT / "deploy" / "kubernetes").rglob("*.yaml"))
    for name in re.findall(r"(?:cronjob|deployment|service)/([a-z]+)\b(?!-)", commands):
        assert f"name: {name}\n" in manifests


def test_the_restore_is_run_as_documented() -> None:
    tested = (PROJECT / "tests" / "faults" / "test_restore.py").read_text()
    for option in re.findall(r"--[a-z-]+", " ".join(re.findall(r"^pg_\w+ .*$", OPERATIONS, re.MULTILINE))):
        assert f'"{option}' in tested or f"{option}=" in tested
