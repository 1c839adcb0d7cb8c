"""The state folder: only what the pipeline made is used, and only that is ever removed."""

from pathlib import Path

import pytest

from pipeline.embedded.state_folder import claim
from tests.end_to_end.embedded_runs import reset, run, servers_in, start
from tests.forked import run_forked

SERVERS = ("postgresql", "valkey")


def contents(folder: Path) -> dict[str, bytes | None]:
    """Each path below a folder, with the bytes of a file."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def exports(folder: Path) -> Path:
    """A folder of the user's, with names as the pipeline has them too."""
    exports = folder / "exports"
    for server in SERVERS:
        (exports / server).mkdir(parents=True)
        (exports / server / "dump.sql").write_text("of the user")
    (exports / "exports.log").write_text("of the user")
    return exports


@pytest.mark.parametrize("way", ["flag", "variable"])
def test_reset_touches_no_folder_that_the_pipeline_did_not_make(exports: Path, way: str) -> None:
    before = contents(exports)
    options, environment = (["--state", str(exports)], {}) if way == "flag" else ([], {"PIPELINE_STATE": str(exports)})
    ended = run_forked(["pipeline", "reset", *options], environment)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"error: PIPELINE_STATE: '{exports}' was not made by the pipeline; nothing was removed from it\n"
    )
    assert contents(exports) == before


def test_a_run_uses_no_folder_that_holds_other_files(data: Path, exports: Path) -> None:
    before = contents(exports)
    process = start(data, exports)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == (
        f"error: PIPELINE_STATE: '{exports}' holds files that are not the pipeline's; name a new or empty folder\n"
    )
    assert contents(exports) == before


def test_reset_leaves_and_names_files_that_are_not_the_pipelines(folder: Path) -> None:
    state = claim(folder / "state")
    (state / "postgresql").mkdir()
    (state / "notes.log").write_text("of the user")
    ended = reset(state)
    assert (ended.returncode, ended.stdout) == (
        0,
        f"removed the state in {state}; left what is not the pipeline's: notes.log\n",
    )
    assert contents(state) == {"notes.log": b"of the user"}


@pytest.mark.parametrize("others", [set(), {"notes.txt"}])
def test_a_state_of_an_earlier_version_goes_on_and_can_be_removed(
    data: Path, folder: Path, state: Path, others: set[str]
) -> None:
    """Earlier versions wrote no marker, and took a folder that held other files."""
    (state / ".pipeline-state").unlink()
    for name in others:
        (state / name).write_text("of the user")
    assert "people.csv: 4 rows, unchanged, nothing to do" in run(data, state)
    assert reset(state).returncode == 0
    assert {path.name for path in folder.rglob("state/*")} == others


def test_what_a_first_start_left_that_was_killed_can_be_removed(folder: Path) -> None:
    """Of an earlier version, which made its locks first."""
    state = folder / "state"
    state.mkdir()
    (state / "in-use").touch()
    ended = reset(state)
    assert (ended.returncode, ended.stdout) == (0, f"removed {state}\n")
    assert not state.exists()


def test_there_is_nothing_to_remove_in_an_empty_folder(folder: Path) -> None:
    for state in (folder, folder / "none"):
        ended = reset(state)
        assert (ended.returncode, ended.stdout) == (0, f"nothing to remove in {state}\n")
    assert contents(folder) == {}


def test_reset_removes_links_and_not_what_they_lead_to(folder: Path, exports: Path) -> None:
    before = contents(exports)
    state = claim(folder / "state")
    (state / "postgresql").symlink_to(exports)
    (state / "valkey.log").symlink_to(exports / "exports.log")
    ended = reset(state)
    assert (ended.returncode, ended.stdout) == (0, f"removed {state}\n")
    assert contents(exports) == before


def test_reset_follows_no_link_of_the_users(data: Path, folder: Path, state: Path) -> None:
    before = contents(state)
    link = folder / "link"
    link.symlink_to(state)
    ended = reset(link)
    assert (ended.returncode, ended.stderr) == (
        2,
        f"error: PIPELINE_STATE: '{link}' is a link; name the folder itself: '{state.resolve()}'\n",
    )
    assert contents(state) == before
    run(data, link)
    assert servers_in(folder) == []
