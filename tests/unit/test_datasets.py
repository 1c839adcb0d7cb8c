"""The rules of a row."""

import unicodedata

import pytest

from pipeline.datasets import DATASETS
from pipeline.datasets.dataset import LONGEST_TEXT, clean, copy_field
from pipeline.datasets.people import date_fault, faults


def test_text_is_trimmed_and_composed() -> None:
    assert clean("  Zoe\u0308 \t") == unicodedata.normalize("NFC", "Zoë") == "Zo\u00eb"


def test_a_good_row_breaks_no_rule() -> None:
    assert faults("Jean", "Kerr", "1901-02-03", "Ayr", place_is_known=True) == ()


def test_all_rules_that_a_row_breaks_are_named() -> None:
    assert faults("", "x" * (LONGEST_TEXT + 1), "1901-02-30", "Atlantis", place_is_known=False) == (
        "given_name is empty",
        "family_name is longer than 200 characters",
        "date_of_birth '1901-02-30' is not a date (YYYY-MM-DD)",
        "place_of_birth 'Atlantis' is not a known city",
    )


@pytest.mark.parametrize("text", ["1900-02-28", "2000-02-29", "0001-01-01"])
def test_calendar_dates_are_dates(text: str) -> None:
    assert date_fault(text) is None


@pytest.mark.parametrize(
    "text", ["1900-02-29", "19000228", "1900-W09-3", "28.02.1900", "1900-2-8", "1900-13-01", "0000-01-01", "١٩٠٠-٠٢-٢٨"]
)
def test_anything_else_is_not_a_date(text: str) -> None:
    assert date_fault(text) == f"date_of_birth {text!r} is not a date (YYYY-MM-DD)"


def test_an_empty_date_is_empty() -> None:
    assert date_fault("") == "date_of_birth is empty"


def test_what_copy_would_take_as_its_own_is_escaped() -> None:
    assert copy_field("a\\b\tc\nd\re") == "a\\\\b\\tc\\nd\\re"


def test_places_come_before_the_people_who_refer_to_them() -> None:
    assert [dataset.name for dataset in DATASETS] == ["places", "people"]
