"""deploy/kubernetes: valid for the last three versions of Kubernetes and for KEDA, hardened, and consistent."""

import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from pipeline import PROJECT, __version__
from tests.deploy.manifests import (
    FOLDER,
    OVERLAYS,
    REFERENCE,
    Manifest,
    containers,
    environment,
    find,
    pod_specs,
    render,
    settings,
)

pytestmark = pytest.mark.xdist_group("manifests")
kubernetes_validate.utils.schema_contents = cache(kubernetes_validate.utils.schema_contents)  # 1.5 MB for each object
VERSIONS = list(dict.fromkeys(kubernetes_validate.utils.all_versions()))[-3:]
KEDA_LIMITS = yaml.load((Path(__file__).parent / "keda.yaml").read_text(), yaml.CSafeLoader)
STOP_TIME = 10  # seconds within which a stage ends that is told to stop, see docs/guarantees.md
STAGES = {"schema", "producer", "exporter", "worker", "monitor"}
DOCUMENTED = (PROJECT / "README.md").read_text() + (PROJECT / "docs" / "monitor.md").read_text()
OF_RQ_INFO = {"RQ_CONFIG", "RQ_QUEUE_CLASS"}


def keda_schema(kind: str) -> dict[str, Any]:
    """The schema of a kind as in its CRD, whole; fields that it does not name are refused."""
    models = import_module("cloudcoil.models.keda.v1alpha1")  # here, since each process of pytest imports this module
    schema: dict[str, Any] = vars(models)[kind].model_json_schema(by_alias=True)
    refuse_unknown_fields(schema)
    return schema


@cache
def keda_validators(kind: str) -> tuple[Any, Any]:
    """Of an object and of its spec. They are kept, since to check their schemas takes 0.1 s of CPU."""
    whole, limits = keda_schema(kind), KEDA_LIMITS[kind]
    for schema in (whole, limits):
        Draft202012Validator.check_schema(schema)
    return Draft202012Validator(whole), Draft202012Validator(limits)


def refuse_unknown_fields(node: Any) -> None:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        refuse_unknown_fields(child)
    if isinstance(node, dict) and "properties" in node:
        node.setdefault("additionalProperties", False)


def validate(manifest: Manifest, version: str) -> None:
    """Raises an error if the object has an unknown kind or field, or a value of another type."""
    if manifest["apiVersion"] == "keda.sh/v1alpha1":
        whole, limits = keda_validators(manifest["kind"])
        whole.validate(manifest)
        limits.validate(manifest["spec"])
    else:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", ["hpa", "example"])  # base and keda are parts of them
def test_every_object_is_valid(overlay: str, version: str) -> None:
    for manifest in render(overlay):
        validate(manifest, version)


def test_the_pod_to_copy_files_is_valid() -> None:
    validate(yaml.safe_load((FOLDER / "example" / "data-pod.yaml").read_text()), VERSIONS[-1])


def changed(manifest: Manifest, **fields: Any) -> Manifest:
    return {**manifest, **fields}


def test_an_unknown_kind_field_or_type_is_an_error() -> None:
    manifests = render("keda")
    worker, scaled = find(manifests, "Deployment", "worker"), find(manifests, "ScaledObject", "worker")
    for wrong, error in (
        (changed(worker, kind="Deploiment"), kubernetes_validate.SchemaNotFoundError),
        (changed(worker, apiVersion="apps/v2"), kubernetes_validate.SchemaNotFoundError),
        (changed(worker, spec={**worker["spec"], "replica": 2}), kubernetes_validate.ValidationError),
        (changed(worker, spec={**worker["spec"], "replicas": "2"}), kubernetes_validate.ValidationError),
        (changed(scaled, kind="ScaledObjekt"), KeyError),
        (changed(scaled, apiVersion="keda.sh/v1"), kubernetes_validate.SchemaNotFoundError),
        (changed(scaled, spec={**scaled["spec"], "coolDownPeriod": 2}), ValidationError),
        (changed(scaled, spec={**scaled["spec"], "minReplicaCount": -1}), ValidationError),
        (changed(scaled, metadata={"name": "worker"}, specs={}), ValidationError),
    ):
        with pytest.raises(error):
            validate(wrong, VERSIONS[-1])


def test_pods_run_as_an_ordinary_user_without_token_capabilities_or_a_writable_root() -> None:
    manifests = render("example")
    assert find(manifests, "ServiceAccount", "pipeline")["automountServiceAccountToken"] is False
    for name, template in pod_specs(manifests):
        pod = template["spec"]
        assert pod["serviceAccountName"] == "pipeline", name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["terminationGracePeriodSeconds"] > STOP_TIME, name
        assert pod["shareProcessNamespace"] is True, name  # else Python is process 1, and deaf at first
    for container in containers(manifests).values():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {*container["resources"]["requests"]} == {"cpu", "memory"}
        assert {*container["resources"]["limits"]} == {"memory"}
    assert {*containers(manifests)} == STAGES


def test_each_variable_is_a_setting_or_a_part_of_one() -> None:
    manifests = render("example")
    parts = set(REFERENCE.findall(yaml.safe_dump(manifests)))
    names = {entry["name"] for container in containers(manifests).values() for entry in container["env"]}
    names |= {*settings(manifests)}
    assert {name for name in names - parts - OF_RQ_INFO if not re.search(rf"\b{name}\b", DOCUMENTED)} == set()
    assert parts <= {*settings(manifests)}


def test_each_stage_has_its_own_role_and_no_password_but_its_own() -> None:
    manifests = render("example")
    passwords = {key: key for key in find(manifests, "Secret", "pipeline-passwords")["data"]}
    held, roles = {}, {}
    for name, container in containers(manifests).items():
        variables = environment(container, settings(manifests), passwords)
        held[name] = {value for value in variables.values() if value in passwords}
        roles[name] = urlsplit(variables["DATABASE_URL"]).username
    of_stage = {"STAGE_PASSWORD", "REDIS_PASSWORD"}
    assert held == {
        "schema": {"OWNER_PASSWORD", "STAGE_PASSWORD"},
        "producer": of_stage,
        "exporter": of_stage,
        "worker": of_stage,
        "monitor": {*of_stage, "MONITOR_PASSWORD"},
    }
    assert roles == {"schema": "pipeline"} | {name: f"pipeline_{name}" for name in STAGES - {"schema"}}


def test_the_stages_reach_their_servers_and_nothing_else() -> None:
    manifests = render("example")
    variables = settings(manifests)
    postgresql, redis, dns = int(variables["DATABASE_PORT"]), urlsplit(variables["REDIS_URL"]).port, 53
    monitor = containers(manifests)["monitor"]["ports"][0]["containerPort"]
    reached, opened = {}, {}
    for name, template in pod_specs(manifests):
        policies = [each["spec"] for each in manifests if each["kind"] == "NetworkPolicy" and selects(each, template)]
        assert {policy for each in policies for policy in each["policyTypes"]} == {"Ingress", "Egress"}
        reached[name] = {port["port"] for each in policies for rule in each.get("egress", ()) for port in rule["ports"]}
        opened[name] = {port["port"] for each in policies for rule in each.get("ingress", ()) for port in rule["ports"]}
    both = {dns, postgresql, redis}
    assert reached == {"schema": {dns, postgresql}, "load": both, "worker": both, "monitor": both}
    assert opened == {"schema": set(), "load": set(), "worker": set(), "monitor": {monitor}}


def selects(policy: Manifest, template: Manifest) -> bool:
    labels, selector = template["metadata"]["labels"], policy["spec"]["podSelector"]
    return selector["matchLabels"].items() <= labels.items() and all(
        labels[each["key"]] in each["values"] for each in selector.get("matchExpressions", ())
    )


def test_names_that_refer_to_each_other_agree() -> None:
    manifests = render("example")
    templates = dict(pod_specs(manifests))
    service = find(manifests, "Service", "monitor")["spec"]
    assert service["selector"].items() <= templates["monitor"]["metadata"]["labels"].items()
    assert {port["targetPort"] for port in service["ports"]} == {"http"}
    budget = find(manifests, "PodDisruptionBudget", "worker")["spec"]["selector"]["matchLabels"]
    assert budget.items() <= templates["worker"]["metadata"]["labels"].items()
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for template in templates.values()
        for volume in template["spec"].get("volumes", ())
        if "persistentVolumeClaim" in volume
    }
    assert claims == {find(manifests, "PersistentVolumeClaim", "pipeline-data")["metadata"]["name"]}
    authentication = find(manifests, "TriggerAuthentication", "pipeline-ledger")["spec"]
    assert {entry["name"] for entry in authentication["env"]} <= {*settings(manifests)}
    assert {entry["containerName"] for entry in authentication["env"]} == {"worker"}
    secret = find(manifests, "Secret", "pipeline-passwords")["data"]
    assert {entry["key"] for entry in authentication["secretTargetRef"]} <= {*secret}


@pytest.mark.parametrize(("overlay", "kind"), [("hpa", "HorizontalPodAutoscaler"), ("keda", "ScaledObject")])
def test_only_the_autoscaler_sets_the_number_of_workers(overlay: str, kind: str) -> None:
    manifests = render(overlay)
    assert "replicas" not in find(manifests, "Deployment", "worker")["spec"]
    assert find(manifests, kind, "worker")["spec"]["scaleTargetRef"]["name"] == "worker"


def test_the_objects_are_of_no_namespace_until_one_is_chosen() -> None:
    for overlay in OVERLAYS:
        namespaces = {manifest["metadata"].get("namespace") for manifest in render(overlay)}
        assert namespaces == ({"pipeline"} if overlay == "example" else {None})


def test_all_stages_run_the_one_image_that_the_example_names() -> None:
    assert {container["image"] for container in containers(render("base")).values()} == {"csv-pipeline"}
    named = {container["image"] for container in containers(render("example")).values()}
    assert named == {f"registry.example/csv-pipeline:{__version__}"}


def test_no_password_is_kept_in_the_repository() -> None:
    assert "secrets.env" in (PROJECT / ".gitignore").read_text().splitlines()
    for overlay in OVERLAYS:
        has_secret = "Secret" in {manifest["kind"] for manifest in render(overlay)}
        assert has_secret == (overlay == "example")
