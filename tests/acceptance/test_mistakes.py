"""Mistakes of a user, as the real commands answer them."""

from pathlib import Path

from tests.acceptance.embedded_runs import run, start
from tests.conftest import PEOPLE, PLACES, Commands, Pipeline

HEADER = PEOPLE.splitlines(keepends=True)[0]


def files(pipeline: Pipeline) -> dict[str, str]:
    return {"DATA_DIR": str(pipeline.data), "OUTPUT_DIR": str(pipeline.data)}


def test_a_run_with_a_header_only_file_leaves_tables_and_reports(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    assert commands.run("pipeline", "run", **files(pipeline)).returncode == 0
    before = (pipeline.people(), (pipeline.data / "summary_output.json").read_bytes())
    pipeline.write(people=HEADER)
    refused = commands.run("pipeline", "run", **files(pipeline))
    assert refused.returncode == 3
    assert "people.csv is refused: it has no good row, where 4 rows are loaded" in refused.stderr
    assert (pipeline.people(), (pipeline.data / "summary_output.json").read_bytes()) == before
    allowed = commands.run("pipeline", "run", "--allow-empty", **files(pipeline))
    assert allowed.returncode == 0, allowed.stderr
    assert "people.csv: 0 rows = 0 inserted + 0 updated + 0 unchanged + 0 rejected; 4 deleted" in allowed.stdout


def test_a_refusal_shows_the_commonest_reasons_with_examples(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    pipeline.write(people=PEOPLE.replace("-", "/"))
    refused = commands.run("producer", **files(pipeline))
    assert refused.returncode == 3
    assert refused.stdout == (
        "people.csv: most often: 4 x date_of_birth is not a date (YYYY-MM-DD), such as"
        " line 2: date_of_birth '1901/02/03' is not a date (YYYY-MM-DD)\n"
    )
    assert "4 of the 4 rows would be rejected, where 4 rows are loaded" in refused.stderr
    assert "1901/02/03" not in refused.stderr  # row contents do not belong into logs


def test_a_dry_run_changes_nothing(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    pipeline.write(people=PEOPLE.replace("Siân", "Sian"))
    for command in (["producer", "--dry-run"], ["pipeline", "run", "--dry-run"]):
        ended = commands.run(*command, **files(pipeline))
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.splitlines() == [
            "places.csv: a run would insert 0, update 0, leave 3 unchanged, reject 0 of 3 rows, and delete 0",
            "people.csv: a run would insert 0, update 1, leave 3 unchanged, reject 0 of 4 rows, and delete 0",
        ]
    assert pipeline.rows("SELECT count(*) FROM loads") == [(2,)]


def test_forgetting_nothing_loads_nothing(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES, people=PEOPLE)
    ended = commands.run("producer", "--forget", "", **files(pipeline))
    assert (ended.returncode, ended.stderr.startswith("error: --forget: no source ''")) == (2, True)
    assert pipeline.rows("SELECT * FROM sources") == []


def test_a_renamed_file_is_warned_about_and_its_rows_can_be_removed(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    (pipeline.data / "people.csv").rename(pipeline.data / "people-new.csv")
    warned = commands.run("producer", **files(pipeline))
    assert "not in the folder any more: people.csv (4 rows)" in warned.stderr
    removed = commands.run("producer", "--forget-missing", **files(pipeline))
    assert "people.csv: forgotten, 4 rows of people removed\n" in removed.stdout
    assert [name for (name,) in pipeline.rows("SELECT name FROM sources ORDER BY name")] == [
        "people-new.csv",
        "places.csv",
    ]


def test_files_that_no_dataset_takes_are_warned_about_but_for_reports(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES, people=PEOPLE, people_2=PEOPLE)
    assert commands.run("pipeline", "run", **files(pipeline)).returncode == 0
    warned = commands.run("producer", **files(pipeline))
    assert (
        "not loaded, since no dataset has such a name: people_2.csv (call it people-2.csv); files that are loaded are"
        " called places.csv, places-*.csv, places/**/*.csv, people.csv, people-*.csv, people/**/*.csv (or with .gz)\n"
    ) in warned.stderr


def test_sources_of_embedded_servers_can_be_forgotten(commands: Commands, folder: Path, data: Path) -> None:
    state = folder / "state"
    run(data, state)
    forgotten = commands.run("pipeline", "forget", "people.csv", "--state", str(state), DATABASE_URL="", REDIS_URL="")
    assert (forgotten.returncode, forgotten.stdout) == (0, "people.csv: forgotten, 4 rows of people removed\n")
    again = start(data, state)
    out, _ = again.communicate(timeout=60)
    assert "people.csv: 4 of 4 rows queued" in out


def test_a_dry_run_says_what_it_would_forget(commands: Commands, pipeline: Pipeline) -> None:
    """By the code that forgets, so that a refusal shows too: people name places that are to go."""
    pipeline.load(places=PLACES, people=PEOPLE)
    (pipeline.data / "people.csv").unlink()
    for command in (["producer"], ["pipeline", "run"]):
        ended = commands.run(*command, "--dry-run", "--forget-missing", **files(pipeline))
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.splitlines()[0] == "people.csv: a run would forget it, and remove 4 rows of people"
        assert "not in the folder" not in ended.stderr
    assert len(pipeline.people()) == 4
    (pipeline.data / "people.csv").write_text(PEOPLE)
    (pipeline.data / "places.csv").unlink()
    refused = commands.run("producer", "--dry-run", "--forget-missing", **files(pipeline))
    assert refused.returncode == 1
    assert "places.csv cannot be forgotten: 4 rows of people.csv name its places" in refused.stderr
    assert pipeline.rows("SELECT count(*) FROM places") == [(3,)]


def test_people_without_places_say_that_no_place_is_loaded(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.write(people=PEOPLE)
    foreseen = commands.run("producer", "--dry-run", **files(pipeline))
    ended = commands.run("pipeline", "run", **files(pipeline))
    hint = "no row of places is loaded, and rows of people name them"
    for said in (foreseen.stdout, ended.stdout):
        assert said.count("place_of_birth is not a known city") == 1
        assert hint in said.splitlines()
    pipeline.load(places=PLACES)
    assert hint not in commands.run("pipeline", "run", **files(pipeline)).stdout


def test_remedies_are_commands_of_the_one_that_was_run(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=PEOPLE)
    (pipeline.data / "people.csv").unlink()
    for command, remedy in (("producer", "; --forget NAME removes"), ("pipeline", "; `pipeline forget NAME` removes")):
        warned = commands.run(command, *(["run"] if command == "pipeline" else []), **files(pipeline))
        assert remedy in warned.stderr


def test_nothing_can_be_forgotten_after_a_reset(commands: Commands, folder: Path) -> None:
    state = str(folder / "state")
    ended = commands.run("pipeline", "forget", "people.csv", "--state", state, DATABASE_URL="", REDIS_URL="")
    assert (ended.returncode, ended.stderr) == (2, "error: no source 'people.csv' is known: nothing is loaded\n")
