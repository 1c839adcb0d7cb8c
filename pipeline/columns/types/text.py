"""Types whose values are texts, or a few fixed ones: string with its formats, any, boolean."""

import re
from binascii import a2b_base64
from collections.abc import Sequence

from pipeline.columns.types.column_type import BadTextError, ColumnType, Value, clean, shaped
from pipeline.descriptions.description import Field
from pipeline.postgres.copy_format import copy_field
from pipeline.postgres.quoting import quote_literal

HEX_AS_ZERO = {ord(digit): "0" for digit in "0123456789abcdef"}
UUID_SHAPE = "00000000-0000-0000-0000-000000000000"
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# As browsers check it (https://html.spec.whatwg.org/#valid-e-mail-address), with dots only between words.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")

# RFC 3986, appendix A: a scheme, then authority, path, query and fragment of allowed characters.
_CHARACTER = r"(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})"
URI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.-]*:"
    rf"(?://(?:{_CHARACTER}*+@)?(?:\[[0-9A-Fa-f:.]+\]|(?:(?!:){_CHARACTER})*+)(?::[0-9]*)?(?=[/?#]|\Z))?"
    rf"(?:{_CHARACTER}|[@/])*+(?:\?(?:{_CHARACTER}|[@/?])*+)?(?:\#(?:{_CHARACTER}|[@/?])*+)?"
)

# Of an http(s) address, without characters that may be a delimiter.
VERBATIM_URI = (
    r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/(?:[A-Za-z0-9._~!$&'()*+=:@/-]|%[0-9A-Fa-f]{2})*)?"
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+=:@/-]|%[0-9A-Fa-f]{2})*)?"
)
# Letters and signs, no spaces, of which any text is in Unicode NFC: Latin, Cyrillic, kana, Chinese, Hangul.
BEYOND_ASCII = (
    "\u00a1-\u02ff\u0400-\u0482\u048a-\u052f\u2010-\u2027\u20ac\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3"
)
# How PostgreSQL reads these texts, in any case: https://www.postgresql.org/docs/current/datatype-boolean.html
BOOLEANS = {"true": "t", "t": "t", "yes": "t", "1": "t", "false": "f", "f": "f", "no": "f", "0": "f"}


class Any(ColumnType):
    """Any text, of which no more is known."""

    postgresql = "text"
    may_be_padded = True

    def value(self, text: str) -> Value:
        return Value(copy_field(text), text, len(text))

    def quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:
        if "\\" in joined or "\t" in joined or "\r" in joined or joined.count("\n") >= len(texts):
            return list(map(copy_field, texts))
        return texts

    def verbatim(self, delimiter: str) -> str | None:
        """Trimmed, in NFC, quoted or not."""
        visible = "".join(re.escape(chr(code)) for code in range(0x21, 0x7F) if chr(code) not in ('"', delimiter))
        plain, quoted = f"[{visible}{BEYOND_ASCII}]", f'(?:[{visible}{delimiter.strip()}{BEYOND_ASCII}]|"")'
        return f'(?:{plain}(?:[ {plain[1:]}*{plain})?|"{quoted}(?:(?: |{quoted})*{quoted})?")'

    def literal(self, value: Value) -> str:
        return quote_literal(value.key)


class String(Any):
    """Any text, of a length and a pattern."""

    unit = "character"
    size_sql = "char_length({})"
    has_pattern = True


class Email(String):
    may_be_padded = False
    formats = frozenset({"email"})

    def value(self, text: str) -> Value:
        if not EMAIL.fullmatch(text):
            raise BadTextError("is not an email address")
        return super().value(text)

    def quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:  # noqa: ARG002
        return texts if all(map(EMAIL.fullmatch, texts)) else None

    def verbatim(self, delimiter: str) -> str | None:
        return None if delimiter == "|" else EMAIL.pattern


class Uri(String):
    may_be_padded = False
    formats = frozenset({"uri"})

    def value(self, text: str) -> Value:
        if not URI.fullmatch(text):
            raise BadTextError("is not a URI")
        return super().value(text)

    def quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:  # noqa: ARG002
        return texts if all(map(URI.fullmatch, texts)) else None

    def verbatim(self, delimiter: str) -> str | None:  # noqa: ARG002
        return VERBATIM_URI


class Uuid(ColumnType):
    postgresql = "uuid"
    formats = frozenset({"uuid"})
    unit = "character"
    size_sql = "char_length({}::text)"
    has_pattern = True

    def value(self, text: str) -> Value:
        lower = text.lower()
        if not UUID.fullmatch(lower) or not text.isascii():
            raise BadTextError("is not a UUID (8-4-4-4-12 hexadecimal digits)")
        return Value(lower, lower, len(lower))

    def quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:
        lower = joined.lower()
        if not joined.isascii() or not shaped(lower.translate(HEX_AS_ZERO), UUID_SHAPE, len(texts)):
            return None
        return texts if lower == joined else lower.split("\n")

    def verbatim(self, delimiter: str) -> str | None:  # noqa: ARG002
        return UUID.pattern

    def keys(self, copied: Sequence[str]) -> Sequence[str]:
        return copied


class Binary(ColumnType):
    """Bytes, written in base64 (RFC 4648, section 4)."""

    postgresql = "bytea"
    formats = frozenset({"binary"})
    unit = "byte"
    size_sql = "octet_length({})"
    has_pattern = True

    def value(self, text: str) -> Value:
        try:
            content = a2b_base64(text, strict_mode=True)
        except ValueError:
            raise BadTextError("is not base64") from None
        return Value(copy_field(f"\\x{content.hex()}"), content, len(content))

    def quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:  # noqa: ARG002
        try:
            return [f"\\\\x{a2b_base64(text, strict_mode=True).hex()}" for text in texts]
        except ValueError:
            return None


class Boolean(ColumnType):
    postgresql = "boolean"

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._copied = {clean(text): "t" for text in field.true_values}
        for text in field.false_values:
            if self._copied.setdefault(clean(text), "f") == "t":
                raise ValueError(f"{text!r} is both a true value and a false value")

    def value(self, text: str) -> Value:
        copied = self._copied.get(text)
        if copied is None:
            raise BadTextError("is neither true nor false")
        return Value(copied, copied)

    def bound(self, text: str) -> Value:
        return Value(text[0], text[0]) if text in ("true", "false") else self.value(text)

    def quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:  # noqa: ARG002
        copied = list(map(self._copied.get, texts))
        return None if None in copied else copied  # type: ignore[return-value]

    def verbatim(self, delimiter: str) -> str | None:  # noqa: ARG002
        read_alike = [text for text, copied in self._copied.items() if BOOLEANS.get(text.lower()) == copied]
        return "|".join(read_alike) or None
