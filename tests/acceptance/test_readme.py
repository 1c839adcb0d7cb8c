"""What the README and the guides say of settings, files, links and tests is so; end_to_end/ runs their commands."""

import re
from functools import cache
from pathlib import Path

import pytest

from pipeline import PROJECT
from tests.conftest import Services
from tests.forked import run_forked

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_every_setting_of_the_readme_is_a_setting_of_its_commands(services: Services) -> None:
    @cache
    def help_of(command: str) -> str:
        return " ".join(run_forked([*command.split(), "--help"], services.environment).stdout.split())

    table = re.findall(r"^\| `(\w+)` \| (?:`(--[\w-]+)`)? *\| ([\w, ]+) \|", README, re.MULTILINE)
    assert len(table) == 24
    all_commands = "producer, worker, exporter, monitor, run, status"
    for variable, flag, commands in table:
        for name in (all_commands if commands == "all" else commands).split(", "):
            is_stage = name in ("producer", "worker", "exporter", "monitor")
            shown = help_of(name if is_stage else f"pipeline {name}")
            assert flag in shown, name
            assert (f"env var: {variable}" if flag else variable) in shown, name


@pytest.mark.parametrize(
    "document", [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_links_lead_to_files_and_headings(document: Path) -> None:
    for target, _, heading in re.findall(r"\]\((?!https?:)([^)#]*)(#([^)]+))?\)", document.read_text(encoding="utf-8")):
        file = document.parent / target if target else document
        assert file.exists(), target
        assert not heading or heading in headings_of(file), heading


def test_the_architecture_names_each_folder_of_code() -> None:
    _, folders = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8").split("\n## Folders\n")
    packages = {path.parent for pattern in ("*/*.py", "pipeline/*/*.py") for path in PROJECT.glob(pattern)}
    names = {path.relative_to(PROJECT).as_posix() for path in packages} - {"data", "pipeline"}
    names |= {path.parent.name for path in PROJECT.glob("tests/*/test_*.py")}
    assert {name for name in names if f"`{name}`" not in folders} == set()


def headings_of(document: Path) -> set[str]:
    """The anchors that a forge makes of the headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_pictures_of_the_readme_are_there_and_small() -> None:
    named = re.findall(r'(?:src|srcset)="([^"]+)"', README)
    sizes = {path.relative_to(PROJECT).as_posix(): path.stat().st_size for path in PROJECT.glob("docs/pictures/*")}
    assert sorted(named) == sorted(sizes)
    assert max(sizes.values()) < 150_000
    assert sum(sizes.values()) < 800_000


def test_the_way_of_a_row_has_as_many_lines_as_it_says_and_stays_short() -> None:
    architecture = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    said = {
        name: int(lines) for name, lines in re.findall(r"^\| \[(\S+)\]\(\S+\) \| (\d+) \|", architecture, re.MULTILINE)
    }
    assert said == {name: len((PROJECT / name).read_text(encoding="utf-8").splitlines()) for name in said}
    assert 0 < len(said) <= 8
    assert sum(said.values()) < 500


def test_every_test_that_the_guarantees_name_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (PROJECT / "docs" / "guarantees.md").read_text(encoding="utf-8")))
    there = {name for path in PROJECT.glob("tests/**/*.py") for name in re.findall(r"def (test_\w+)", path.read_text())}
    assert named
    assert named <= there


def test_every_variable_that_compose_takes_stands_in_the_example_of_a_dotenv_file() -> None:
    taken = set()
    for name in ("docker-compose.yml", "docker-compose.secrets.yml", "docker-compose.extend.yml"):
        text = (PROJECT / name).read_text(encoding="utf-8")
        taken |= set(re.findall(r"(?<!\$)\$\{(\w+)", text)) | set(re.findall(r"^ +([A-Z_]+):$", text, re.MULTILINE))
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")
    assert taken == set(re.findall("^([A-Z_]+)=", example, re.MULTILINE))
