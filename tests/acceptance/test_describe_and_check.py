"""`pipeline describe` and `pipeline check` as processes, without any server."""

import os
import subprocess
from pathlib import Path

from tests.forked import run_forked

SALES = "id,date,amount $,zip\n1,25/12/2026,9.99,01067\n2,01/01/2027,12,10115\n"
HEADING = "sales.csv: 2 rows, utf-8, delimiter ',' → resource sales, table sales"


def pipeline(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return run_forked(["pipeline", *map(str, arguments)], {"PATH": os.environ["PATH"]})


def test_a_described_file_is_in_order(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text(SALES)
    ended = pipeline("describe", "--data", tmp_path, path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        HEADING,
        "  id: integer (2 of 2 values are whole numbers; none missing; all different: a primaryKey?)",
        "  date: date %d/%m/%Y (2 of 2 values are dates as %d/%m/%Y, as '25/12/2026' on line 2 shows; none missing;"
        " all different: a primaryKey?)",
        "  amount $ → amount: number (2 of 2 values are numbers with a decimal point; none missing)",
        "  zip: string ('01067' on line 2 has a leading zero, which a number would lose; none missing;"
        " all different: a primaryKey?)",
        f"wrote {tmp_path / 'datapackage.json'}",
    ]
    checked = pipeline("check", tmp_path)
    assert (checked.returncode, checked.stdout) == (0, f"{path}: 2 rows, no problems\n")


def test_a_description_is_never_overwritten_without_force(tmp_path: Path) -> None:
    path, description = tmp_path / "sales.csv", tmp_path / "datapackage.json"
    path.write_text(SALES)
    description.write_text("mine")
    refused = pipeline("describe", "--data", tmp_path, path)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"error: {description}: the file exists; replace it with --force")
    assert description.read_text() == "mine"
    nowhere = pipeline("describe", "--data", tmp_path / "none", path)
    assert nowhere.returncode == 2
    assert "name the folder of the files with --data" in nowhere.stderr
    elsewhere = pipeline("describe", "--data", tmp_path, path, "--output", tmp_path / "other.json")
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert description.read_text() == "mine"
    assert pipeline("describe", "--data", tmp_path, path, "--force").returncode == 0
    assert description.read_text() == (tmp_path / "other.json").read_text()
    kept = tmp_path / "datapackage.json.1.bak"
    assert sorted(tmp_path.iterdir()) == [description, kept, tmp_path / "other.json", path]
    assert kept.read_text() == "mine"


def test_a_file_that_cannot_be_described_leaves_no_description(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(SALES.encode() + b"3,01/01/2027,1,\xe9\n")
    ended = pipeline("describe", "--data", tmp_path, path)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"error: {path} line 4: bytes that are not UTF-8; name the encoding of the file, such as --encoding"
        " windows-1252\n"
    )
    assert list(tmp_path.iterdir()) == [path]


def test_check_warns_of_files_that_the_description_names_and_the_folder_lacks(tmp_path: Path) -> None:
    for name in ("orders", "sales"):
        (tmp_path / f"{name}.csv").write_text(SALES)
    assert pipeline("describe", "--data", tmp_path, tmp_path / "orders.csv", tmp_path / "sales.csv").returncode == 0
    (tmp_path / "orders.csv").rename(tmp_path / "order.csv")
    checked = pipeline("check", tmp_path)
    assert (checked.returncode, checked.stdout) == (0, f"{tmp_path / 'sales.csv'}: 2 rows, no problems\n")
    assert " WARNING not loaded, since no dataset has such a name: order.csv (call it orders.csv);" in checked.stderr
    assert checked.stderr.endswith(
        " WARNING datapackage.json names files that are not in the folder: orders.csv; add them, or correct the paths\n"
    )
    assert pipeline("check", "--data", tmp_path, tmp_path / "sales.csv").stderr == ""


def test_check_prints_rules_and_with_all_every_row(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text(SALES)
    pipeline("describe", "--data", tmp_path, path)
    path.write_text(SALES + "x,31/02/2027,1,\ny,01/01/2027,1,\n")
    grouped = pipeline("check", "--data", tmp_path)
    assert grouped.returncode == 3
    rules = [
        f"{path}: 4 rows, 2 with problems",
        "  2 x id is not a whole number: line 4 'x', line 5 'y'",
        "  1 x date is not a date of the form %d/%m/%Y: line 4 '31/02/2027'",
    ]
    assert grouped.stdout.splitlines() == rules
    listed = pipeline("check", "--all", "--data", tmp_path, path)
    assert listed.stdout.splitlines() == [
        f"{path} line 4: id 'x' is not a whole number; date '31/02/2027' is not a date of the form %d/%m/%Y",
        f"{path} line 5: id 'y' is not a whole number",
        *rules,
    ]
