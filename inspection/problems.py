"""Problems of a file's rows, grouped by rule."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pipeline.csv_text.rows import Fault, shortened
from pipeline.datasets.outcome import Rejected

EXAMPLES = 3  # shown of each rule
MOST_RULES = 1_000  # counted one by one, so that memory does not grow with the file
OTHER_RULES = "other rules are broken"


@dataclass
class RuleCount:
    rows: int = 0
    examples: list[str] = field(default_factory=list)  # the first ones, such as: line 17 '1990-13-02'


@dataclass
class Problems:
    row_count: int = 0  # rows with a problem
    by_rule: dict[str, RuleCount] = field(default_factory=dict)

    def add(self, rejected: Iterable[Rejected]) -> None:
        for bad in rejected:
            self.row_count += 1
            for kind, fault in {fault.kind: fault for fault in bad.faults}.items():
                rule = kind if kind in self.by_rule or len(self.by_rule) < MOST_RULES else OTHER_RULES
                count = self.by_rule.setdefault(rule, RuleCount())
                count.rows += 1
                if len(count.examples) < EXAMPLES:
                    count.examples.append(_example(bad.row.line, fault))

    def lines(self) -> Iterator[str]:
        """One line for each rule, the one that most rows break first."""
        for rule, count in sorted(self.by_rule.items(), key=lambda item: -item[1].rows):
            more = ", ..." if count.rows > len(count.examples) else ""
            yield f"{count.rows:,} x {rule}: {', '.join(count.examples)}{more}"


def _example(line: int, fault: Fault) -> str:
    return f"line {line}" if fault.value is None else f"line {line} {shortened(fault.value)!r}"
