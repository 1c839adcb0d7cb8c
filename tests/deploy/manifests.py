"""deploy/kubernetes as the tests see it: rendered by kustomize, and the environment that a container of it gets."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from pipeline import PROJECT

FOLDER = PROJECT / "deploy" / "kubernetes"
OVERLAYS = ("base", "hpa", "keda", "example")
REFERENCE = re.compile(r"\$\((\w+)\)")

Manifest = dict[str, Any]


@cache
def render(overlay: str) -> list[Manifest]:
    """The objects that `kubectl apply -k` would send, with the example's passwords."""
    kubectl = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")
    if kubectl is None:
        assert sys.platform != "linux", "kubectl is missing in .venv"
        pytest.skip("there is no kubectl")
    with TemporaryDirectory() as folder:
        copy = shutil.copytree(FOLDER, Path(folder) / "kubernetes")
        shutil.copy(copy / "example" / "secrets.env.example", copy / "example" / "secrets.env")
        ended = subprocess.run([kubectl, "kustomize", copy / overlay], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return list(yaml.load_all(ended.stdout, yaml.CSafeLoader))  # ten times as fast as SafeLoader


def find(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    [manifest] = [each for each in manifests if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return manifest


def pod_specs(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Name and pod template of each object that makes pods."""
    for manifest in manifests:
        spec = manifest.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            yield manifest["metadata"]["name"], template


def containers(manifests: list[Manifest]) -> dict[str, Manifest]:
    """All containers of all pods, by name."""
    return {
        container["name"]: container
        for _, template in pod_specs(manifests)
        for container in (*template["spec"].get("initContainers", ()), *template["spec"]["containers"])
    }


def settings(manifests: list[Manifest]) -> dict[str, str]:
    """What the ConfigMap that all containers read holds."""
    [found] = [
        each["data"]
        for each in manifests
        if each["kind"] == "ConfigMap" and each["metadata"]["name"].startswith("pipeline-settings-")
    ]
    return dict(found)


def environment(container: Manifest, settings: dict[str, str], passwords: dict[str, str]) -> dict[str, str]:
    """What the kubelet gives a container: the ConfigMap, then `env` in order, with $(NAME) replaced."""
    variables = dict(settings)
    for entry in container["env"]:
        if "value" in entry:
            variables[entry["name"]] = REFERENCE.sub(lambda match: variables[match[1]], entry["value"])
        else:
            variables[entry["name"]] = passwords[entry["valueFrom"]["secretKeyRef"]["key"]]
    return variables
