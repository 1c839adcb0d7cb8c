"""What of a text reaches a terminal or a log."""

import json
import logging
import sys

import pytest

from pipeline.cli.logs import JsonFormatter, TextFormatter
from pipeline.cli.terminal import echo, printable, printable_lines

TURNING = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]


def test_a_character_that_steers_a_terminal_is_escaped() -> None:
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *TURNING, 0xD800, 0xDCFF, 0xDFFF):
        shown = printable(f"a{chr(code)}b")
        assert shown.isascii(), hex(code)
        assert shown.isprintable(), hex(code)
        assert shown.encode().decode("unicode_escape") == f"a{chr(code)}b"


def test_escapes_are_those_of_python_and_of_bash() -> None:
    assert printable("\x1b]0;\x07 \r\n\t \x9b \u202e \udcff") == r"\x1b]0;\x07 \r\n\t \x9b \u202e \udcff"


@pytest.mark.parametrize(
    "text", ["Ó Ceallaigh", "Zoe\u0308", "Ελένη", "אבגד", "علی‌رضا", "नमस्ते", "日本語", "👩‍👧", r"\x1b"]
)
def test_text_in_any_script_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_lines_that_are_meant_stay_lines() -> None:
    assert printable_lines("a\x1b\nb\r\n") == "a\\x1b\nb\\r\n"


def test_a_line_cannot_become_two(capsys: pytest.CaptureFixture[str]) -> None:
    echo("people\nerror: forged", "second")
    echo("third\r", err=True)
    assert capsys.readouterr() == ("people\\nerror: forged\nsecond\n", "third\\r\n")


def record() -> logging.LogRecord:
    """A log record of an error whose message and exception quote hostile text."""
    try:
        raise ValueError("\x1b[2J\u202e")
    except ValueError:
        return logging.LogRecord("pipeline", logging.ERROR, "", 0, "%s\x9b", ("a\nb\x1b",), sys.exc_info())


def test_a_log_line_is_one_line_with_the_traceback_below_it() -> None:
    first, second, *_, last = TextFormatter().format(record()).split("\n")
    assert first.endswith(r"ERROR   a\nb\x1b\x9b")
    assert second == "Traceback (most recent call last):"
    assert last == r"ValueError: \x1b[2J\u202e"


def test_a_json_log_line_holds_nothing_that_its_viewer_could_print_raw() -> None:
    line = JsonFormatter().format(record())
    assert line == printable(line)
    entry = json.loads(line)
    assert entry["message"] == r"a\nb\x1b\x9b"
    assert entry["traceback"].endswith("\nValueError: \\x1b[2J\\u202e")
