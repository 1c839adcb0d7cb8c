"""Rows that nobody cleaned: each bad row costs one row, all of them are accounted for, and they come back."""

import gzip
import os
import threading
from pathlib import Path

import pytest

from exporter.export import export
from exporter.report import find_reports
from pipeline.errors import InputError, OutOfOrderError, SettingsError
from pipeline.limits import RowLimit
from pipeline.rejects import TooManyRejectsError
from producer.files.content import OpenedFiles
from producer.files.encodings import Encoding, Encodings
from producer.produce import produce
from producer.sources import find_sources
from tests.conftest import PEOPLE, PLACES, Pipeline

HEADER = PEOPLE.splitlines(keepends=True)[0]
GOOD = "Jean,Kerr,1901-02-03,Ayr\n"

# What stands in the file, and the reasons for which it is rejected.
DIRTY: list[tuple[bytes, str]] = [
    (b"Jean,Kerr,1901-02-03\n", "row has 3 fields, expected 4"),
    (b"Jean,Kerr,1901-02-03,Ayr,more\n", "row has 5 fields, expected 4"),
    (b'Jean,"Kerr,1901-02-03,Ayr\n', "row has an open quote that the next lines do not close properly"),
    (b",Kerr,1901-02-03,Ayr\n", "given_name is empty"),
    (b"Jean,  ,1901-02-03,Ayr\n", "family_name is empty"),
    (b"Jean,Kerr,,Ayr\n", "date_of_birth is empty"),
    (b"Jean,Kerr,1901-02-03,\n", "place_of_birth is empty"),
    (b"Jean,Kerr,3 Feb 1901,Ayr\n", "date_of_birth '3 Feb 1901' is not a date (YYYY-MM-DD)"),
    (b"Jean,Kerr,1901-02-29,Ayr\n", "date_of_birth '1901-02-29' is not a date (YYYY-MM-DD)"),
    (b"Jean,Kerr,0000-02-03,Ayr\n", "date_of_birth '0000-02-03' is not a date (YYYY-MM-DD)"),
    (b"Jean,Kerr,9901-02-03,Ayr\n", "date_of_birth '9901-02-03' is in the future"),
    (b"Jean,Kerr,1901-02-03,Atlantis\n", "place_of_birth 'Atlantis' is not in places"),
    (b"Ren\xe9,Kerr,1901-02-03,Ayr\n", "given_name holds bytes that are not UTF-8"),
    (b"Jean,K\0rr,1901-02-03,Ayr\n", "family_name holds a NUL character"),
    (b"Jean," + b"x" * 201 + b",1901-02-03,Ayr\n", "family_name is longer than 200 characters"),
    (b'"Jean"x,Kerr,1901-02-03,Ayr\n', "row has text after a closing quote"),
    (
        b",,1901-02-30,Atlantis\n",
        "given_name is empty; family_name is empty; date_of_birth '1901-02-30' is not a date (YYYY-MM-DD);"
        " place_of_birth 'Atlantis' is not in places",
    ),
]


def write(pipeline: Pipeline, content: bytes, name: str = "people.csv") -> None:
    path = pipeline.data / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def load(pipeline: Pipeline, chunk_rows: int | None = None) -> None:
    pipeline.produce(chunk_rows)
    pipeline.take_and_load()


def shown(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\x00").rstrip("\n")


@pytest.mark.parametrize("chunk_rows", [1, 5, 1000])
def test_every_kind_of_bad_row_costs_that_row_and_gives_all_its_reasons(pipeline: Pipeline, chunk_rows: int) -> None:
    pipeline.write(places=PLACES)
    write(pipeline, HEADER.encode() + b"".join(GOOD.encode() + bad for bad, _ in DIRTY))
    load(pipeline, chunk_rows)
    assert [number for _, number, *_ in pipeline.people()] == list(range(1, 2 * len(DIRTY), 2))
    assert pipeline.rejected() == [
        ("people.csv", 2 * index, 2 * index + 1, reason, shown(bad)) for index, (bad, reason) in enumerate(DIRTY, 1)
    ]
    assert pipeline.counts() == {
        "inserted": len(DIRTY), "updated": 0, "unchanged": 0, "rejected": len(DIRTY), "deleted": 0,
    }  # fmt: skip


ACCEPTED = {
    "byte-order mark": b"\xef\xbb\xbf" + HEADER.encode() + GOOD.encode(),
    "CRLF": (HEADER + GOOD).replace("\n", "\r\n").encode(),
    "CR": (HEADER + GOOD).replace("\n", "\r").encode(),
    "no last newline": (HEADER + GOOD).rstrip().encode(),
    "blank lines": ("\n" + HEADER + "\n  \n" + GOOD + "\n\n").encode(),
    "quotes": (HEADER + '"Jean","Kerr",1901-02-03,"Ayr"\n').encode(),
    "order of columns": b"place_of_birth,date_of_birth,family_name,given_name\nAyr,1901-02-03,Kerr,Jean\n",
    "more columns": b"id," + HEADER.rstrip().encode() + b",note\n7," + GOOD.rstrip().encode() + b",hm\n",
    "header case and spaces": b" Given_Name ,FAMILY_NAME,date_of_birth, Place_of_birth\n" + GOOD.encode(),
    "semicolons": (HEADER + GOOD).replace(",", ";").encode(),
    "tabs": (HEADER + GOOD).replace(",", "\t").encode(),
    "pipes": (HEADER + GOOD).replace(",", "|").encode(),
    "a first line for Excel": b"sep=;\r\n" + (HEADER + GOOD).replace(",", ";").encode(),
    "spaces around fields": (HEADER + " Jean , Kerr,1901-02-03 ,Ayr \n").encode(),
}  # fmt: skip


def test_what_makes_no_difference_is_accepted(pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES)
    for name, content in ACCEPTED.items():
        (pipeline.data / f"people-{name}.csv").write_bytes(content)
    load(pipeline)
    assert pipeline.people() == [
        (f"people-{name}.csv", 1, "Jean", "Kerr", "1901-02-03", "Ayr") for name in sorted(ACCEPTED)
    ]
    assert pipeline.rejected() == []


def test_quoted_fields_may_hold_delimiters_quotes_and_line_ends(pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES)
    write(pipeline, HEADER.encode() + b'"Je\r\nan","Kerr, ""the\nelder""",1901-02-03,Ayr\r\n' + GOOD.encode())
    load(pipeline, 1)
    assert [row[2:4] for row in pipeline.people()] == [("Je\r\nan", 'Kerr, "the\nelder"'), ("Jean", "Kerr")]


def test_several_files_of_one_dataset_are_sources_of_their_own(pipeline: Pipeline) -> None:
    pipeline.write(places=PLACES)
    for name in ("people.csv", "people-2.csv", "people/north.csv"):
        write(pipeline, (HEADER + GOOD).encode(), name)
    write(pipeline, gzip.compress((HEADER + GOOD).encode()), "people-3.csv.gz")
    load(pipeline)
    assert [row[0] for row in pipeline.people()] == ["people-2.csv", "people-3.csv", "people.csv", "people/north.csv"]


def test_a_compressed_file_is_the_same_source_as_the_plain_one(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=HEADER + GOOD)
    write(pipeline, gzip.compress((HEADER + GOOD).encode()), "people.csv.gz")
    produced = pipeline.produce()  # both are there, and agree
    assert [(done.source, done.queued_chunks) for done in produced] == [("places.csv", 0), ("people.csv", 0)]
    (pipeline.data / "people.csv").unlink()
    assert {done.queued_chunks for done in pipeline.produce()} == {0}
    write(pipeline, (HEADER + GOOD * 2).encode())
    with pytest.raises(InputError, match=r"are both people.csv but differ"):
        pipeline.produce()


def test_a_gzip_stream_that_is_cut_off_is_refused_and_what_was_loaded_stays(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES, people=HEADER + GOOD)
    (pipeline.data / "people.csv").unlink()
    whole = gzip.compress((HEADER + "".join(f"J{i},Kerr,1901-02-03,Ayr\n" for i in range(5000))).encode())
    for part in (whole[:-4], whole[: len(whole) // 2]):
        write(pipeline, part, "people.csv.gz")
        with pytest.raises(InputError, match=r"people\.csv\.gz: the gzip stream is broken or cut off"):
            pipeline.produce()
    assert len(pipeline.people()) == 1
    assert pipeline.queue.length() == 0


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1252"])
def test_files_in_other_encodings_are_read_as_told(pipeline: Pipeline, encoding: str) -> None:
    pipeline.load(places=PLACES)
    write(pipeline, (HEADER + "Renée,Müller,1901-02-03,Ayr\n").encode(encoding))
    sources = find_sources(pipeline.data, (pipeline.data / "people.csv",))
    produce(
        sources,
        pipeline.database,
        pipeline.queue,
        chunk_rows=None,
        queue_limit=9,
        encodings=Encodings.parse([encoding]),
    )
    pipeline.take_and_load()
    assert [row[2:4] for row in pipeline.people()] == [("Renée", "Müller")]


@pytest.mark.parametrize("content", [b"\xff\xfeg", b"\xff\xfe\x00\xd8g\0"], ids=["half a character", "half a pair"])
def test_a_file_that_is_not_in_its_encoding_is_refused(pipeline: Pipeline, content: bytes) -> None:
    write(pipeline, content)
    sources = find_sources(pipeline.data, ())
    with pytest.raises(InputError, match=r"people\.csv: not in the encoding utf-16"):
        produce(
            sources,
            pipeline.database,
            pipeline.queue,
            chunk_rows=None,
            queue_limit=9,
            encodings=Encodings.parse(["utf-16"]),
        )


@pytest.mark.parametrize("encoding", ["klingon", "hex", "rot13"])
def test_an_encoding_that_is_none_is_a_wrong_setting(pipeline: Pipeline, encoding: str) -> None:
    write(pipeline, (HEADER + GOOD).encode())
    sources = find_sources(pipeline.data, ())
    with pytest.raises(SettingsError, match=f"ENCODING: '{encoding}' is not known"):
        produce(
            sources,
            pipeline.database,
            pipeline.queue,
            chunk_rows=None,
            queue_limit=9,
            encodings=Encodings.parse([encoding]),
        )


def test_an_error_while_queueing_is_not_blamed_on_the_file(pipeline: Pipeline) -> None:
    write(pipeline, (HEADER + GOOD).encode())
    [source] = find_sources(pipeline.data, ())
    with pytest.raises(BrokenPipeError), OpenedFiles() as contents, contents.opened(source, Encoding(None)):
        raise BrokenPipeError


def test_a_named_pipe_is_read_once(pipeline: Pipeline) -> None:
    pipeline.load(places=PLACES)
    pipe = pipeline.data / "people.csv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(HEADER + GOOD * 3,))
    writer.start()
    load(pipeline)
    writer.join()
    assert len(pipeline.people()) == 3


def test_a_city_that_a_later_chunk_contradicts_keeps_its_first_county(pipeline: Pipeline) -> None:
    places = (
        "city,county,country\nAyr,Ayrshire,Scotland\nCork,Cork,Ireland\nAyr,Elsewhere,Wales\nAyr,Ayrshire,Scotland\n"
    )
    pipeline.load(1, places=places)
    assert pipeline.counts("places.csv") == {"inserted": 2, "updated": 0, "unchanged": 1, "rejected": 1, "deleted": 0}
    assert [row[1] for row in pipeline.rejected()] == [3]
    pipeline.load(1, places=places.replace("Ayr,Ayrshire", "Ayr,South Ayrshire"))
    assert pipeline.counts("places.csv") == {"inserted": 0, "updated": 1, "unchanged": 2, "rejected": 1, "deleted": 0}


def test_chunks_of_places_that_arrive_out_of_order_wait_for_those_before_them(pipeline: Pipeline) -> None:
    lines = ["Ayr,Ayrshire,Scotland\n", "Ayr,Elsewhere,Wales\n"]
    pipeline.write(places="city,county,country\n" + "".join(lines))
    pipeline.produce(chunk_rows=1)
    load_id = pipeline.rows("SELECT max(id) FROM loads")[0][0]
    with pytest.raises(OutOfOrderError):
        pipeline.loader.load_chunk(load_id, 2, lines[1])
    assert pipeline.rows("SELECT count(*) FROM places") == [(0,)]
    pipeline.loader.load_chunk(load_id, 1, lines[0])
    pipeline.loader.load_chunk(load_id, 2, lines[1])
    assert [row[1] for row in pipeline.rejected()] == [2]


def test_more_rejects_than_allowed_leave_the_reports_as_they_were(pipeline: Pipeline, tmp_path: Path) -> None:
    bad = "Jean,Kerr,never,Ayr\n"
    pipeline.load(places=PLACES, people=HEADER + GOOD * 15 + bad * 2)  # 2 of 20 rows
    for enough in ("2", "10%", "100%"):
        exported = export(pipeline.database, find_reports(tmp_path, tmp_path), tmp_path, RowLimit.parse(enough))
        assert exported is not None
        [kind] = exported.rejected_kinds
        assert (kind.kind, kind.row_count) == ("date_of_birth is not a date (YYYY-MM-DD)", 2)
    before = (tmp_path / "summary_output.json").stat().st_mtime_ns
    for too_few in ("1", "9.9%", "0"):
        with pytest.raises(TooManyRejectsError) as refused:
            export(pipeline.database, find_reports(tmp_path, tmp_path), tmp_path, RowLimit.parse(too_few))
        assert refused.value.exit_code == 3
        assert "2 of 20 rows are rejected" in str(refused.value)
    assert (tmp_path / "summary_output.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("text", ["", "-1", "1.5", "101%", "%", "many"])
def test_a_limit_is_a_number_or_a_percentage(text: str) -> None:
    with pytest.raises(ValueError, match="neither a number of rows nor a percentage"):
        RowLimit.parse(text)
