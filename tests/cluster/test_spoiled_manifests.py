"""The check fails on each thing that it is for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from cluster.checks.__main__ import problems
from cluster.checks.pods import ray_cluster
from cluster.checks.rendering import Document, Rendering
from tests.cluster.rendered import (
    CLUSTER_KIND,
    JOB,
    SERVICE,
    container,
    group,
    needs_kustomize,
    pod_spec,
    rendered,
    the,
    untouched,
)


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
