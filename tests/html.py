"""HTML as tests look at it: parsed by the rules of the standard, as text and tables."""

from xml.etree.ElementTree import Element

import html5lib

SVG = "{http://www.w3.org/2000/svg}"


def parsed(html: str) -> Element:
    """Raises ParseError if the HTML is not valid."""
    document: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
    return document


def text_of(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def table_of(document: Element, caption: str) -> list[list[str]]:
    """The texts of a table's rows, without bars, the header first."""
    [table] = [table for table in document.iter("table") if text_of(table[0]) == caption]
    return [[text_of(cell) for cell in row if cell.get("class") != "bar"] for row in table.iter("tr")]
