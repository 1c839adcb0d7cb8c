"""Values of a key as texts that are equal where PostgreSQL takes the values for equal."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time

from pipeline.columns.column import NULL

Texts = Sequence[str | None]


def comparable(type_name: str, copied: Texts) -> Texts:
    """The texts of a column of this type, as COPY takes them, each in the one form that its value has.

    A duration has no such form: PostgreSQL takes 1 month for 30 days, and the pipeline does not.
    """
    one_form = ONE_FORM.get(type_name)
    if one_form is None:
        return copied
    return [text if text is None or text == NULL else one_form(text) for text in copied]


def _number(text: str) -> str:
    """Without zeros that do not count; exact at any size."""
    if "e" in text.lower() or text[:1] == "+" or text[:1] == "." or text.lstrip("-")[:1] == "0":
        text = _plain(text)
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def _plain(text: str) -> str:
    digits, _, exponent = text.lower().partition("e")
    sign = "-" if digits[0] == "-" else ""
    whole, _, fraction = digits.lstrip("+-").partition(".")
    point = len(whole) + int(exponent or 0)
    figures = whole + fraction
    figures = "0" * -point + figures if point < 0 else figures.ljust(point, "0")
    point = max(point, 0)
    whole, fraction = figures[:point].lstrip("0") or "0", figures[point:].rstrip("0")
    plain = f"{whole}.{fraction}" if fraction else whole
    return plain if plain == "0" else sign + plain


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat()


def _clock(text: str) -> str:
    return time.fromisoformat(text).isoformat()


ONE_FORM: dict[str, Callable[[str], str]] = {"number": _number, "datetime": _moment, "time": _clock}
