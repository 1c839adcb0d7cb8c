"""Fields of every type, format and constraint, with texts that are good, nearly good, or neither."""

import re
from dataclasses import replace
from functools import cache
from itertools import cycle, islice
from random import Random
from typing import Any

from rstr import Rstr

from pipeline.descriptions.description import Constraints, Field
from tests.support import FACTOR

COUNT = 40 * int(FACTOR or 1)  # texts of each field
Patterns = tuple[str, ...]  # regular expressions that texts match


def field(
    type_: str = "string", *, column: str = "a", constraints: Constraints | None = None, **properties: Any
) -> Field:
    """A field; the constraints may stand among the properties by their names."""
    names = set(Constraints.__dataclass_fields__)
    given = {name: properties.pop(name) for name in list(properties) if name in names}
    return Field("a", column, type_, constraints=constraints or Constraints(**given), **properties)


DIGITS = r"[0-9]{1,4}"
NUMBERS = (
    rf"[+-]?{DIGITS}(\.{DIGITS})?(e[+-]?[0-9]{{1,2}})?",
    r"[0-9]{1,2}(\.[0-9]{1,4})?|\.5|5\.|NaN|INF|-INF|nan|Infinity|-0|1e400",
)
DATES = r"(20[0-9]{2}|0001|9999|0000|1900)-(0[1-9]|1[0-3])-(0[1-9]|[123][0-9])"
CLOCK = r"([01][0-9]|2[0-4]):[0-6][0-9]:[0-6][0-9](\.[0-9]{1,7})?"
ZONE = r"(Z|z|[+-](0[0-9]|1[0-5]):[0-6][0-9])?"
GOOD_DATETIMES = (
    r"20[0-9]{2}-0[1-9]-[12][0-8][T ](0[0-9]|1[0-8]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]0[0-9]:[0-5]0)?"
)
INTEGERS = (r"[+-]?[0-9]{1,5}", r"007|1_000|-0|[1-9][0-9]{17,19}|92233720368547758(07|08)|1\.0")
JSON_TEXTS = (
    *(
        '{"a": 1}',
        '{"a": 1.0, "b": [true, null, "x"]}',
        "{}",
        "[]",
        "[1, 2, 3]",
        '["a", "\\u00e9"]',
        '"x"',
        "1",
        "null",
    ),
    *(
        '{"a": NaN}',
        '{"a": "\\u0000"}',
        '["\\ud800"]',
        '["\\ud83d\\ude00"]',
        "[1e400, -0]",
        "[1,]",
        "{'a': 1}",
        "[[[[]]]]",
    ),
    *('{"a": 1, "a": 2}', "[" * 150 + "]" * 150, '{"a\\\\u0000": 1}', "[01]", '["a\\tb\\\\"]'),
)
GEOJSON_TEXTS = (
    *('{"type": "Point", "coordinates": [1, 2]}', '{"type": "Point", "coordinates": [1]}', '{"type": "Point"}'),
    '{"type": "Feature", "geometry": null, "properties": {}}',
    '{"type": "FeatureCollection", "features": []}',
    '{"type": "LineString", "coordinates": [[1, 2], [3, 4.5]]}',
    '{"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [0, 0]]]}',
    '{"type": "GeometryCollection", "geometries": []}',
    '{"type": "Nonsense"}',
)
TOPOJSON_TEXTS = (
    '{"type": "Topology", "objects": {"a": {"type": "Point", "coordinates": [1, 2]}}, "arcs": []}',
    '{"type": "Topology", "objects": {}, "arcs": [[[0, 0], [1, 1]]]}',
    '{"type": "Topology"}',
    '{"type": "Point", "coordinates": [1, 2]}',
)
POINT_NUMBERS = r"-?[0-9]{1,3}(\.[0-9]{1,3})?"
GOOD_POINT = r"-?[0-8]?[0-9](\.[0-9]{1,3})?"


def _among(*texts: str) -> Patterns:
    return tuple(map(re.escape, texts))


# Controls, letters, spaces and digits of several scripts, characters that NFC changes or joins, and noncharacters.
CHARACTERS = (
    r"[\x00-\u017f\u0300-\u030f\u0660-\u0669\u0958\u1100\u1161\u13a0\u1e9e\u2000-\u202f\u2060-\u2069\u212a\u212b"
    r"\u3000-\u3005\u4e00\uac00-\uac08\ue000\ufb01\ufeff\uff10-\uff19\ufffe\uffff\U0001f600-\U0001f608\U0010ffff]"
)
ANY = ("[ -~]{0,12}", f"{CHARACTERS}{{0,12}}")
# By type and format; PATTERNED are formats of dates.
TEXTS: dict[tuple[str, str], Patterns] = {
    ("string", "default"): ANY,
    ("string", "email"): (r"[a-z.]{1,6}@[a-z]{1,5}(\.[a-z]{2,3})?",),
    ("string", "uri"): (r"(https?|urn|mailto)?:(//)?[a-z]{1,5}(\.org)?(/[a-z%]{0,4})?(\?q=[0-9])?(#[a-z ])?",),
    ("string", "uuid"): (r"[0-9a-fA-F]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{31,32}",),
    ("string", "binary"): (r"([A-Za-z0-9+/]{4}){0,3}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=?)?",),
    ("any", "default"): ANY,
    ("number", "default"): NUMBERS,
    ("integer", "default"): INTEGERS,
    ("boolean", "default"): _among("true", "True", "TRUE", "1", "false", "False", "FALSE", "0", "yes", "t"),
    ("date", "default"): (DATES, r"20[0-9]{2}[01][0-9][0-3][0-9]", r"2020-W0[1-9]-[1-8]"),
    ("date", "%d/%m/%Y"): (r"[0-3]?[0-9]/[01]?[0-9]/(20[0-9]{2}|0000)",),
    ("date", "%d %B %y"): (r"[0-3]?[0-9] (January|may|March|Juni) [0-9]{2}",),
    ("date", "%Y%m%d"): (r"20[0-9]{2}[01][0-9][0-3]?[0-9]",),
    ("date", "%Y-%j"): (r"20[0-9]{2}-[0-3]?[0-9]{2}",),
    ("time", "default"): (CLOCK + ZONE,),
    ("time", "%I:%M %p"): (r"[01]?[0-9]:[0-5]?[0-9] (AM|pm|xm)",),
    ("time", "%H:%M"): (r"[0-2]?[0-9]:[0-6][0-9]",),
    ("datetime", "default"): (f"{DATES}[T ]{CLOCK}{ZONE}", GOOD_DATETIMES),
    ("datetime", "%d/%m/%Y %H:%M:%S"): (rf"[0-3]?[0-9]/[01]?[0-9]/20[0-9]{{2}}  ?{CLOCK}",),
    ("datetime", "%Y-%m-%dT%H:%M:%S.%f%z"): (
        f"{DATES}T{CLOCK}{ZONE}",
        r"20[0-9]{2}-0[1-9]-1[0-9]T1[0-9]:[0-5]0:[0-5]0\.[0-9]{1,6}(Z|[+-]0[0-9]:?[0-5]0)",
    ),
    ("year", "default"): ("[0-9]{4}", "[0-9]{3,5}|-?[0-9]{4}|0000"),
    ("yearmonth", "default"): (r"(20[0-9]{2}|0000)-[01]?[0-9]",),
    ("duration", "default"): (
        r"[+-]?P([0-9]{1,2}Y)?([0-9]{1,2}M)?([0-9]{1,3}D)?(T([0-9]{1,2}H)?([0-9]{1,3}M)?([0-9]{1,2}(\.[0-9]{1,7})?S)?)?",
        r"P[0-9]W|P[0-9]{12}D",
    ),
    ("object", "default"): _among(*JSON_TEXTS),
    ("array", "default"): _among(*JSON_TEXTS),
    ("geojson", "default"): _among(*GEOJSON_TEXTS, *JSON_TEXTS),
    ("geojson", "topojson"): _among(*TOPOJSON_TEXTS, *JSON_TEXTS),
    ("geopoint", "default"): (rf"{POINT_NUMBERS}, ?{POINT_NUMBERS}", rf"{GOOD_POINT}, ?{GOOD_POINT}", "1,2,3"),
    ("geopoint", "array"): (rf"\[{POINT_NUMBERS}, ?{POINT_NUMBERS}\]", rf"\[{GOOD_POINT}, ?{GOOD_POINT}\]", r"\[1\]"),
    ("geopoint", "object"): (
        *(rf'\{{"lon": {number}, "lat": {number}\}}' for number in (POINT_NUMBERS, GOOD_POINT)),
        r'\{"lon": 1\}',
    ),
    ("list", "default"): (r'[ab"\\{} ,é]{0,8}',),
}
# Fields with properties and constraints, and the texts that they are asked about.
VARIANTS: list[tuple[Field, Patterns]] = [
    (field("string", min_length=2, max_length=5), ANY),
    (field("string", pattern="[a-c]{1,3}|x+"), ("[a-d]{1,4}|x{1,3}",)),
    (field("string", pattern="[a-c]{1,2}-[0-9]+"), ("[a-d]{1,3}-[0-9]{0,3}",)),
    (field("string", enum=("a", "b\\{x}'")), _among("a", " a ", "b\\{x}'", "c", "A")),
    (field("string", required=True, missing_values=("-", "")), _among("-", "", "x", " - ")),
    (field("string", missing_values=("NA",)), _among("NA", "", "x", " ")),
    (field("string", format="uuid", enum=("12345678-1234-1234-1234-123456789ABC",)), _among(
        "12345678-1234-1234-1234-123456789abc", "12345678-1234-1234-1234-123456789abd")),
    (field("string", format="binary", min_length=2, max_length=3), TEXTS["string", "binary"]),
    (field("number", minimum="0", maximum="100.5"), NUMBERS),
    (field("number", exclusive_minimum="0", exclusive_maximum="1e2"), NUMBERS),
    (field("number", enum=("1", "2.50", "NaN")), _among("1.0", "1", "2.5", "25e-1", "NaN", "3")),
    (field("number", decimal_char=",", group_char="."), (r"-?[0-9]{1,3}(\.[0-9]{3}){0,2}(,[0-9]{1,2})?",)),
    (field("number", bare_number=False), (r"(€ ?|USD )?-?[0-9]{1,3}(\.[0-9])?( ?%)?",)),
    (field("integer", minimum="-5", maximum="100"), (r"-?[0-9]{1,3}",)),
    (field("integer", exclusive_minimum="-5", exclusive_maximum="100"), (r"-?[0-9]{1,3}",)),
    (field("integer", enum=("1", "-20")), _among("1", "+1", "01", "-20", "2")),
    (field("integer", bare_number=False), (r"(€ ?)?-?[0-9]{1,3}( ?%)?",)),
    (field("boolean", true_values=("ja",), false_values=("nein", "né")), _among("ja", "nein", "Ja", "né")),
    (field("boolean", enum=("true",)), TEXTS["boolean", "default"]),
    (field("date", minimum="2010-01-01", maximum="2030-06-30"), (DATES, r"20[123]0-0[1-9]-[0-2][1-8]")),
    (field("date", format="%d/%m/%Y", exclusive_minimum="15/06/2010"), TEXTS["date", "%d/%m/%Y"]),
    (field("date", enum=("2020-02-29",)), _among("2020-02-29", "2020-02-28", "2021-02-29")),
    (field("time", minimum="08:00:00", exclusive_maximum="18:30:00"), TEXTS["time", "default"]),
    (field("datetime", minimum="2010-01-01T00:00:00Z"), TEXTS["datetime", "default"]),
    (field("datetime", enum=("2020-01-01T00:00:00Z",)), _among(
        "2020-01-01T01:00:00+01:00", "2020-01-01T00:00:00", "2020-01-01T00:00:00.5Z")),
    (field("year", minimum="1990", maximum="2020"), ("19[89][0-9]|20[0-3][0-9]", "(19|20)[0-9]{2}")),
    (field("yearmonth", minimum="2010-05", exclusive_maximum="2050-01"), TEXTS["yearmonth", "default"]),
    (field("duration", minimum="P1D", maximum="P1Y"), TEXTS["duration", "default"]),
    (field("object", min_length=1, max_length=1), _among(*JSON_TEXTS)),
    (field("object", enum=('{"a": 1, "b": [true]}',)), _among(
        '{"b": [true], "a": 1.0}', '{"a": 1, "b": [1]}', '{"a": true, "b": [true]}')),
    (field("array", min_length=1, max_length=3), _among(*JSON_TEXTS)),
    (field("array", enum=("[1, 2, 3]",)), _among(*JSON_TEXTS)),
    (field("list", item_type="integer", delimiter=";", min_length=2, max_length=3), ("[0-9](; ?[0-9a]){0,4}",)),
    (field("list", item_type="date"), (f"{DATES},{DATES}",)),
    (field("list", item_type="number", enum=("1,2",)), _among("1,2", "1.0,2", "2,1", "NaN,1", "x")),
    (field("list", item_type="boolean"), _among("true,false", "1", "1,x")),
    (field("list", item_type="datetime"), (f"{DATES}T{CLOCK}{ZONE}", f"{GOOD_DATETIMES},{GOOD_DATETIMES}")),
    (field("list", item_type="time"), (f"{CLOCK},{CLOCK}",)),
]  # fmt: skip


CASES = [  # every field, in a column of its own, with the patterns of its texts
    (replace(described, column=f"c{number}"), patterns)
    for number, (described, patterns) in enumerate(
        [*((field(type_, format=format_), patterns) for (type_, format_), patterns in TEXTS.items()), *VARIANTS]
    )
]


class Strings(Rstr):
    def _handle_repeat(self, least: int, most: int, part: str) -> str:
        """At most 40 times more than it must be: repetitions within repetitions would have thousands of characters."""
        return super()._handle_repeat(least, min(most, least + 40), part)


@cache
def drawn(patterns: Patterns) -> list[str]:
    """Different texts that match the patterns, half of them padded too; without EXAMPLES always the same."""
    strings = Strings(Random(None if FACTOR else 0))
    texts = {"": None}
    for pattern in islice(cycle(patterns), 3 * COUNT):  # there may be fewer than COUNT
        if len(texts) < COUNT:
            texts[strings.xeger(pattern)] = None
    return list(texts | {f" {text} ": None for text in list(texts)[: COUNT // 2]})


def named(described: Field) -> str:
    """A name for the test of a field."""
    set_ = [name for name, value in vars(described.constraints).items() if value not in (None, False)]
    return "-".join([described.column, described.type, described.format, *set_])
