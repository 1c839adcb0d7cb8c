"""Which encoding each source is read in."""

import codecs
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.errors import SettingsError

MARKS = (  # the longer ones first: that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)


@dataclass(frozen=True)
class Encoding:
    """The encoding of one source."""

    name: str | None  # canonical, such as iso8859-1; None: UTF-8, or what the file's byte-order mark says
    is_certain: bool = False  # given for this very source, so that neither its mark nor its bytes are asked


@dataclass(frozen=True)
class Encodings:
    """As the user gave them in this run: for all sources, and for single ones by their names."""

    for_all: str | None = None
    by_source: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, values: Iterable[str]) -> "Encodings":
        """From values such as latin-1 and people-3.csv=latin-1; raises SettingsError for an unknown encoding."""
        for_all, by_source = None, {}
        for value in values:
            source, _, name = value.rpartition("=")
            if source:
                by_source[source] = canonical(name)
            else:
                for_all = canonical(name)
        return cls(for_all, by_source)

    def given(self, source: str) -> str | None:
        """The one that the user gave for a source in this run."""
        return self.by_source.get(source, self.for_all)

    def of(self, source: str, recorded: str | None) -> Encoding:
        """What to read a source in; `recorded` is what the user gave for it in an earlier run."""
        return Encoding(self.given(source) or recorded, is_certain=source in self.by_source)

    def check(self, sources: Iterable[str]) -> None:
        """Raises SettingsError if one was given for a source that is not among these."""
        for source in sorted(self.by_source.keys() - set(sources)):
            raise SettingsError(f"ENCODING: no file '{source}' is loaded; name it as it is called in the data folder")


def canonical(name: str) -> str:
    """The name that Python has for an encoding, for ASCII utf-8; raises SettingsError if there is no such encoding."""
    try:
        codec = codecs.lookup(name)
        with contextlib.suppress(UnicodeError):
            b"x".decode(name)  # refuses codecs that are not for text
    except (LookupError, UnicodeEncodeError, ValueError):
        raise SettingsError(
            f"ENCODING: '{name}' is not known; name one such as latin-1 or utf-16 (blanks separate several: for a file"
            " whose name has one, use --encoding 'FILE=NAME')"
        ) from None
    return "utf-8" if codec.name in ("utf-8", "utf-8-sig", "ascii") else codec.name


def by_mark(beginning: bytes) -> str | None:
    """The encoding that a file's first bytes tell, if they are a byte-order mark."""
    return next((name for mark, name in MARKS if beginning.startswith(mark)), None)
