"""Which files are loaded, and under which names."""

import json
from pathlib import Path

import pytest

from pipeline.errors import InputError, SettingsError
from producer.sources import find_sources, left_over, paths_without_file
from producer.unnamed import report_names


def test_a_folder_gives_the_files_that_hold_a_dataset_places_first(tmp_path: Path) -> None:
    for name in ("people.csv", "places.csv", "example.csv", "people_by_county.csv"):
        (tmp_path / name).touch()
    assert [source.name for source in find_sources(tmp_path, ())] == ["places.csv", "people.csv", "example.csv"]


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


def test_a_folder_of_unknown_files_is_refused_with_the_command_that_describes_them(tmp_path: Path) -> None:
    folder = tmp_path / "my exports"
    folder.mkdir()
    (folder / "orders.csv").touch()
    with pytest.raises(SettingsError) as refused:
        find_sources(folder, ())
    assert str(refused.value).endswith(
        f"; not loaded: orders.csv; `pipeline describe --data '{folder}' FILE.csv` makes other CSV files loadable"
    )
    (folder / "datapackage.json").write_text(
        '{"resources": [{"name": "pets", "path": "pets.csv", "schema": "x.json"}]}'
    )
    (folder / "x.json").write_text('{"fields": [{"name": "name", "type": "string"}]}')
    with pytest.raises(SettingsError, match=r"holds none of pets.csv .*; not loaded: orders.csv$"):
        find_sources(folder, ())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"people\.csv: no such file"):
        find_sources(tmp_path, (tmp_path / "people.csv",))
    with pytest.raises(InputError, match=r": a folder; name the CSV files in it"):
        find_sources(tmp_path, (tmp_path,))


def test_a_file_that_matches_no_dataset_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pets.csv").touch()
    with pytest.raises(InputError, match=r"'pets.csv' matches no dataset"):
        find_sources(tmp_path, (tmp_path / "pets.csv",))


def test_names_count_in_any_case_and_folders_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / "people" / "2024" / "q1").mkdir(parents=True)
    for name in ("Places.CSV", "PEOPLE.csv.GZ", "people/2024/q1/a.csv", "people/.hidden.csv"):
        (tmp_path / name).touch()
    assert [source.name for source in find_sources(tmp_path, ())] == [
        "Places.CSV",
        "PEOPLE.csv",
        "people/2024/q1/a.csv",
    ]


def test_a_link_that_leads_back_does_not_lead_round(tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "a.csv").touch()
    (tmp_path / "people" / "back").symlink_to(tmp_path)
    assert [source.name for source in find_sources(tmp_path, ())] == ["people/a.csv"]


def test_reports_in_a_folder_of_the_data_folder_are_not_named(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("out/loads.csv", "out/pets.csv", "out/people_by_county.csv", "loads.csv"):
        (tmp_path / name).touch()
    (tmp_path / "out" / ".reports.json").write_text('{"reports": ["loads.csv"], "earlier": ["people_by_county.csv"]}')
    (tmp_path / ".reports.json").write_text("{")
    assert left_over(tmp_path, report_names(tmp_path)) == ["loads.csv", "out/pets.csv"]


def test_files_that_are_not_loaded_are_named_with_the_nearest_name_that_is_free(tmp_path: Path) -> None:
    """Who obeyed a hint with a name that is taken would overwrite a file."""
    (tmp_path / "2024").mkdir()
    loaded = ("people.csv", "PLACES-2024.csv.gz")
    others = ("people_2.csv", "People 2.txt", "peopel.csv", "People.txt", "2024/places.csv", "pets.csv", "loads.csv")
    for name in (*loaded, *others, "notes.md", "requirements.txt", "LICENSE.txt.gz", "x.zip", "pets.tsv"):
        (tmp_path / name).touch()
    assert left_over(tmp_path, ["loads.csv"]) == [
        "People 2.txt (call it people-2.csv)",
        "People.txt (call it people-3.csv)",
        "peopel.csv (call it people-4.csv)",
        "people_2.csv (call it people-2-2.csv)",
        "pets.csv",
        "pets.tsv",
        "2024/places.csv (call it places-2024-2.csv)",
    ]
    (tmp_path / "people.csv").unlink()
    assert "People.txt (call it people.csv)" in left_over(tmp_path)


def test_a_file_next_to_a_description_that_is_not_read_is_told_the_flag(tmp_path: Path) -> None:
    (tmp_path / "my exports").mkdir()
    (tmp_path / "data").mkdir()
    file = tmp_path / "my exports" / "customers.csv"
    file.touch()
    resource = {"name": "customers", "path": "customers.csv", "schema": {"fields": [{"name": "id"}]}}
    (file.parent / "datapackage.json").write_text(json.dumps({"resources": [resource]}))
    with pytest.raises(InputError) as refused:
        find_sources(tmp_path / "data", (file,))
    assert str(refused.value).endswith(f"/datapackage.json says, add --data '{file.parent}'")
    assert [source.name for source in find_sources(file.parent, (file,))] == ["customers.csv"]
    with pytest.raises(InputError, match=r"'pets.csv' matches no dataset; call it one of places.csv"):
        find_sources(tmp_path / "data", (file,), "pets.csv")


def test_a_hint_names_only_a_file_that_would_be_loaded(tmp_path: Path) -> None:
    resource = {"name": "customers", "path": "customers.csv", "schema": {"fields": [{"name": "id"}]}}
    for name in ("customers.csv", "customers_old.csv"):
        (tmp_path / name).touch()
    (tmp_path / "datapackage.json").write_text(json.dumps({"resources": [resource]}))
    assert left_over(tmp_path) == ["customers_old.csv"]
    (tmp_path / "datapackage.json").write_text(json.dumps({"resources": [resource | {"path": "clients.csv"}]}))
    assert left_over(tmp_path) == ["customers.csv (call it clients.csv)", "customers_old.csv"]
    (tmp_path / "datapackage.json").write_text(json.dumps({"resources": [resource | {"path": "customers-[2-9].csv"}]}))
    assert left_over(tmp_path) == ["customers.csv", "customers_old.csv"]


@pytest.mark.parametrize(
    ("paths", "absent"),
    [
        ("orders.csv", []),
        ("Orders.CSV.gz", []),
        ("order.csv", ["order.csv"]),
        (["orders.csv", "orders-2.csv"], ["orders-2.csv"]),
        (["orders.csv", "orders-*.csv"], []),
        (["sales.csv", "sales-*.csv"], ["sales.csv", "sales-*.csv"]),
    ],
)
def test_paths_of_a_description_without_a_file_are_found(
    paths: str | list[str], absent: list[str], tmp_path: Path
) -> None:
    schema = {"fields": [{"name": "id"}]}
    resources = [{"name": "things", "path": paths, "schema": schema}]
    (tmp_path / "datapackage.json").write_text(json.dumps({"resources": resources}))
    (tmp_path / "orders.csv").touch()
    assert paths_without_file(tmp_path) == absent


def test_a_folder_without_a_description_of_its_own_may_hold_any_of_the_files(tmp_path: Path) -> None:
    assert paths_without_file(tmp_path) == []


def test_a_path_names_one_file_in_any_case(tmp_path: Path) -> None:
    for name in ("places.csv", "people.csv", "People.csv"):
        (tmp_path / name).touch()
    with pytest.raises(
        InputError, match=r"People.csv and .*/people.csv have the same name but for the case of letters"
    ):
        find_sources(tmp_path, ())
    (tmp_path / "People.csv").rename(tmp_path / "People-2.csv")
    (tmp_path / "people-2.csv").touch()  # a pattern names any number of files
    assert len(find_sources(tmp_path, ())) == 4
