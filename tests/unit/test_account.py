"""The account of all rows at the end of a run."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.cli.account import account
from pipeline.forgetting import forgotten_meanwhile
from pipeline.ledger.load import LoadProgress, RejectedKind
from pipeline.limits import RowLimit
from pipeline.rejects import TooManyRejectsError, check_rejects

FIRST_RUN = datetime(2026, 1, 1, tzinfo=UTC)
SECOND_RUN = FIRST_RUN + timedelta(hours=1)


def load(number: int, sealed_at: datetime, rejected: int = 0) -> LoadProgress:
    """A load of two rows of the file NUMBER.csv."""
    return LoadProgress(
        load=number,
        source=f"{number:02d}.csv",
        dataset="things",
        row_count=2,
        committed_rows=2,
        complete=True,
        sealed_at=sealed_at,
        inserted=2 - rejected,
        updated=0,
        unchanged=0,
        rejected=rejected,
        deleted=0,
    )


def named(loads: list[LoadProgress]) -> list[str]:
    """What each line of the account begins with."""
    return [line.split(":")[0] for line in account(loads)]


def test_of_many_files_those_of_the_last_run_are_named_first() -> None:
    loads = [load(number, FIRST_RUN, rejected=number == 3) for number in range(12)]
    assert named(loads) == ["03.csv", "12 files"]
    loads[7] = load(7, SECOND_RUN)
    loads[9] = load(9, SECOND_RUN, rejected=1)
    assert named(loads) == ["07.csv", "09.csv", "03.csv", "12 files"]


def test_files_of_the_last_run_take_no_place_from_those_with_rejected_rows_that_are_left_out() -> None:
    loads = [load(number, SECOND_RUN if number < 2 else FIRST_RUN, rejected=number >= 2) for number in range(13)]
    assert named(loads)[-2:] == ["and 3 more files with rejected or deleted rows", "13 files"]


def test_few_files_are_all_named() -> None:
    assert named([load(1, FIRST_RUN), load(2, SECOND_RUN)]) == ["01.csv", "02.csv"]


@pytest.mark.parametrize(("rejected", "said"), [(1, "1 of 4 rows is rejected"), (2, "2 of 4 rows are rejected")])
def test_the_number_of_rejected_rows_agrees_with_its_verb(rejected: int, said: str) -> None:
    with pytest.raises(TooManyRejectsError, match=f"^{said}, more than --max-rejects 0 allows; stopped$"):
        check_rejects(rejected, 4, RowLimit.parse("0"), "stopped")


def test_forgotten_sources_agree_with_their_pronoun() -> None:
    assert "while it was being loaded: a.csv; no row of it is" in str(forgotten_meanwhile(["a.csv"]))
    assert "while they were being loaded: a.csv; b.csv; no row of them is" in str(
        forgotten_meanwhile(["b.csv", "a.csv"])
    )


def test_a_reason_that_is_its_rule_is_said_once() -> None:
    kind = RejectedKind("row has 2 fields, expected 3", 1, "a.csv", 3, "row has 2 fields, expected 3")
    assert str(kind) == "1 x row has 2 fields, expected 3, such as a.csv line 3"
    with_value = replace(kind, kind="id is not an integer", reason="id 'x' is not an integer")
    assert str(with_value) == "1 x id is not an integer, such as a.csv line 3: id 'x' is not an integer"
