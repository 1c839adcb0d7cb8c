"""What is said of a row that breaks a rule."""

from pipeline.csv_text.rows import Fault


def test_a_fault_quotes_so_much_of_a_value_and_its_kind_none_of_it() -> None:
    fault = Fault("born", "is not a date", "x" * 1000)
    assert str(fault) == f"born '{'x' * 60}…' is not a date"
    assert fault.kind == "born is not a date"


def test_what_a_terminal_would_obey_is_shown_as_digits() -> None:
    assert "\x1b" not in str(Fault("born", "is not a date", "\x1b[2J"))
