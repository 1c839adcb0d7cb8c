"""Numbers: exact ones within PostgreSQL's numeric, and whole ones of 64 bits."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from pipeline.columns.types.column_type import BadTextError, ColumnType, Value
from pipeline.descriptions.description import Field

# https://www.postgresql.org/docs/current/datatype-numeric.html
DIGITS_BEFORE_POINT = 131_072
DIGITS_AFTER_POINT = 16_383
SHORT = 1_000  # characters, which are within both limits if there is no exponent
OUT_OF_RANGE = f"has more than {DIGITS_BEFORE_POINT} digits before or {DIGITS_AFTER_POINT} after the decimal point"
SMALLEST, LARGEST = -(2**63), 2**63 - 1  # of bigint
BIGINT_DIGITS = 19

SPECIAL = {"nan": "NaN", "inf": "Infinity", "+inf": "Infinity", "-inf": "-Infinity"}
NAN = Decimal("NaN")  # one object, since NaN does not equal itself and a set finds it by identity
PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def exact(text: str) -> Decimal:
    """The number that plain text names; raises BadTextError where numeric cannot hold it."""
    if len(text) <= SHORT and "e" not in text and "E" not in text:
        return Decimal(text)
    digits, _, exponent = text.lower().partition("e")
    if len(exponent) > 9 or len(digits) > DIGITS_BEFORE_POINT + DIGITS_AFTER_POINT + 2:  # "+" and "."
        raise BadTextError(OUT_OF_RANGE)
    number = Decimal(text)
    scale = -int(number.as_tuple().exponent)
    if scale > DIGITS_AFTER_POINT or (number and number.adjusted() >= DIGITS_BEFORE_POINT):
        raise BadTextError(OUT_OF_RANGE)
    return number


class _Numeric(ColumnType):
    """The base of number and integer: grouping signs, and signs around the number."""

    is_ordered = True
    expected: ClassVar[str]
    quick_form: ClassVar[str]  # numbers that are copied as they stand
    quick_grouped: ClassVar[str]  # numbers that are copied without GROUP, and a point for POINT
    verbatim_form: ClassVar[str]

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._decimal_char = field.decimal_char if field.type == "number" else "."
        self._group_char = field.group_char or None
        for name, sign in (("decimalChar", self._decimal_char), ("groupChar", self._group_char)):
            if sign is not None and (not sign or re.search(r"[0-9eE+\n-]", sign)):
                raise ValueError(f"{name} {sign!r} is not supported")
        if self._decimal_char == self._group_char:
            raise ValueError(f"decimalChar and groupChar are both {self._decimal_char!r}")
        point, before, after = re.escape(self._decimal_char), "", ""
        if not field.bare_number:  # neither "Rs.500" nor "(5)" nor "5-", which may mean something else
            before, after = rf"(?:[^0-9+()\n-]*(?<!{point})(?=[+-]?[0-9])|)", r"[^0-9+()\n-]*"
        whole, quick = "[0-9]+", self.quick_form.replace("POINT", point)
        if self._group_char:  # groups of three digits; of two as well before the last, as in India
            group = re.escape(self._group_char)
            whole = f"(?:[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})*{group}[0-9]{{3}}|[0-9]+)"
            quick = f"(?:{self.quick_grouped.replace('POINT', point).replace('GROUP', group)}|{quick})"
        self._quick = re.compile(f"{quick}(?:\n{quick})*+")
        number = rf"[+-]?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"
        self._form = re.compile(f"{before}({number}){after}")

    def value(self, text: str) -> Value:
        found = self._form.fullmatch(text)
        if not found:
            raise BadTextError(self.expected)
        plain = found[1].replace(self._group_char, "") if self._group_char else found[1]
        return self._value(plain.replace(self._decimal_char, "."))

    def bound(self, text: str) -> Value:
        """A number of JSON, or else a text as the fields have it."""
        return self._value(text) if PLAIN.fullmatch(text) else self.value(text)

    def _value(self, plain: str) -> Value:
        raise NotImplementedError

    def quick(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:
        if not self._quick.fullmatch(joined):
            return None
        if not self._group_char and self._decimal_char == ".":
            return texts
        return joined.replace(self._group_char or "\0", "").replace(self._decimal_char, ".").split("\n")

    def verbatim(self, delimiter: str) -> str | None:  # noqa: ARG002
        return None if self._group_char or self._decimal_char != "." else self.verbatim_form


class Number(_Numeric):
    postgresql = "numeric"
    expected = "is not a number"
    # A thousand digits are within every limit.
    quick_form = "-?[0-9]{1,1000}+(?:POINT[0-9]{1,1000}+)?+"
    quick_grouped = "-?[0-9]{1,3}(?:GROUP[0-9]{3}){1,300}+(?:POINT[0-9]{1,1000}+)?+"
    verbatim_form = r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?"

    def value(self, text: str) -> Value:
        special = SPECIAL.get(text.lower())
        if special:
            return Value(special, NAN if special == "NaN" else Decimal(special))
        return super().value(text)

    def _value(self, plain: str) -> Value:
        number = exact(plain)
        return Value(plain if number or "e" not in plain.lower() else "0", number)

    def keys(self, copied: Sequence[str]) -> Sequence[Decimal]:
        return list(map(Decimal, copied))

    def quick_keys(self, copied: Sequence[str]) -> Sequence[float]:
        return list(map(float, copied))

    def quick_key(self, key: Decimal) -> float:
        return float(key)

    def bound_check(self, column: str, operator: str, value: Value) -> str:
        """NaN is within no bounds, though PostgreSQL orders it last."""
        return f"({column} {operator} {self.literal(value)} AND {column} <> 'NaN'::numeric)"


class Integer(_Numeric):
    postgresql = "bigint"
    expected = "is not a whole number"
    quick_form = "(?:-?[1-9][0-9]{0,17}+|0)"
    quick_grouped = "-?[1-9][0-9]{0,2}(?:GROUP[0-9]{3}){1,5}+"
    verbatim_form = "-?[1-9][0-9]{0,17}|0"

    def _value(self, plain: str) -> Value:
        digits = plain.lstrip("+-")
        if not digits.isdigit():
            raise BadTextError(self.expected)
        number = int(plain) if len(digits.lstrip("0")) <= BIGINT_DIGITS else LARGEST + 1
        if not SMALLEST <= number <= LARGEST:
            raise BadTextError("is outside the range of bigint (declare the field as number)")
        return Value(str(number), number)

    def keys(self, copied: Sequence[str]) -> Sequence[int]:
        return list(map(int, copied))
