"""Contrast of the pages in both colour schemes, by WCAG 2: AA asks 4.5 of text, and 3 of what charts are drawn with."""

import re

import pytest

from pipeline.pages.render import STYLE

SCHEMES = [
    dict(re.findall(r"--([\w-]+): (#\w{6});", block))
    for block in re.findall(r":root {(.*?)}", STYLE.read_text(), re.DOTALL)
]
LIGHT = SCHEMES[0]
DARK = LIGHT | SCHEMES[1]


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("background", ["page", "card"])
def test_text_and_charts_stand_out_from_what_is_behind_them(scheme: dict[str, str], background: str) -> None:
    behind = scheme[background]
    least = {name: 3 if name.startswith("series-") else 4.5 for name in scheme if name not in ("page", "card", "line")}
    assert len(least) == 13
    assert {name for name in least if contrast(scheme[name], behind) < least[name]} == set()
