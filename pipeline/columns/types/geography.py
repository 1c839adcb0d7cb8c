"""Points, and GeoJSON and TopoJSON."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pipeline.columns.types.column_type import BadTextError, ColumnType, Value
from pipeline.columns.types.numbers import PLAIN, exact
from pipeline.columns.types.structured import Json, parsed
from pipeline.descriptions.description import Field

POINT = re.compile(rf"({PLAIN.pattern})\s*,\s*({PLAIN.pattern})")
POINT_FORMS = {
    "default": "longitude, latitude",
    "array": "[longitude, latitude]",
    "object": '{"lon": longitude, "lat": latitude}',
}
LONGITUDES, LATITUDES = Decimal(180), Decimal(90)  # to both sides of 0
COORDINATE_LEVELS = {  # arrays within one another, down to the numbers
    "Point": 1,
    "MultiPoint": 2,
    "LineString": 2,
    "MultiLineString": 3,
    "Polygon": 3,
    "MultiPolygon": 4,
}
SHORTEST = {"LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}  # positions of the innermost arrays


class GeoPoint(ColumnType):
    """An array of longitude and latitude."""

    postgresql = "numeric[]"
    formats = frozenset({"default", "array", "object"})
    is_quick = False

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._format = field.format
        self._expected = f"is not a point ({POINT_FORMS[field.format]})"

    def value(self, text: str) -> Value:
        longitude, latitude = self._numbers(text)
        if not -LONGITUDES <= longitude <= LONGITUDES:
            raise BadTextError("has a longitude beyond 180 degrees")
        if not -LATITUDES <= latitude <= LATITUDES:
            raise BadTextError("has a latitude beyond 90 degrees")
        return Value(f"{{{longitude:f},{latitude:f}}}", (longitude, latitude))

    def _numbers(self, text: str) -> Sequence[Decimal]:
        if self._format == "default":
            found = POINT.fullmatch(text)
            if not found:
                raise BadTextError(self._expected)
            return [exact(found[1]), exact(found[2])]
        content = parsed(text, self._expected)
        if self._format == "object" and isinstance(content, dict) and set(content) == {"lon", "lat"}:
            content = [content["lon"], content["lat"]]
        elif self._format == "object":
            content = None
        if not isinstance(content, list) or list(map(type, content)) != [Decimal, Decimal]:
            raise BadTextError(self._expected)
        return content

    def base_checks(self, column: str) -> list[tuple[str, str]]:
        return [
            ("point", f"array_dims({column}) = '[1:2]' AND array_position({column}, NULL) IS NULL"),
            ("longitude", f"{column}[1] BETWEEN -180 AND 180"),
            ("latitude", f"{column}[2] BETWEEN -90 AND 90"),
        ]


class GeoJson(Json):
    """GeoJSON (RFC 7946), or TopoJSON."""

    formats = frozenset({"default", "topojson"})
    json_type = "object"

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._is_topojson = field.format == "topojson"
        self.expected = "is not TopoJSON" if self._is_topojson else "is not GeoJSON"

    def is_kind(self, content: Any) -> bool:
        return _is_topology(content) if self._is_topojson else _is_geojson(content)


def _is_geojson(content: Any) -> bool:
    """A geometry, a feature or a collection of features."""
    if not isinstance(content, dict):
        return False
    if content.get("type") == "FeatureCollection":
        features = content.get("features")
        return isinstance(features, list) and all(map(_is_feature, features))
    return _is_feature(content) or _is_geometry(content)


def _is_feature(content: Any) -> bool:
    if (
        not isinstance(content, dict)
        or content.get("type") != "Feature"
        or not {"geometry", "properties"} <= set(content)
    ):
        return False
    has_properties = content["properties"] is None or isinstance(content["properties"], dict)
    is_identified = isinstance(content.get("id", ""), str | Decimal)
    return has_properties and is_identified and (content["geometry"] is None or _is_geometry(content["geometry"]))


def _is_geometry(content: Any) -> bool:
    if not isinstance(content, dict) or not isinstance(content.get("type"), str):
        return False
    if content["type"] == "GeometryCollection":
        geometries = content.get("geometries")
        return isinstance(geometries, list) and all(map(_is_geometry, geometries))
    levels = COORDINATE_LEVELS.get(content["type"])
    return levels is not None and _are_coordinates(content.get("coordinates"), levels, SHORTEST.get(content["type"], 0))


def _are_coordinates(content: Any, levels: int, shortest: int) -> bool:
    if not isinstance(content, list):
        return False
    if levels == 1:
        return len(content) >= 2 and all(isinstance(number, Decimal) for number in content)
    if levels == 2 and len(content) < shortest:
        return False
    return all(_are_coordinates(inner, levels - 1, shortest) for inner in content)


def _is_topology(content: Any) -> bool:
    if not isinstance(content, dict) or content.get("type") != "Topology":
        return False
    objects, arcs = content.get("objects"), content.get("arcs")
    return isinstance(objects, dict) and all(map(_has_type, objects.values())) and isinstance(arcs, list)


def _has_type(content: Any) -> bool:
    return isinstance(content, dict) and content.get("type") in {*COORDINATE_LEVELS, "GeometryCollection", None}
