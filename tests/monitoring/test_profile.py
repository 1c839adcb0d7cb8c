"""The profile `monitoring` of docker-compose.yml."""

import re

import pytest
import yaml

from pipeline import PROJECT

SERVICES = yaml.load((PROJECT / "docker-compose.yml").read_text(encoding="utf-8"), yaml.CSafeLoader)["services"]
MONITORING = {"grafana", "prometheus", "rq-dashboard"}


def test_three_services_run_with_the_profile_alone() -> None:
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["monitoring"]} == MONITORING
    assert {name for name, service in SERVICES.items() if "profiles" in service} == MONITORING


@pytest.mark.parametrize("name", sorted(MONITORING))
def test_a_service_of_the_profile_is_as_closed_as_the_others(name: str) -> None:
    service, worker = SERVICES[name], SERVICES["worker"]
    for setting in ("read_only", "security_opt", "cap_drop", "init", "logging", "mem_limit"):
        assert service[setting] == worker[setting], setting
    assert service["pids_limit"] <= 256
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert "cap_add" not in service
    assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", service.get("image", "a:1.2.3"))


@pytest.mark.parametrize("name", sorted(MONITORING))
def test_what_a_service_of_the_profile_mounts_is_there(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        if isinstance(volume, dict):
            assert volume["read_only"]
            assert (PROJECT / volume["source"]).exists()


@pytest.mark.parametrize("name", ["monitor", "rq-dashboard"])
def test_the_log_names_the_address_on_which_a_page_is_published(name: str) -> None:
    [published] = SERVICES[name]["ports"]
    assert SERVICES[name]["environment"]["PAGE_URL"] == f"http://{published.rpartition(':')[0]}"
