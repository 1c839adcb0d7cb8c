"""Converts and checks the texts of a column: many rows at once, or one row with every rule that it breaks."""

import re
import unicodedata
from collections.abc import Sequence
from functools import partial

from pipeline.columns.constraints import Block, rules
from pipeline.columns.types import type_of
from pipeline.columns.types.column_type import BadTextError, clean
from pipeline.csv_text.rows import Fault, storing_fault
from pipeline.descriptions.description import Field

NULL = "\\N"  # in COPY's text format
REMEMBERED = 100_000  # texts of a column
LONGEST_REMEMBERED = 50  # characters; longer ones rarely repeat, and memory must not grow with the width of a field
TRIAL = 20_000  # texts, after each of which it is seen whether remembering them pays
FEWEST = 8  # texts that are checked at once; fewer are checked one by one


def column(field: Field) -> "Column":
    """The column of a field; raises ValueError, naming the property, if the pipeline does not support it."""
    return Column(field)


class Column:
    """Converts the texts of one field. Belongs to one worker, and remembers texts from block to block."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.is_required = field.constraints.required
        self._type = type_of(field)
        self.postgresql_type = self._type.postgresql
        self._quoted = '"' + field.column.replace('"', '""') + '"'
        self._rules = rules(field, self._type, self._quoted)
        self._missing = frozenset(map(clean, field.missing_values))
        self._nulls = dict.fromkeys(self._missing, NULL)
        self._is_quick = self._type.is_quick and all(rule.holds_for_all for rule in self._rules)
        self._remembered: dict[str, str] | None = {}
        self._asked = self._unknown = 0

    def checks(self) -> list[tuple[str, str]]:
        """What PostgreSQL can hold: a short name and an SQL condition on the column, each true of NULL."""
        held = [(rule.name, rule.check) for rule in self._rules if rule.check is not None]
        return [*self._type.base_checks(self._quoted), *held]

    def verbatim(self, delimiter: str) -> str | None:
        """A pattern of fields of a CSV file that COPY itself reads as `check` would copy them; None if there is none.

        Such a text may still break a rule that is one of `checks`.
        """
        patterns = [self._type.verbatim(delimiter), *(rule.verbatim for rule in self._rules if rule.check is None)]
        pattern = patterns[-1]  # a rule's says more than that of its type
        if None in patterns or pattern is None or any(re.fullmatch(pattern, text) for text in self._missing):
            return None
        return f"(?:{pattern})?" if "" in self._missing and not self.is_required else f"(?:{pattern})"

    def check(self, text: str) -> tuple[str, list[Fault]]:
        """A text as COPY takes it, and every rule that it breaks."""
        name = self.field.name
        if unstorable := storing_fault(name, text):
            return NULL, [unstorable]
        text = clean(text)
        if text in self._missing:
            return NULL, [Fault(name, "is empty")] if self.is_required else []
        try:
            value = self._type.value(text)
        except BadTextError as error:
            return NULL, [Fault(name, error.rule, text)]
        broken = [rule for rule in self._rules if not rule.holds(text, value)]
        return value.copied, [Fault(name, rule.broken, text if rule.shows_value else None) for rule in broken]

    def converted(self, texts: Sequence[str]) -> Sequence[str | None]:
        """Each text as COPY takes it, as `check` says; None where a text may break a rule.

        The texts are known to be storable, as those of SourceRows.blocks.
        """
        remembered = self._remembered
        if remembered is None:
            return self._converted(texts)
        found: list[str | None] = list(map(remembered.get, texts))
        self._asked += len(texts)
        if not all(found) and None in found:
            unknown = [text for text, copied in zip(texts, found, strict=True) if copied is None]
            self._unknown += len(unknown)
            fresh = dict(zip(unknown, self._converted(unknown), strict=True))
            self._remember(remembered, fresh)
            found = list(map(fresh.get, texts, found))
        if self._asked >= TRIAL:
            self._judge_memory()
        return found

    def _remember(self, remembered: dict[str, str], fresh: dict[str, str | None]) -> None:
        if len(remembered) + len(fresh) > REMEMBERED:
            remembered.clear()
        for text, copied in fresh.items():
            if copied is not None and len(text) <= LONGEST_REMEMBERED:
                remembered[text] = copied

    def _judge_memory(self) -> None:
        """Stops caching texts for good if most are new and checking a block is as cheap."""
        if self._is_quick and 2 * self._unknown > self._asked:
            self._remembered = None
        self._asked = self._unknown = 0

    def _converted(self, texts: Sequence[str]) -> Sequence[str | None]:
        """Converts all texts at once if they look good, else in halves, so that a bad text slows only its own part."""
        if len(texts) < FEWEST or not self._is_quick:
            return list(map(self._good_or_none, texts))
        if (copied := self._all_good(texts)) is not None:
            return copied
        half = len(texts) // 2
        return [*self._converted(texts[:half]), *self._converted(texts[half:])]

    def _good_or_none(self, text: str) -> str | None:
        copied, faults = self.check(text)
        return None if faults else copied

    def _all_good(self, texts: Sequence[str]) -> Sequence[str] | None:
        """The texts as COPY takes them; None if one of them may break a rule."""
        if not self._type.may_be_padded:
            copied = self._all_values_or_null(texts, "\n".join(texts))
            if copied is not None:
                return copied
        trimmed = list(map(str.strip, texts))
        joined = "\n".join(trimmed)
        if not joined.isascii() and not unicodedata.is_normalized("NFC", joined):
            trimmed = list(map(partial(unicodedata.normalize, "NFC"), trimmed))
            joined = "\n".join(trimmed)
        elif not self._type.may_be_padded and trimmed == list(texts):
            return None
        return self._all_values_or_null(trimmed, joined)

    def _all_values_or_null(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:
        if self._missing.isdisjoint(texts):
            return self._all_values(texts, joined)
        if self.is_required:
            return None
        present = next((text for text in texts if text not in self._missing), None)
        if present is None:
            return [NULL] * len(texts)
        filled = list(map(dict.fromkeys(self._missing, present).get, texts, texts))
        copied = self._all_values(filled, "\n".join(filled))
        return None if copied is None else list(map(self._nulls.get, texts, copied))

    def _all_values(self, texts: Sequence[str], joined: str) -> Sequence[str] | None:
        copied = self._type.quick(texts, joined)
        if copied is None:
            return None
        block = Block(texts, copied, self._type)
        return copied if all(rule.holds_for_all and rule.holds_for_all(block) for rule in self._rules) else None
