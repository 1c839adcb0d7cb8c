"""Fields of every type, format and constraint, with texts that are good, nearly good, or neither."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from pipeline.descriptions.description import Constraints, Field
from tests.support import examples


def field(
    type_: str = "string", *, column: str = "a", constraints: Constraints | None = None, **properties: Any
) -> Field:
    """A field; the constraints may stand among the properties by their names."""
    names = set(Constraints.__dataclass_fields__)
    given = {name: properties.pop(name) for name in list(properties) if name in names}
    return Field("a", column, type_, constraints=constraints or Constraints(**given), **properties)


DIGITS = r"[0-9]{1,4}"
NUMBERS = rf"[+-]?{DIGITS}(\.{DIGITS})?(e[+-]?[0-9]{{1,2}})?|\.5|5\.|NaN|INF|-INF|nan|Infinity|-0|1e400"
DATES = r"(20[0-9]{2}|0001|9999|0000|1900)-(0[1-9]|1[0-3])-(0[1-9]|[123][0-9])"
CLOCK = r"([01][0-9]|2[0-4]):[0-6][0-9]:[0-6][0-9](\.[0-9]{1,7})?"
ZONE = r"(Z|z|[+-](0[0-9]|1[0-5]):[0-6][0-9])?"
INTEGERS = r"[+-]?[0-9]{1,5}|007|1_000|-0|[1-9][0-9]{17,19}|92233720368547758(07|08)|1\.0"
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


def _matching(*patterns: str) -> st.SearchStrategy[str]:
    return st.one_of(*(st.from_regex(pattern, fullmatch=True) for pattern in patterns))


# By type and format; PATTERNED are formats of dates.
TEXTS: dict[tuple[str, str], st.SearchStrategy[str]] = {
    ("string", "default"): st.text(max_size=12),
    ("string", "email"): _matching(r"[a-z.]{1,6}@[a-z]{1,5}(\.[a-z]{2,3})?"),
    ("string", "uri"): _matching(r"(https?|urn|mailto)?:(//)?[a-z]{1,5}(\.org)?(/[a-z%]{0,4})?(\?q=[0-9])?(#[a-z ])?"),
    ("string", "uuid"): _matching(r"[0-9a-fA-F]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{31,32}"),
    ("string", "binary"): _matching(r"([A-Za-z0-9+/]{4}){0,3}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=?)?"),
    ("any", "default"): st.text(max_size=12),
    ("number", "default"): _matching(NUMBERS),
    ("integer", "default"): _matching(INTEGERS),
    ("boolean", "default"): st.sampled_from(["true", "True", "TRUE", "1", "false", "False", "FALSE", "0", "yes", "t"]),
    ("date", "default"): _matching(DATES, r"20[0-9]{2}[01][0-9][0-3][0-9]", r"2020-W0[1-9]-[1-8]"),
    ("date", "%d/%m/%Y"): _matching(r"[0-3]?[0-9]/[01]?[0-9]/(20[0-9]{2}|0000)"),
    ("date", "%d %B %y"): _matching(r"[0-3]?[0-9] (January|may|March|Juni) [0-9]{2}"),
    ("date", "%Y%m%d"): _matching(r"20[0-9]{2}[01][0-9][0-3]?[0-9]"),
    ("date", "%Y-%j"): _matching(r"20[0-9]{2}-[0-3]?[0-9]{2}"),
    ("time", "default"): _matching(CLOCK + ZONE),
    ("time", "%I:%M %p"): _matching(r"[01]?[0-9]:[0-5]?[0-9] (AM|pm|xm)"),
    ("time", "%H:%M"): _matching(r"[0-2]?[0-9]:[0-6][0-9]"),
    ("datetime", "default"): _matching(f"{DATES}[T ]{CLOCK}{ZONE}"),
    ("datetime", "%d/%m/%Y %H:%M:%S"): _matching(rf"[0-3]?[0-9]/[01]?[0-9]/20[0-9]{{2}}  ?{CLOCK}"),
    ("datetime", "%Y-%m-%dT%H:%M:%S.%f%z"): _matching(
        f"{DATES}T{CLOCK}{ZONE}", r"20[0-9]{2}-0[1-9]-1[0-9]T1[0-9]:[0-5]0:[0-5]0\.[0-9]{1,6}(Z|[+-]0[0-9]:?[0-5]0)"
    ),
    ("year", "default"): _matching(r"[0-9]{3,5}|-?[0-9]{4}|0000"),
    ("yearmonth", "default"): _matching(r"(20[0-9]{2}|0000)-[01]?[0-9]"),
    ("duration", "default"): _matching(
        r"[+-]?P([0-9]{1,2}Y)?([0-9]{1,2}M)?([0-9]{1,3}D)?(T([0-9]{1,2}H)?([0-9]{1,3}M)?([0-9]{1,2}(\.[0-9]{1,7})?S)?)?",
        r"P[0-9]W|P[0-9]{12}D",
    ),
    ("object", "default"): st.sampled_from(JSON_TEXTS),
    ("array", "default"): st.sampled_from(JSON_TEXTS),
    ("geojson", "default"): st.sampled_from((*GEOJSON_TEXTS, *JSON_TEXTS)),
    ("geojson", "topojson"): st.sampled_from((*TOPOJSON_TEXTS, *JSON_TEXTS)),
    ("geopoint", "default"): _matching(rf"{POINT_NUMBERS}, ?{POINT_NUMBERS}", "1,2,3"),
    ("geopoint", "array"): _matching(rf"\[{POINT_NUMBERS}, ?{POINT_NUMBERS}\]", r"\[1\]"),
    ("geopoint", "object"): _matching(rf'\{{"lon": {POINT_NUMBERS}, "lat": {POINT_NUMBERS}\}}', r'\{"lon": 1\}'),
    ("list", "default"): st.text(alphabet='ab"\\{} ,é', max_size=8),
}
# Fields with properties and constraints, and the texts that they are asked about.
VARIANTS: list[tuple[Field, st.SearchStrategy[str]]] = [
    (field("string", min_length=2, max_length=5), st.text(max_size=8)),
    (field("string", pattern="[a-c]{1,3}|x+"), _matching("[a-d]{1,4}|x{1,3}")),
    (field("string", pattern="[a-c]{1,2}-[0-9]+"), _matching("[a-d]{1,3}-[0-9]{0,3}")),
    (field("string", enum=("a", "b\\{x}'")), st.sampled_from(["a", " a ", "b\\{x}'", "c", "A"])),
    (field("string", required=True, missing_values=("-", "")), st.sampled_from(["-", "", "x", " - "])),
    (field("string", missing_values=("NA",)), st.sampled_from(["NA", "", "x", " "])),
    (field("string", format="uuid", enum=("12345678-1234-1234-1234-123456789ABC",)), st.sampled_from(
        ["12345678-1234-1234-1234-123456789abc", "12345678-1234-1234-1234-123456789abd"])),
    (field("string", format="binary", min_length=2, max_length=3), TEXTS["string", "binary"]),
    (field("number", minimum="0", maximum="100.5"), _matching(NUMBERS)),
    (field("number", exclusive_minimum="0", exclusive_maximum="1e2"), _matching(NUMBERS)),
    (field("number", enum=("1", "2.50", "NaN")), st.sampled_from(["1.0", "1", "2.5", "25e-1", "NaN", "3"])),
    (field("number", decimal_char=",", group_char="."), _matching(r"-?[0-9]{1,3}(\.[0-9]{3}){0,2}(,[0-9]{1,2})?")),
    (field("number", bare_number=False), _matching(r"(€ ?|USD )?-?[0-9]{1,3}(\.[0-9])?( ?%)?")),
    (field("integer", minimum="-5", maximum="100"), _matching(r"-?[0-9]{1,3}")),
    (field("integer", exclusive_minimum="-5", exclusive_maximum="100"), _matching(r"-?[0-9]{1,3}")),
    (field("integer", enum=("1", "-20")), st.sampled_from(["1", "+1", "01", "-20", "2"])),
    (field("integer", bare_number=False), _matching(r"(€ ?)?-?[0-9]{1,3}( ?%)?")),
    (field("boolean", true_values=("ja",), false_values=("nein", "né")), st.sampled_from(["ja", "nein", "Ja", "né"])),
    (field("boolean", enum=("true",)), TEXTS["boolean", "default"]),
    (field("date", minimum="2010-01-01", maximum="2030-06-30"), _matching(DATES, r"20[123]0-0[1-9]-[0-2][1-8]")),
    (field("date", format="%d/%m/%Y", exclusive_minimum="15/06/2010"), TEXTS["date", "%d/%m/%Y"]),
    (field("date", enum=("2020-02-29",)), st.sampled_from(["2020-02-29", "2020-02-28", "2021-02-29"])),
    (field("time", minimum="08:00:00", exclusive_maximum="18:30:00"), TEXTS["time", "default"]),
    (field("datetime", minimum="2010-01-01T00:00:00Z"), TEXTS["datetime", "default"]),
    (field("datetime", enum=("2020-01-01T00:00:00Z",)), st.sampled_from(
        ["2020-01-01T01:00:00+01:00", "2020-01-01T00:00:00", "2020-01-01T00:00:00.5Z"])),
    (field("year", minimum="1990", maximum="2020"), _matching("(19|20)[0-9]{2}")),
    (field("yearmonth", minimum="2010-05", exclusive_maximum="2050-01"), TEXTS["yearmonth", "default"]),
    (field("duration", minimum="P1D", maximum="P1Y"), TEXTS["duration", "default"]),
    (field("object", min_length=1, max_length=1), st.sampled_from(JSON_TEXTS)),
    (field("object", enum=('{"a": 1, "b": [true]}',)), st.sampled_from(
        ['{"b": [true], "a": 1.0}', '{"a": 1, "b": [1]}', '{"a": true, "b": [true]}'])),
    (field("array", min_length=1, max_length=3), st.sampled_from(JSON_TEXTS)),
    (field("array", enum=("[1, 2, 3]",)), st.sampled_from(JSON_TEXTS)),
    (field("list", item_type="integer", delimiter=";", min_length=2, max_length=3), _matching("[0-9](; ?[0-9a]){0,4}")),
    (field("list", item_type="date"), _matching(f"{DATES},{DATES}")),
    (field("list", item_type="number", enum=("1,2",)), st.sampled_from(["1,2", "1.0,2", "2,1", "NaN,1", "x"])),
    (field("list", item_type="boolean"), st.sampled_from(["true,false", "1", "1,x"])),
    (field("list", item_type="datetime"), _matching(f"{DATES}T{CLOCK}{ZONE}")),
    (field("list", item_type="time"), _matching(f"{CLOCK},{CLOCK}")),
]  # fmt: skip


def cases() -> Iterator[tuple[Field, st.SearchStrategy[str]]]:
    """Every field, in a column of its own, with its texts; some of them padded, or as any text may be."""
    plain = [(field(type_, format=format_), texts) for (type_, format_), texts in TEXTS.items()]
    for number, (described, texts) in enumerate([*plain, *VARIANTS]):
        padded = texts.map(lambda text: f" {text} ")
        yield replace(described, column=f"c{number}"), st.one_of(texts, texts, texts, padded, st.just(""))


CASES = list(cases())


@cache
def drawn(texts: st.SearchStrategy[str]) -> list[str]:
    """Different texts, the same in every run: among others there may be no good one by chance."""
    seen: dict[str, None] = {}

    @examples(40, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(texts)
    def see(text: str) -> None:
        seen[text] = None

    see()
    return list(seen)


def named(described: Field) -> str:
    """A name for the test of a field."""
    set_ = [name for name, value in vars(described.constraints).items() if value not in (None, False)]
    return "-".join([described.column, described.type, described.format, *set_])
