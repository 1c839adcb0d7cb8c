"""The type that is written for a column, and the reason. Ambiguous values make a string."""

from dataclasses import dataclass
from typing import Any

from inspection.column_profile import ColumnProfile, Place
from inspection.readings import COMMA, GROUPS_BY_COMMA, GROUPS_BY_POINT, INTEGER, NUMBERS, POINT, Reading
from pipeline.columns.types.numbers import SPECIAL

STRING = {"type": "string"}
SPELLED_IN_MANY_WAYS = ("number", "boolean")  # different texts may be one value, such as 1.0 and 1.00


@dataclass(frozen=True)
class Decision:
    properties: dict[str, Any]  # of the field: its type, and what its values look like
    type_shown: str
    reason: str


def decided(profile: ColumnProfile) -> Decision:
    found = _decided_type(profile)
    missing = _missing_values(profile, found.properties != STRING)
    properties = {**found.properties, **({"missingValues": missing} if missing else {})}
    return Decision(properties, found.type_shown, "; ".join([found.reason, *_remarks(profile, found, missing)]))


def _decided_type(profile: ColumnProfile) -> Decision:
    if profile.first is None:
        return _string_decision("no value in any row" if profile.row_count else "no rows")
    numbers = _possible_numbers(profile)
    others = [reading for reading in profile.possible if reading not in NUMBERS]
    if len(numbers) > 1:
        return _string_decision(
            f"{profile.first.text!r} can be read in two ways: as {numbers[0].shown}, or {numbers[1].shown}"
        )
    for reading in (*numbers, *others):
        if reading.why_not:
            return _string_decision(f"all values could be {reading.shown}, but {reading.why_not}")
        if "trueValues" in reading.properties and len({text.lower() for text in profile.seen}) == 1:
            return _string_decision(
                f"all values are {profile.first.text!r}, which alone may be something else than a boolean"
            )
        rival = next((other for other in others if other.properties.get("format") == reading.rival), None)
        if rival and reading.rival:
            ways = f"as {reading.properties['format']} and as {reading.rival}"
            return _string_decision(f"{profile.first.text!r} can be read in two ways, {ways}, and no value decides")
        return _typed_decision(profile, reading)
    return _string_decision(_reason_text(profile))


def _possible_numbers(profile: ColumnProfile) -> list[Reading]:
    """The readings as numbers that give different values. Readings with equal values count once."""
    if not any(reading in NUMBERS for reading in profile.possible) or not _has_number(profile):
        return []
    if INTEGER in profile.possible:
        return [INTEGER]
    point, comma = "." in profile.separators, "," in profile.separators
    if point and comma:
        ways: tuple[tuple[Reading, ...], ...] = (GROUPS_BY_COMMA, GROUPS_BY_POINT)
    elif comma:
        ways = ((COMMA,), GROUPS_BY_COMMA)
    else:
        ways = ((POINT,), GROUPS_BY_POINT if point else ())
    found = [[reading for reading in way if reading in profile.possible] for way in ways]
    return [readings[0] for readings in found if readings]


def _has_number(profile: ColumnProfile) -> bool:
    """Whether one value is more than NaN or Inf, which may be names."""
    return any(text.lower() not in SPECIAL for text in profile.seen)


def _typed_decision(profile: ColumnProfile, reading: Reading) -> Decision:
    count = profile.value_count
    if reading is POINT and not profile.separators:
        reason = f"{count:,} of {count:,} {'values are numbers' if count > 1 else 'value is a number'}"
        not_whole = profile.ended.get(INTEGER, profile.first)
        if not_whole and not any(map(str.isalpha, not_whole.text)):
            reason += f"; {not_whole} is outside the range of bigint"
        return Decision(dict(reading.properties), reading.type_shown, reason)
    values = f"values are {reading.shown}" if count > 1 else f"value is {reading.shown_singly}"
    reason = f"{count:,} of {count:,} {values}"
    if reading.rival:
        ended = (place for other, place in profile.ended.items() if _is_format(other, reading.rival))
        reason += f", as {next(ended, profile.first)} shows"
    return Decision(dict(reading.properties), reading.type_shown, reason)


def _is_format(reading: Reading, pattern: str) -> bool:
    return reading.properties.get("format") == pattern


def _string_decision(reason: str) -> Decision:
    return Decision(dict(STRING), "string", reason)


def _reason_text(profile: ColumnProfile) -> str:
    """The reading that held the most values, and the value that ended it."""
    if not profile.ended:
        return "text"
    reading, place = max(profile.ended.items(), key=lambda item: (item[1].row, item[1].is_doubtful))
    return f"{place} {_doubt_reason(place)}" if place.is_doubtful else f"{reading.shown} at first, but not {place}"


def _doubt_reason(place: Place) -> str:
    digits = place.text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return "has a leading zero, which a number would lose"
    if place.text.startswith("+"):
        return "begins with a plus, which a number would lose"
    if "T" in place.text:
        return "has no time zone"
    return "may be a number or a code"


def _missing_values(profile: ColumnProfile, is_typed: bool) -> list[str]:
    """Texts to write as missingValues: only those that cannot be values of the type."""
    tokens = sorted(text for text in profile.missing if text)
    return ["", *tokens] if tokens and is_typed else []


def _remarks(profile: ColumnProfile, found: Decision, written: list[str]) -> list[str]:
    remarks = []
    if profile.missing[""] and profile.value_count:
        remarks.append(f"{profile.missing['']:,} empty")
    for text, count in sorted(profile.missing.items()):
        if text:
            outcome = "written as missing" if written else "kept, since it may be a text"
            remarks.append(f"{count:,} {text!r}, {outcome}")
    if not profile.missing and profile.row_count:
        remarks.append("none missing")
        if profile.all_differ and profile.row_count > 1 and found.properties["type"] not in SPELLED_IN_MANY_WAYS:
            extent = "all" if profile.differing == profile.row_count else f"the first {profile.differing:,}"
            remarks.append(f"{extent} different: a primaryKey?")
    return remarks
