"""The configuration of Prometheus and the alert rules, by promtool."""

import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from tests.monitoring.prometheus import FOLDER, needed

CASES = FOLDER.parents[1] / "tests" / "monitoring" / "alerts_test.yml"


@pytest.mark.parametrize(
    "arguments", [("check", "config", FOLDER / "prometheus.yml"), ("check", "rules", FOLDER / "alerts.yml")]
)
def test_promtool_finds_no_fault(arguments: tuple[str | Path, ...]) -> None:
    ended = subprocess.run([needed("promtool"), *arguments], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_alert_fires_when_it_should_and_not_otherwise() -> None:
    ended = subprocess.run([needed("promtool"), "test", "rules", CASES], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_alert_is_tested_both_ways_and_documented() -> None:
    fires = defaultdict(set)
    for case in yaml.safe_load(CASES.read_text())["tests"]:
        for look in case["alert_rule_test"]:
            fires[look["alertname"]].add("exp_alerts" in look)
    [group] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    assert fires == {rule["alert"]: {True, False} for rule in group["rules"]}
    documented = (FOLDER.parents[1] / "docs" / "monitor.md").read_text(encoding="utf-8")
    assert {name for name in fires if f"| `{name}` |" not in documented} == set()
