"""What people see who watch a run, or a stage, on a terminal."""

import re
from collections import Counter
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from tests.conftest import PLACES, Commands, Pipeline
from tests.support import generate
from tests.terminals import CTRL_C, on_a_terminal

HEADER = "given_name,family_name,date_of_birth,place_of_birth\n"
BAR = "━"
FILES = 30  # with people; more than there are lines on each of the screens


def run_command(pipeline: Pipeline, *options: str) -> list[str]:
    return ["pipeline", "run", "--data", str(pipeline.data), *options]


def test_producer_and_exporter_show_a_bar(commands: Commands, pipeline: Pipeline) -> None:
    """No person can be loaded before the exporter shows its bar, which it does only if something is left."""
    generate(pipeline.data, people=2_000)
    environment = commands.services.environment
    arguments = ["--data", str(pipeline.data), "--chunk-rows", "100"]
    shown = on_a_terminal(["producer", *arguments], environment)
    assert re.search(r"queueing .*2,113 of 2,113", shown.written)
    assert not any(BAR in line for line in shown.lines)
    with closing(psycopg2.connect(commands.services.database_url)) as connection:
        connection.cursor().execute("LOCK TABLE people IN SHARE MODE")
        worker = commands.start("worker", "--burst")

        def let_go_on(screen: list[str]) -> None:
            if any("loading" in line for line in screen):
                connection.close()

        exporting = ["exporter", "--output", str(pipeline.data)]
        shown = on_a_terminal(exporting, environment, let_go_on)
    # Without the places, if they were loaded before the exporter looked.
    assert re.search(r"loading .*(2,113 of 2,113|2,000 of 2,000)", shown.written)
    assert worker.wait(10) == 0
    assert "loading" not in on_a_terminal(exporting, environment).written, "nothing is left to be loaded"


def test_a_run_shows_a_line_for_each_file_and_then_each_result_once(commands: Commands, pipeline: Pipeline) -> None:
    generate(pipeline.data, people=20_000)
    (pipeline.data / "people_2.csv").touch()
    command = run_command(pipeline, "--chunk-rows", "200")
    shown = on_a_terminal(command, commands.services.environment, columns=400)
    assert shown.exit_code == 0, shown.written
    loading = [screen for screen in shown.screens if any(BAR in line for line in screen)]
    under_way = r"^people\.csv +━+\S* +[\d,]+ of 20,000 +[\d,]+ rows/s +\d.* left$"
    assert any(re.match(under_way, line) for screen in loading for line in screen)
    assert all(sum(line.startswith(("people.csv ", "places.csv ")) for line in screen) <= 2 for screen in loading)
    [warned] = [line for line in shown.lines if "people_2.csv (call it" in line]
    assert [line for line in shown.lines if "csv" in line] == [
        warned,
        "people.csv: 20,000 rows = 20,000 inserted + 0 updated + 0 unchanged + 0 rejected; 0 deleted",
        "places.csv: 113 rows = 113 inserted + 0 updated + 0 unchanged + 0 rejected; 0 deleted",
    ]
    assert shown.lines[-1] == f"{pipeline.data}/summary_output.json"
    assert Counter(shown.lines).most_common(1)[0][1] == 1, "no line twice"
    assert shown.has_cursor
    assert not re.search(r"\b0 of [\d,]+ rows|\b1 chunks|requeued|worker ready", shown.written)


def test_a_second_run_says_that_nothing_is_to_do(commands: Commands, pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES)
    shown = on_a_terminal(run_command(pipeline), commands.services.environment)
    assert "places.csv: 3 rows, unchanged, nothing to do; its counts are those of an earlier run" in shown.lines
    assert not any(BAR in line for screen in shown.screens for line in screen)


def test_results_go_where_standard_output_goes(commands: Commands, pipeline: Pipeline, tmp_path: Path) -> None:
    generate(pipeline.data, people=5_000)
    with (tmp_path / "out").open("w") as out:
        command = run_command(pipeline, "--chunk-rows", "100")
        shown = on_a_terminal(command, commands.services.environment, stdout=out.fileno())
    assert (tmp_path / "out").read_text().endswith(f"\n{pipeline.data}/summary_output.json\n")
    assert any(BAR in line for screen in shown.screens for line in screen)
    assert [line for line in shown.lines if "database: " not in line] == []


def is_sum(bars: list[str]) -> bool:
    """Whether the last bar is that of all files; places are perhaps loaded before the first look."""
    return bool(bars) and bars[-1].startswith((f"{FILES} f", f"{FILES + 1} f"))


@pytest.mark.parametrize(("columns", "lines"), [(80, 14), (60, 5), (40, 24)])
def test_many_files_stay_within_the_screen(commands: Commands, pipeline: Pipeline, columns: int, lines: int) -> None:
    """A bar that scrolls off can be drawn over no more. Nothing is loaded until all are there."""
    pipeline.write(places=PLACES)
    for number in range(FILES):
        rows = f"Jean {number},Kerr,1901-02-03,Ayr\n" * 10
        (pipeline.data / f"people-of-a-long-name-{number:03}.csv").write_text(HEADER + rows)
    environment = commands.services.environment
    with closing(psycopg2.connect(commands.services.database_url)) as connection:
        connection.cursor().execute("LOCK TABLE people IN SHARE MODE")

        def let_go_on(screen: list[str]) -> None:
            if is_sum([line for line in screen if BAR in line]):
                connection.close()

        shown = on_a_terminal(run_command(pipeline), environment, let_go_on, columns=columns, lines=lines)
    assert shown.exit_code == 0, shown.written
    drawn = [[line for line in screen if BAR in line] for screen in shown.screens]
    assert any(map(is_sum, drawn))
    assert not [line for line in [*shown.scrolled_off, *shown.lines] if BAR in line]
    assert max(map(len, drawn)) <= lines - 2


@pytest.mark.parametrize("columns", [60, 100])
def test_ctrl_c_leaves_a_clean_screen(commands: Commands, pipeline: Pipeline, columns: int) -> None:
    generate(pipeline.data, people=20_000)

    typed: list[bytes] = []

    def interrupt(screen: list[str]) -> bytes | None:
        """More than once, as impatient people do."""
        if len(typed) < 3 and any(line.startswith("people.csv") and " left" in line for line in screen):
            typed.append(CTRL_C)
            return CTRL_C
        return None

    command = run_command(pipeline, "--chunk-rows", "50")
    shown = on_a_terminal(command, commands.services.environment, interrupt, columns=columns)
    assert shown.exit_code == 130, shown.written
    said = [line.removeprefix("^C") for line in shown.lines if "database: " not in line and line != "^C"]
    assert said == ["error: interrupted; run it again to go on"]  # a ^C typed after the end is shown below it
    assert shown.has_cursor


@pytest.mark.parametrize(("variable", "code"), [("NO_COLOR=1", r"\x1b\[\d*(;\d+)*[34]\d"), ("TERM=dumb", r"\x1b")])
def test_a_terminal_gets_no_codes_that_it_does_not_want(
    commands: Commands, pipeline: Pipeline, variable: str, code: str
) -> None:
    generate(pipeline.data, people=2_000)
    name, value = variable.split("=")
    shown = on_a_terminal(run_command(pipeline), {**commands.services.environment, name: value})
    assert shown.exit_code == 0, shown.written
    assert not re.search(code, shown.written)
