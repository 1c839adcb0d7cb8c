"""Which file holds which dataset, and where its header has the fields."""

import time

import pytest

from pipeline.descriptions.description import Constraints, Dataset, Dialect, Field, Package
from pipeline.descriptions.header import field_positions
from pipeline.descriptions.matching import dataset_of, expected_names, holds
from pipeline.descriptions.package import OWN_PACKAGE, read_package
from pipeline.errors import InputError

OWN = read_package(OWN_PACKAGE)


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("example.csv", "examples"),
        ("Examples-2.CSV.GZ", "examples"),
        ("people/2024/01/q1.csv", "people"),
        ("example-2.csv", None),
        ("people_2.csv", None),
    ],
)
def test_a_file_holds_the_dataset_whose_path_it_matches(name: str, dataset: str | None) -> None:
    found = dataset_of(OWN, name)
    assert (found and found.name) == dataset


def described(name: str, *paths: str) -> Dataset:
    return Dataset(name, name, paths, (Field("a", "a"),))


@pytest.mark.parametrize(
    ("path", "yes", "no"),
    [
        ("a*b*.csv", ["ab.csv", "axbyb.csv"], ["a/b.csv", "xab.csv", "ab.csvx"]),
        ("**/x.csv", ["x.csv", "a/x.csv", "a/b/X.csv"], ["ax.csv"]),
        ("a/**", ["a/b", "a/b/c.csv"], ["a", "b/a"]),
        ("a[1]?.csv", ["a[1]?.csv"], ["a1x.csv"]),
    ],
)
def test_stars_stand_for_parts_of_names_and_for_folders(path: str, yes: list[str], no: list[str]) -> None:
    assert [name for name in yes + no if holds(described("d", path), name)] == yes


def test_no_path_takes_long_to_match() -> None:
    started = time.process_time()
    assert not holds(described("d", "**/" + "*a" * 200 + "b.csv"), "a/" * 100 + "a" * 2000 + ".csv")
    assert time.process_time() - started < 2  # seconds


def test_a_file_that_two_datasets_name_is_refused() -> None:
    package = Package(None, (described("a", "x*.csv"), described("b", "*y.csv")))
    with pytest.raises(InputError) as caught:
        dataset_of(package, "xy.csv")
    assert str(caught.value) == (
        "xy.csv: the paths of 'a' and 'b' both name this file; correct one of them in datapackage.json"
    )


def test_a_message_can_say_which_names_are_expected() -> None:
    package = Package(None, (described("a", "x*.csv"), described("b", "b.csv", "b/**/*.csv")))
    assert expected_names(package) == "x*.csv, b.csv, b/**/*.csv (or compressed)"


FIELDS = (Field("City", "city", constraints=Constraints(required=True)), Field("area", "area"))


def positions(match: str, *header: str, has_header: bool = True) -> tuple[int | None, ...] | str:
    dataset = Dataset("towns", "towns", ("t.csv",), FIELDS, match, dialect=Dialect(header=has_header))
    try:
        return field_positions(dataset, header, "t.csv line 1")
    except InputError as error:
        return str(error).removeprefix("t.csv line 1: ")


@pytest.mark.parametrize(
    ("match", "header", "expected"),
    [
        ("exact", ["city", "AREA"], (0, 1)),
        ("equal", ["area", "city"], (1, 0)),
        ("subset", ["x", "area", "x", "city"], (3, 1)),
        ("superset", ["city"], (0, None)),
        ("partial", ["x", "city", "x"], (1, None)),
    ],
)
def test_fields_match_as_the_standard_says(match: str, header: list[str], expected: tuple[int | None, ...]) -> None:
    assert positions(match, *header) == expected


@pytest.mark.parametrize(
    ("match", "header", "message"),
    [
        (
            "exact",
            ["area", "city"],
            "column 'area' stands where 'City' is expected in the header, which has 'area', 'city';"
            " a file of towns needs exactly City, area, in this order; correct the file, or write"
            ' "fieldsMatch": "equal" into the schema',
        ),
        (
            "equal",
            ["city", "area", "x"],
            "column 'x' is one too many in the header, which has 'city', 'area', 'x';"
            " a file of towns needs exactly City, area, in any order; describe the column, or write"
            ' "fieldsMatch": "subset" into the schema',
        ),
        (
            "exact",
            ["city"],
            "column 'area' is missing from the header, which has 'city'; a file of towns needs exactly City, area, in"
            ' this order; correct the file, or write "fieldsMatch": "superset" into the schema',
        ),
        (
            "equal",
            ["area"],
            "column 'City' is missing from the header, which has 'area'; a file of towns needs exactly City, area, in"
            " any order",
        ),
        (
            "exact",
            ["city", "x"],
            "column 'area' is missing from the header, which has 'city', 'x'; a file of towns needs exactly City, area,"
            ' in this order; correct the file, or write "fieldsMatch": "partial" into the schema',
        ),
        (
            "subset",
            ["City", "x"],
            "column 'area' is missing from the header, which has 'City', 'x'; a file of towns needs City, area;"
            ' correct the file, or write "fieldsMatch": "partial" into the schema',
        ),
        (
            "subset",
            ["city", "area", "Area"],
            "column 'area' stands twice in the header, which has 'city', 'area', 'Area';"
            " a file of towns needs City, area",
        ),
        (
            "superset",
            ["city", "x"],
            "column 'x' is one too many in the header, which has 'city', 'x'; a file of towns may only have City, area",
        ),
        (
            "partial",
            ["area"],
            "column 'City' is missing from the header, which has 'area'; a file of towns needs some of City, area",
        ),
    ],
)
def test_a_header_that_does_not_match_is_refused(match: str, header: list[str], message: str) -> None:
    assert positions(match, *header) == message


def test_without_a_header_the_fields_stand_in_order() -> None:
    assert positions("exact", "Ayr", "3", has_header=False) == (0, 1)
    assert positions("exact", "Ayr", has_header=False) == "the row has 1 column, and towns has 2 fields: City, area"
