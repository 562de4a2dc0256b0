"""The manifests pass the check, and hold what it cannot ask (what it fails on: test_spoiled_manifests)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from cluster.checks import network, ray, references, rendering, rules, schema
from cluster.checks.__main__ import main, problems
from cluster.checks.pods import of, pods
from cluster.checks.rendering import CLUSTER, ROOT, Document, Rendering
from cluster.schemas.make import compact, shared
from tests.cluster.rendered import (
    JOB,
    OVERLAYS,
    SERVICE,
    needs_kustomize,
    rendered,
    the,
)


@needs_kustomize
@pytest.mark.parametrize("name", OVERLAYS)
def test_nothing_is_wrong_with_an_overlay(name: str) -> None:
    assert list(problems(rendered(name))) == []


@needs_kustomize
def test_the_whole_check_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    status = main([])
    said = capsys.readouterr()
    assert status == 0, said.err
    assert all(f"{name}: " in said.out for name in OVERLAYS)


def test_without_kubectl_the_plain_files_are_checked_and_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rendering, "kustomize", lambda: None)
    assert main([]) == 0, capsys.readouterr().err
    assert "neither kubectl nor kustomize" in capsys.readouterr().out


def test_defaults_of_the_schema_count_as_given() -> None:
    (job,) = rendering.documents((CLUSTER / "base/synthesize/rayjob.yaml").read_text())
    for name in ("replicas", "minReplicas", "maxReplicas"):
        for each in job["spec"]["rayClusterSpec"]["workerGroupSpecs"]:
            each.pop(name)
    assert list(schema.problems(job)) == []
    whole = schema.defaulted(job, schema._ray_schemas()["RayJob"])
    assert whole["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["maxReplicas"] == 2**31 - 1
    assert "maxReplicas" not in job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]


def test_shared_parts_of_a_schema_say_the_same() -> None:
    text = {
        "description": "long",
        "properties": {f"field{i}": {"type": "string"} for i in range(9)},
        "type": "object",
    }
    whole = {
        "properties": {
            "description": {"type": "string"},  # a field of this name is no remark
            "a": text,
            "b": {"items": text, "type": "array"},
        }
    }
    small = shared({"Kind": compact(whole)})

    def expanded(part: Any) -> Any:
        if isinstance(part, dict) and "$ref" in part:
            return expanded(small["$defs"][part["$ref"].rpartition("/")[2]])
        if isinstance(part, dict):
            return {key: expanded(value) for key, value in part.items()}
        return part

    assert len(small["$defs"]) == 1
    assert expanded(small["Kind"]) == compact(whole)
    assert "description" in small["Kind"]["properties"]
    assert "description" not in json.dumps(small["$defs"])


@needs_kustomize
def test_custom_resources_come_through_a_shell() -> None:
    (loops,) = [pod for pod in pods(rendered("gpu")) if pod.labels.get("codeseq/role") == "loops"]
    command = f"printf %s --resources={loops.start['resources']}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.removeprefix("--resources=")) == {"loops": 4} == ray.custom_resources(loops)


@needs_kustomize
def test_serve_takes_the_app_of_the_rayservice() -> None:
    config = yaml.safe_load(the(rendered("gpu"), SERVICE)["spec"]["serveConfigV2"])
    accepted = ServeDeploySchema.model_validate(config)
    assert accepted.http_options.host == "0.0.0.0"
    least = [
        each["deployment_config"]["autoscaling_config"]["min_replicas"]
        for each in config["applications"][0]["args"]["llm_configs"]
    ]
    assert least == [0, 0]


@needs_kustomize
def test_the_jobs_read_their_settings_as_they_are_mounted() -> None:
    for name, agents, limit in (("trial", "builtin", 3), ("gpu", "llm", 42)):
        found = rendered(name)
        settings = ray.job_settings(found, the(found, JOB))
        assert (settings.agents, settings.cluster_cpus, settings.loop_resource) == (agents, limit, "loops")
        assert settings.wait_for_run


def _labels(found: Rendering, role: str, cluster: str | None = None) -> dict[str, str]:
    return next(
        pod.labels
        for pod in pods(found)
        if pod.labels["codeseq/role"] == role and cluster in (None, pod.labels.get("codeseq/cluster"))
    )


@needs_kustomize
@pytest.mark.parametrize(
    ("name", "source", "target", "port", "open_"),
    [
        ("gpu", ("sandboxes", "synthesize"), ("head", "synthesize"), 6379, True),
        ("gpu", ("sandboxes", "synthesize"), ("loops", "synthesize"), 31234, True),
        ("gpu", ("sandboxes", "synthesize"), ("front", "models"), 8000, False),
        ("gpu", ("sandboxes", "synthesize"), ("engine", "models"), 8000, False),
        ("gpu", ("sandboxes", "synthesize"), ("head", "models"), 8265, False),
        ("gpu", ("loops", "synthesize"), ("front", "models"), 8000, True),
        ("gpu", ("loops", "synthesize"), ("engine", "models"), 8000, True),
        ("gpu", ("loops", "synthesize"), ("engine", "models"), 22, False),
        ("gpu", ("head", "synthesize"), ("front", "models"), 8000, True),
        ("gpu", ("head", "synthesize"), ("head", "models"), 8265, False),
        ("gpu", ("submitter", "synthesize"), ("head", "synthesize"), 8265, True),
        ("gpu", ("submitter", "synthesize"), ("head", "synthesize"), 6379, False),
        ("gpu", ("submitter", "synthesize"), ("sandboxes", "synthesize"), 8265, False),
        ("gpu", ("submitter", "synthesize"), ("front", "models"), 8000, False),
        ("gpu", ("engine", "models"), ("sandboxes", "synthesize"), 6379, False),
        ("gpu", ("engine", "models"), ("head", "models"), 6379, True),
        ("trial", ("sandboxes", "synthesize"), ("store", None), 8333, True),
        ("trial", ("sandboxes", "synthesize"), ("store", None), 8888, False),
        ("trial", ("submitter", "synthesize"), ("store", None), 8333, False),
        ("trial", ("store", None), ("head", "synthesize"), 8265, False),
    ],
)
def test_who_reaches_whom(
    name: str, source: tuple[str, str], target: tuple[str, str | None], port: int, open_: bool
) -> None:
    found = rendered(name)
    assert network.allowed(found, _labels(found, *source), _labels(found, *target), port) is open_


@needs_kustomize
@pytest.mark.parametrize("name", OVERLAYS)
def test_no_secret_is_in_what_is_committed(name: str) -> None:
    assert not list(rendered(name).of_kind("Secret"))
    for secret in rendering.documents(rendering.EXAMPLE.read_text()):
        for key, value in secret["stringData"].items():
            assert value == "CHANGE-ME" or key in ("AWS_REGION", "AWS_ENDPOINT_URL")
    assert "secrets.yaml" in (ROOT / ".gitignore").read_text().split()


@needs_kustomize
def test_only_the_driver_has_the_keys_of_the_models() -> None:
    having = {
        pod.part
        for pod in pods(rendered("gpu"))
        for _, _, name, _ in references.references(pod)
        if name == "codeseq-endpoint-keys"
    }
    assert having == {"head"}


@needs_kustomize
@pytest.mark.parametrize("base", ["namespace", "synthesize", "models", "interactive"])
def test_a_base_alone_closes_no_other_namespace(base: str) -> None:
    found = rendering.render(CLUSTER / "base" / base)
    assert found.documents
    assert {d["metadata"].get("namespace", "codeseq") for d in found.documents} == {"codeseq"}
    assert all("namespace" in d["metadata"] for d in found.documents if d["kind"] != "Namespace")


@needs_kustomize
def test_another_namespace_is_one_line(tmp_path: Path) -> None:
    relative = os.path.relpath(CLUSTER / "overlays" / "gpu", tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(f"namespace: other\nresources: [{relative}]\n")
    found = rendering.render(tmp_path)
    assert list(problems(found)) == []
    assert the(found, "Namespace")["metadata"]["name"] == "other"


@needs_kustomize
def test_the_same_object_is_the_same_in_every_overlay() -> None:
    # They may lie in one namespace: applying one must not change what another has put there.
    seen: dict[tuple[str, str], Document] = {}
    for name in ("trial", "interactive"):
        for document in rendered(name).documents:
            key = (document["kind"], document["metadata"]["name"])
            assert seen.setdefault(key, document) == document, key


def test_every_rule_speaks_of_a_pod_by_its_place() -> None:
    (service,) = rendering.documents((CLUSTER / "base/models/rayservice.yaml").read_text())
    bare = Rendering("bare", (service,))
    for pod in of(service):
        pod.spec.pop("securityContext")
    told = list(rules.problems(bare))
    assert told
    assert all(problem.startswith("RayService/codeseq-models, ") for problem in told)
