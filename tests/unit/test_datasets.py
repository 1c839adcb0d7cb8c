"""The rules of a row."""

import unicodedata
from datetime import date, timedelta

import pytest

from pipeline.datasets import DATASETS
from pipeline.datasets.dataset import LONGEST_TEXT, clean, copy_field
from pipeline.datasets.people import People, Remembered, date_fault, good_text
from pipeline.rows import Fault


def test_text_is_trimmed_and_composed() -> None:
    assert clean("  Zoe\u0308 \t") == unicodedata.normalize("NFC", "Zoë") == "Zo\u00eb"


def people_faults(*fields: str) -> list[str]:
    return [str(fault) for fault in People().faults(fields)]


def test_a_good_row_breaks_no_rule() -> None:
    assert people_faults("Jean", "Kerr", "1901-02-03", "Ayr") == []


def test_all_rules_that_a_row_breaks_are_named() -> None:
    assert people_faults("", "x" * (LONGEST_TEXT + 1), "1901-02-30", "") == [
        "given_name is empty",
        "family_name is longer than 200 characters",
        "date_of_birth '1901-02-30' is not a date (YYYY-MM-DD)",
        "place_of_birth is empty",
    ]


@pytest.mark.parametrize("text", ["1900-02-28", "2000-02-29", "0001-01-01", date.today().isoformat()])
def test_days_that_have_been_are_dates(text: str) -> None:
    assert date_fault("born", text) is None


NO_DATES = ["1900-02-29", "19000228", "1900-W09-3", "28.02.1900", "1900-2-8", "1900-13-01", "0000-01-01", "-100-01-01"]


@pytest.mark.parametrize("text", [*NO_DATES, "١٩٠٠-٠٢-٢٨"])
def test_anything_else_is_not_a_date(text: str) -> None:
    assert str(date_fault("born", text)) == f"born {text!r} is not a date (YYYY-MM-DD)"


def test_an_empty_date_is_empty_and_a_day_to_come_is_in_the_future() -> None:
    assert str(date_fault("born", "")) == "born is empty"
    tomorrow = (date.today() + timedelta(days=2)).isoformat()
    assert str(date_fault("born", tomorrow)) == f"born '{tomorrow}' is in the future"


def test_a_fault_quotes_so_much_of_a_value_and_its_kind_none_of_it() -> None:
    fault = Fault("born", "is not a date", "x" * 1000)
    assert str(fault) == f"born '{'x' * 60}…' is not a date"
    assert fault.kind == "born is not a date"


def test_what_a_terminal_would_obey_is_shown_as_digits() -> None:
    assert "\x1b" not in str(Fault("born", "is not a date", "\x1b[2J"))


@pytest.mark.parametrize(
    "name", ["people.csv", "People-2.CSV", "people-.csv", "people/a b.csv", "people/2024/01/q1.csv"]
)
def test_a_dataset_can_be_several_files(name: str) -> None:
    assert People.holds(name)


@pytest.mark.parametrize(
    "name", ["people_by_county.csv", "people.txt", "xpeople.csv", "x/people/b.csv", "people-/x.csv"]
)
def test_other_files_hold_no_people(name: str) -> None:
    assert not People.holds(name)


def test_what_copy_would_take_as_its_own_is_escaped() -> None:
    assert copy_field("a\\b\tc\nd\re") == "a\\\\b\\tc\\nd\\re"


def test_places_come_before_the_people_who_refer_to_them() -> None:
    assert [dataset.name for dataset in DATASETS] == ["places", "people"]


def test_only_short_texts_are_remembered_so_that_memory_does_not_grow_with_the_width_of_a_field() -> None:
    remembered = Remembered(good_text)
    for text, good in (("Jean", "Jean"), (" Siân ", "Siân"), ("x" * 200, "x" * 200), ("x" * 500_000, "")):
        assert remembered[text] == good
    assert remembered.keys() == {"Jean", " Siân "}
