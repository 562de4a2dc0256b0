"""The manifests pass the check, and the check fails on each thing that it is for."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from cluster.checks import network, ray, references, rendering, rules, schema
from cluster.checks.__main__ import main, problems
from cluster.checks.pods import of, pods, ray_cluster
from cluster.checks.rendering import CLUSTER, ROOT, Document, Rendering
from cluster.schemas.make import compact, shared
from tests.cluster.rendered import (
    CLUSTER_KIND,
    JOB,
    OVERLAYS,
    SERVICE,
    container,
    group,
    needs_kustomize,
    pod_spec,
    rendered,
    the,
    untouched,
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


def _set(kind: str, change: Callable[[Document], Any]) -> Callable[[Rendering], Any]:
    return lambda found: change(the(found, kind))


def _drop(kind: str, name: str) -> Callable[[Rendering], Rendering]:
    def without(found: Rendering) -> Rendering:
        left = [d for d in found.documents if (d["kind"], d["metadata"]["name"]) != (kind, name)]
        assert len(left) == len(found.documents) - 1
        return Rendering(found.name, tuple(left))

    return without


def _edit_settings(old: str, new: str) -> Callable[[Rendering], Any]:
    def edit(found: Rendering) -> None:
        data = the(found, "ConfigMap")["data"]
        assert old in data["synthesize.yaml"]
        data["synthesize.yaml"] = data["synthesize.yaml"].replace(old, new)

    return edit


SPOILED: dict[str, tuple[str, Callable[[Rendering], Any], str]] = {
    # What the API server would refuse.
    "an unknown field of a Ray kind": (
        "trial",
        _set(JOB, lambda d: d["spec"].update(retries=3)),
        r"RayJob/.*'retries' was unexpected",
    ),
    "an unknown field deep in a pod of Ray": (
        "gpu",
        _set(SERVICE, lambda d: container(d, "front").update(resource={})),
        r"RayService/.*'resource' was unexpected",
    ),
    "an unknown field of a built-in kind": (
        "trial",
        _set("Deployment", lambda d: d["spec"].update(replica=1)),
        r"Deployment/store.*'replica' was unexpected",
    ),
    "a wrong type in a Ray kind": (
        "trial",
        _set(JOB, lambda d: d["spec"].update(backoffLimit="5")),
        r"backoffLimit: '5' is not of type 'integer'",
    ),
    "a parameter of ray start that is no text": (
        "trial",
        _set(JOB, lambda d: group(d, "sandboxes")["rayStartParams"].update(memory=1073741824)),
        r"memory: 1073741824 is not of type 'string'",
    ),
    "a wrong type in a built-in kind": (
        "trial",
        _set("Service", lambda d: d["spec"]["ports"][0].update(port="8333")),
        r"Service/store.*'8333' is not of type",
    ),
    "a value outside an enumeration": (
        "gpu",
        _set(SERVICE, lambda d: ray_cluster(d)["autoscalerOptions"].update(version="v3")),  # type: ignore[index]
        r"'v3' is not one of",
    ),
    "an amount that is none": (
        "trial",
        _set(JOB, lambda d: container(d, "loops")["resources"]["limits"].update(memory="4 GiB")),
        r"memory: '4 GiB'",
    ),
    "two variables of one name": (
        "trial",
        _set(JOB, lambda d: container(d, "loops")["env"].append({"name": "HOME", "value": "/"})),
        r"env\[\d\]: a second entry with \{'name': 'HOME'\}",
    ),
    "a kind that nobody knows": (
        "trial",
        _set("Service", lambda d: d.update(kind="Servise")),
        r"has no v1 Servise",
    ),
    # House rules for pods.
    "no limits": (
        "trial",
        _set(JOB, lambda d: container(d, "loops")["resources"].pop("limits")),
        r"group loops, container ray-worker: resources.limits.memory is missing",
    ),
    "no requests of the autoscaler": (
        "trial",
        _set(JOB, lambda d: ray_cluster(d)["autoscalerOptions"].pop("resources")),  # type: ignore[index]
        r"container autoscaler: resources.requests.cpu is missing",
    ),
    "requests above limits": (
        "trial",
        _set(JOB, lambda d: container(d, "loops")["resources"]["requests"].update(memory="9Gi")),
        r"requests 9Gi memory above the limit 2Gi",
    ),
    "the tag latest": (
        "trial",
        _set(
            "Deployment", lambda d: d["spec"]["template"]["spec"]["containers"][0].update(image="a/b:latest")
        ),
        r"image 'a/b:latest'",
    ),
    "no tag": (
        "gpu",
        _set(JOB, lambda d: container(d, "head").update(image="registry:5000/codeseq-ray")),
        r"image 'registry:5000/codeseq-ray' has no tag",
    ),
    "a tag that moves": (
        "gpu",
        _set(JOB, lambda d: container(d, "head").update(image="codeseq-ray:main")),
        r"tag 'main' is no fixed version",
    ),
    "a privileged container": (
        "trial",
        _set(JOB, lambda d: container(d, "sandboxes").update(securityContext={"privileged": True})),
        r"privileged takes every wall down",
    ),
    "root": (
        "gpu",
        _set(JOB, lambda d: pod_spec(d, "sandboxes").update(securityContext={"runAsUser": 0})),
        r"group sandboxes: securityContext.runAsUser is 0",
    ),
    "a capability": (
        "trial",
        _set(
            "Deployment",
            lambda d: d["spec"]["template"]["spec"]["containers"][0]["securityContext"].update(
                capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}
            ),
        ),
        r"securityContext.capabilities",
    ),
    "an init container that may write": (
        "gpu",
        _set(
            JOB,
            lambda d: pod_spec(d, "loops")["initContainers"][0]["securityContext"].pop(
                "readOnlyRootFilesystem"
            ),
        ),
        r"container input: securityContext.readOnlyRootFilesystem is None",
    ),
    "the node's disk": (
        "trial",
        _set(JOB, lambda d: pod_spec(d, "loops")["volumes"].append({"name": "x", "hostPath": {"path": "/"}})),
        r"volume x is the node's /",
    ),
    "the node's network": (
        "trial",
        _set(JOB, lambda d: pod_spec(d, "head").update(hostNetwork=True)),
        r"hostNetwork opens the node",
    ),
    "variables of services": (
        "trial",
        _set(JOB, lambda d: pod_spec(d, "head").pop("enableServiceLinks")),
        r"head: enableServiceLinks has to be false",
    ),
    "a token for a worker": (
        "trial",
        _set(JOB, lambda d: pod_spec(d, "sandboxes").pop("automountServiceAccountToken")),
        r"group sandboxes: automountServiceAccountToken has to be false",
    ),
    "no token for the autoscaler": (
        "trial",
        _set(JOB, lambda d: pod_spec(d, "head").update(automountServiceAccountToken=False)),
        r"head: the autoscaler needs the token",
    ),
    "a service account without token for the autoscaler": (
        "trial",
        _set(JOB, lambda d: pod_spec(d, "head").update(serviceAccountName="codeseq")),
        r"head: the autoscaler needs a token, and ServiceAccount codeseq gives none",
    ),
    "a label by which KubeRay finds its head": (
        "trial",
        _set(
            JOB,
            lambda d: ray_cluster(d)["headGroupSpec"]["template"]["metadata"]["labels"].update(  # type: ignore[index]
                {"app.kubernetes.io/name": "codeseq"}
            ),
        ),
        r"app.kubernetes.io/name is KubeRay's",
    ),
    # References.
    "a secret that nobody brings": (
        "trial",
        _set(JOB, lambda d: container(d, "head")["envFrom"][0]["secretRef"].update(name="codeseq-s4")),
        r"Secret codeseq-s4 is neither here nor",
    ),
    "a key that the secret has not": (
        "trial",
        _set(JOB, lambda d: container(d, "head")["env"][3]["valueFrom"]["secretKeyRef"].update(key="KEY")),
        r"Secret codeseq-endpoint-keys has no KEY",
    ),
    "no settings": (
        "trial",
        _drop("ConfigMap", "codeseq-synthesize"),
        r"ConfigMap codeseq-synthesize is neither",
    ),
    "no service account": (
        "trial",
        _drop("ServiceAccount", "codeseq"),
        r"ServiceAccount codeseq is not here",
    ),
    "a volume that is not declared": (
        "trial",
        _set(JOB, lambda d: pod_spec(d, "loops")["volumes"].pop(1)),
        r"group loops: volume tmp is mounted and nowhere declared",
    ),
    "another namespace": (
        "trial",
        _set(JOB, lambda d: d["metadata"].update(namespace="default")),
        r"namespace default is not made here",
    ),
    # Networks.
    "an open network": (
        "trial",
        _drop("NetworkPolicy", "default-deny"),
        r"no NetworkPolicy denies everything",
    ),
    "a policy for nobody": (
        "trial",
        lambda found: the(found, "NetworkPolicy", "store")["spec"].update(
            podSelector={"matchLabels": {"codeseq/role": "shop"}}
        ),
        r"NetworkPolicy/store: podSelector meets no pod",
    ),
    "a peer that is nobody": (
        "trial",
        lambda found: the(found, "NetworkPolicy", "synthesize-head")["spec"]["ingress"][0]["from"][0].update(
            podSelector={"matchLabels": {"codeseq/role": "submiter"}}
        ),
        r"NetworkPolicy/synthesize-head: ingress.from meets no pod",
    ),
    "programs that reach the models": (
        "gpu",
        lambda found: [
            the(found, "NetworkPolicy", name)["spec"].update(change)
            for name, change in {
                "models-asked": {"podSelector": {}},
                "models-requests": {"ingress": [{"ports": [{"port": 8000, "protocol": "TCP"}]}]},
            }.items()
        ],
        r"where programs run may reach RayService/codeseq-models, group (front|generator), port 8000",
    ),
    "a budget in per cent": (
        "trial",
        _set("PodDisruptionBudget", lambda d: d["spec"].update(minAvailable="50%")),
        r"only minAvailable as a number",
    ),
    # Ray and the jobs.
    "resources in a quoting that not all can read": (
        "trial",
        _set(JOB, lambda d: group(d, "loops")["rayStartParams"].update(resources='"{\\"loops\\": 4}"')),
        r"JSON in single quotes",
    ),
    "resources without quotes": (
        "trial",
        _set(JOB, lambda d: group(d, "loops")["rayStartParams"].update(resources='{"loops": 4}')),
        r"JSON in single quotes",
    ),
    "work on the head": (
        "gpu",
        _set(SERVICE, lambda d: ray_cluster(d)["headGroupSpec"]["rayStartParams"].pop("num-cpus")),  # type: ignore[index]
        r'num-cpus has to be "0"',
    ),
    "another version of Ray": (
        "gpu",
        _set(SERVICE, lambda d: ray_cluster(d).update(rayVersion="2.59.0")),  # type: ignore[union-attr]
        r"rayVersion 2.59.0, and constraints.txt has",
    ),
    "a dashboard for everybody": (
        "trial",
        _set(JOB, lambda d: ray_cluster(d).pop("authOptions")),  # type: ignore[union-attr]
        r"authOptions.mode has to be token",
    ),
    "more memory given out than there is": (
        "trial",
        _set(JOB, lambda d: group(d, "sandboxes")["rayStartParams"].update(memory="2147483648")),
        r"more than the limit leaves",
    ),
    "an object store that /dev/shm does not hold": (
        "trial",
        _set(
            JOB, lambda d: group(d, "loops")["rayStartParams"].update({"object-store-memory": "1073741824"})
        ),
        r"/dev/shm has to be larger",
    ),
    "a cluster of another size than the job thinks": (
        "gpu",
        _set(JOB, lambda d: group(d, "sandboxes").update(maxReplicas=20)),
        r"cluster_cpus is 42, and the groups may reach",
    ),
    "loop actors that no node takes": (
        "trial",
        _set(JOB, lambda d: group(d, "loops")["rayStartParams"].pop("resources")),
        r"loop_resource loops: no group has it",
    ),
    "a head that is killed while it stops": (
        "trial",
        _set(JOB, lambda d: pod_spec(d, "head").update(terminationGracePeriodSeconds=30)),
        r"terminationGracePeriodSeconds \(30 s\) has to be longer",
    ),
    "a setting that is none": ("trial", _edit_settings("agents:", "agent:"), r"unknown settings agent"),
    "a setting with a wrong value": ("gpu", _edit_settings("agents: llm", "agents: lmm"), r"--agents"),
    "a run without a name": (
        "trial",
        _set(
            JOB, lambda d: d["spec"].update(entrypoint=d["spec"]["entrypoint"].replace(" --run-id trial", ""))
        ),
        r"without --run-id",
    ),
    "a job that is not in the image": (
        "trial",
        _set(JOB, lambda d: d["spec"].update(entrypoint="python /opt/codeseq-ray/jobs/synthesise.py")),
        r"synthesise.py is not in the image",
    ),
    "an output on one pod's disk": (
        "trial",
        _edit_settings("s3://codeseq/runs", "/tmp/runs"),
        r"no disk in common",
    ),
    "models that are not there": (
        "gpu",
        _drop(SERVICE, "codeseq-models"),
        r"codeseq-models-serve-svc.*no such service",
    ),
    "a variable with our prefix that is no setting": (
        "interactive",
        _set(
            CLUSTER_KIND,
            lambda d: container(d, "head")["env"].append({"name": "CODESEQ_LOOPS", "value": "1"}),
        ),
        r"variable CODESEQ_LOOPS is no setting",
    ),
    "an app that is not what its flags write": (
        "gpu",
        _set(
            SERVICE,
            lambda d: d["spec"].update(serveConfigV2=d["spec"]["serveConfigV2"].replace("16384", "8192")),
        ),
        r"serveConfigV2 is not what",
    ),
    "too few GPUs for the most replicas": (
        "gpu",
        _set(SERVICE, lambda d: group(d, "verifier").update(maxReplicas=1)),
        r"the most replicas need 8 GPUs",
    ),
    "a replica that no node holds": (
        "gpu",
        _set(
            SERVICE,
            lambda d: [
                container(d, "generator")["resources"][side].update({"nvidia.com/gpu": "1"})
                for side in ("requests", "limits")
            ],
        ),
        r"generator needs 2 GPUs on one node",
    ),
}


@needs_kustomize
@pytest.mark.parametrize("what", SPOILED)
def test_the_check_fails_on(what: str) -> None:
    name, spoil, said = SPOILED[what]
    found = rendered(name)
    changed = spoil(found)
    found = changed if isinstance(changed, Rendering) else found
    assert found.documents != untouched(name).documents, "the test spoils nothing"
    told = list(problems(found))
    assert any(re.search(said, problem) for problem in told), told


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
