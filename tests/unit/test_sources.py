"""Which files are loaded, and under which names."""

from pathlib import Path

import pytest

from pipeline.errors import InputError, SettingsError
from producer.sources import find_sources


def test_a_folder_gives_the_files_that_hold_a_dataset_places_first(tmp_path: Path) -> None:
    for name in ("people.csv", "places.csv", "example.csv", "people_by_county.csv"):
        (tmp_path / name).touch()
    assert [source.name for source in find_sources(tmp_path, ())] == ["places.csv", "people.csv"]


def test_a_file_from_another_folder_has_its_name_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "people.csv").touch()
    [source] = find_sources(tmp_path / "data", (elsewhere / "people.csv",))
    assert source.name == "people.csv"


def test_a_missing_folder_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="DATA_DIR: no folder"):
        find_sources(tmp_path / "none", ())


def test_a_folder_without_sources_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"DATA_DIR: .* holds none of places.csv, places-\*.csv, places/\*\*/\*.csv, people.csv"
    ):
        find_sources(tmp_path, ())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"people\.csv: no such file"):
        find_sources(tmp_path, (tmp_path / "people.csv",))


def test_a_file_that_matches_no_dataset_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pets.csv").touch()
    with pytest.raises(InputError, match=r"'pets.csv' matches no dataset"):
        find_sources(tmp_path, (tmp_path / "pets.csv",))
