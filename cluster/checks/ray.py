"""What KubeRay, Ray's autoscaler and the jobs take for granted of each other."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from cluster.checks.pods import Pod, of, quantity, ray_cluster
from cluster.checks.rendering import ROOT, Document, Rendering, named
from codeseq_ray.errors import UsageError
from codeseq_ray.serving.config import serve_config
from codeseq_ray.serving.settings import ServingSettings, models
from codeseq_ray.settings import NOT_SETTINGS, PREFIX, SCHEMAS, Settings, load

LONGEST_NAME = 47
"""Of a RayJob or RayService: KubeRay appends to it, and a service's name has 63 characters at most."""
RAYS_OWN = 500 * 2**20
"""What Ray sets aside for its own processes on a node, unless it is told otherwise."""
IMAGE_FOLDER = "/opt/codeseq-ray/"
FLAGS = "codeseq/serving"
"""The annotation of a RayService with the flags that its serveConfigV2 is written by."""


def problems(rendering: Rendering) -> Iterator[str]:
    for document in rendering.documents:
        cluster = ray_cluster(document)
        if cluster is None:
            continue
        where = named(document)
        yield from (f"{where}: {problem}" for problem in _cluster_problems(document, cluster))
        for pod in of(document):
            if pod.part in ("head", "worker"):
                yield from (f"{pod.where}: {problem}" for problem in _start_problems(pod))
                yield from (f"{pod.where}: {problem}" for problem in _variable_problems(pod))
        if document["kind"] == "RayService":
            yield from (f"{where}: {problem}" for problem in _serving_problems(document))
        if document["kind"] == "RayJob" and rendering.complete:
            yield from (f"{where}: {problem}" for problem in _job_problems(rendering, document))
        elif document["kind"] == "RayCluster":
            yield from (
                f"{where}: {problem}" for problem in _size_problems(document, _told_to_jobs(document))
            )


def _cluster_problems(document: Document, cluster: dict[str, Any]) -> Iterator[str]:
    """What the operator refuses after the API server has taken it, and the versions that belong together."""
    name = document["metadata"]["name"]
    if not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name) or len(name) > LONGEST_NAME:
        yield f"the name has to be a DNS label of at most {LONGEST_NAME} characters"
    (pinned,) = re.findall(
        r"^ray==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    if cluster.get("rayVersion") != pinned:
        yield f"rayVersion {cluster.get('rayVersion')}, and constraints.txt has ray=={pinned}"
    if cluster.get("authOptions", {}).get("mode") != "token":
        yield "authOptions.mode has to be token: else who reaches the dashboard runs what he likes"
    if cluster.get("enableInTreeAutoscaling") and cluster.get("autoscalerOptions", {}).get("version") != "v2":
        yield "autoscalerOptions.version has to be v2"
    head = cluster.get("headGroupSpec", {})
    if head.get("rayStartParams", {}).get("num-cpus") != "0":
        yield 'head: num-cpus has to be "0", or work is put beside the scheduler'
    groups = cluster.get("workerGroupSpecs", [])
    names = [group.get("groupName") for group in groups]
    if len(set(names)) < len(names):
        yield f"two worker groups of one name: {names}"
    for group in groups:
        if group.get("minReplicas", 0) > group.get("maxReplicas", 0):
            yield f"group {group.get('groupName')}: minReplicas above maxReplicas"
    for group in (head, *groups):
        if group.get("template", {}).get("spec", {}).get("restartPolicy", "Never") != "Never":
            yield f"group {group.get('groupName', 'head')}: restartPolicy has to be Never with autoscaler v2"
    spec = document["spec"]
    if spec.get("ttlSecondsAfterFinished") and not spec.get("shutdownAfterJobFinishes"):
        yield "ttlSecondsAfterFinished needs shutdownAfterJobFinishes"


def custom_resources(pod: Pod) -> dict[str, int]:
    """Resources of our own that `ray start` is given. Raises ValueError where somebody could not read them.

    The text goes through a shell; Ray's autoscaler drops its first and last character, the operator its quotes, and
    both read JSON.
    """
    text = pod.start.get("resources")
    if text is None:
        return {}
    words = shlex.split(text)
    if len(words) != 1 or text[0] not in "'\"" or text[-1] != text[0] or "\\" in text:
        raise ValueError(f"""resources {text}: write "'{{\\"name\\": 1}}'": JSON in single quotes""")
    found = json.loads(words[0])
    if json.loads(text[1:-1]) != found or not all(isinstance(amount, int) for amount in found.values()):
        raise ValueError(f"resources {text}: whole numbers by name")
    return dict(found)


def _start_problems(pod: Pod) -> Iterator[str]:
    try:
        custom_resources(pod)
    except ValueError as error:
        yield str(error)
    limit = quantity(pod.main.get("resources", {}).get("limits", {}).get("memory", 0))
    store = int(pod.start.get("object-store-memory", 0))
    shm = [volume for volume in pod.spec.get("volumes", []) if volume.get("name") == "shm"]
    if not store:
        yield "object-store-memory is not set: Ray would take 30 % of the memory"
    elif not shm or quantity(shm[0]["emptyDir"].get("sizeLimit", 0)) <= store:
        yield f"/dev/shm has to be larger than the object store ({store >> 20} MiB)"
    given = int(pod.start.get("memory", 0))
    if given and given + store + RAYS_OWN > limit:
        yield f"Ray gives out {given >> 20} MiB beside {store >> 20} of objects: more than the limit leaves"


def _variable_problems(pod: Pod) -> Iterator[str]:
    settings = {PREFIX + name.upper() for schema in SCHEMAS for name in schema.model_fields} | NOT_SETTINGS
    for _, container in pod.containers():
        for variable in container.get("env", []):
            name = variable.get("name", "")
            if name.startswith(PREFIX) and name not in settings:
                yield f"variable {name} is no setting of a job: it would refuse to start"


def _told_to_jobs(document: Document) -> dict[str, str]:
    """Settings by the environment of the head, where drivers run."""
    (head,) = [pod for pod in of(document) if pod.part == "head"]
    variables = head.main.get("env", [])
    return {
        each["name"].removeprefix(PREFIX).lower(): str(each["value"])
        for each in variables
        if each.get("name", "").startswith(PREFIX) and "value" in each
    }


def _size_problems(document: Document, told: dict[str, Any]) -> Iterator[str]:
    """What the job is told of the cluster, against what the cluster can be."""
    cpus = 0.0
    resources: dict[str, int] = {}
    for pod in of(document):
        if pod.part != "worker":
            continue
        most = pod.group.get("maxReplicas", 0)
        limit = pod.main.get("resources", {}).get("limits", {}).get("cpu", 0)
        cpus += most * float(pod.start.get("num-cpus", -(-quantity(limit) // 1)))
        try:
            resources |= {name: amount * most for name, amount in custom_resources(pod).items()}
        except ValueError:
            continue  # said elsewhere
    if float(told.get("cluster_cpus") or 0) != cpus:
        yield f"cluster_cpus is {told.get('cluster_cpus')}, and the groups may reach {cpus:g}"
    wanted = told.get("loop_resource")
    if wanted not in resources:
        yield f"loop_resource {wanted}: no group has it; loop actors would wait for ever"
    elif resources[wanted] < int(told.get("loop_actors_max") or 1):
        yield f"loop_actors_max {told['loop_actors_max']}: the groups have {resources[wanted]} {wanted}"
    yield from _grace_problems(document, float(told.get("grace_seconds") or 0))


def _grace_problems(document: Document, grace: float) -> Iterator[str]:
    """Each has to wait longer than what it waits for."""
    (head,) = [pod for pod in of(document) if pod.part == "head"]
    (stop,) = [
        float(each["value"])
        for each in head.main.get("env", [])
        if each["name"] == "RAY_JOB_STOP_WAIT_TIME_S"
    ] or [3.0]
    hook = head.main.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["", "0"])
    waits = {
        "grace_seconds": grace,
        "RAY_JOB_STOP_WAIT_TIME_S": stop,
        "the head's preStop": float(hook[-1]),
        "the head's terminationGracePeriodSeconds": float(head.spec.get("terminationGracePeriodSeconds", 30)),
    }
    for shorter, longer in itertools.pairwise(waits):
        if waits[shorter] >= waits[longer]:
            yield f"{longer} ({waits[longer]:g} s) has to be longer than {shorter} ({waits[shorter]:g} s)"


def job_settings(rendering: Rendering, document: Document) -> Settings:
    """The settings that a RayJob's entrypoint starts with, read as the job reads them. Raises UsageError."""
    words = shlex.split(document["spec"].get("entrypoint", ""))
    if len(words) < 2 or not words[1].startswith(IMAGE_FOLDER) or not _in_image(words[1]).is_file():
        raise UsageError(f"entrypoint: {words[1] if words[1:] else 'nothing'} is not in the image")
    with tempfile.TemporaryDirectory() as folder:
        for position, word in enumerate(words):
            if word == "--config":
                file = Path(folder) / "settings.yaml"
                file.write_text(_mounted(rendering, document, words[position + 1]), encoding="utf-8")
                words[position + 1] = str(file)
        return load(words[2:])


def _in_image(path: str) -> Path:
    return ROOT / path.removeprefix(IMAGE_FOLDER)


def _mounted(rendering: Rendering, document: Document, path: str) -> str:
    """The text that a file has in the head's pod, out of a ConfigMap. Raises UsageError."""
    (head,) = [pod for pod in of(document) if pod.part == "head"]
    volumes = {
        volume["name"]: volume.get("configMap", {}).get("name") for volume in head.spec.get("volumes", [])
    }
    for mount in head.main.get("volumeMounts", []):
        if path.startswith(mount["mountPath"].rstrip("/") + "/"):
            for each in rendering.of_kind("ConfigMap"):
                key = path.removeprefix(mount["mountPath"].rstrip("/") + "/")
                if each["metadata"]["name"] == volumes.get(mount["name"]) and key in each["data"]:
                    return str(each["data"][key])
    raise UsageError(f"entrypoint: --config {path} is no file of a ConfigMap in the head's pod")


def _job_problems(rendering: Rendering, document: Document) -> Iterator[str]:
    try:
        settings = job_settings(rendering, document)
    except UsageError as error:
        yield str(error)
        return
    if settings.run_id is None:
        yield "entrypoint: without --run-id each start would begin another run"
    if not settings.wait_for_run:
        yield "wait_for_run has to be true: a new driver may come before the old one has ended"
    if not (settings.output or "").startswith("s3://"):
        yield f"output {settings.output}: the pods have no disk in common"
    yield from _size_problems(document, settings.public())
    services = {f"{each['metadata']['name']}-serve-svc" for each in rendering.of_kind("RayService")}
    for url in (*(settings.generator_url or ()), *(settings.verifier_url or ())):
        host = url.partition("://")[2].partition("/")[0].partition(":")[0]
        if "." not in host and host not in services:
            yield f"{url}: no such service here ({', '.join(sorted(services)) or 'there is no RayService'})"


def _serving_problems(document: Document) -> Iterator[str]:
    flags = document["metadata"].get("annotations", {}).get(FLAGS)
    if flags is None:
        yield f"annotation {FLAGS} is missing: the flags that serveConfigV2 is written by"
        return
    try:
        settings = load(shlex.split(flags), schema=ServingSettings, program=FLAGS)
        found = yaml.safe_load(document["spec"].get("serveConfigV2", ""))
    except (UsageError, yaml.YAMLError) as error:
        yield f"{FLAGS}, serveConfigV2: {error}"
        return
    if found != serve_config(settings):
        yield f"serveConfigV2 is not what `python -m codeseq_ray.serving {flags}` writes"
    if settings.host != "0.0.0.0":
        yield f"host {settings.host}: nobody outside the pod would reach it"
    wanted = sum(model.replicas_max * (model.gpus or 1) for model in models(settings))
    gpus = [_gpus(pod) for pod in of(document) if pod.part == "worker"]
    if sum(each * most for each, most in gpus) < wanted:
        yield f"the most replicas need {wanted:g} GPUs, and the worker groups may have fewer"
    for model in models(settings):
        if max((each for each, _ in gpus), default=0) < (model.gpus or 1):
            yield f"a replica of {model.name} needs {model.gpus} GPUs on one node, and no group has them"
    cpus = [
        quantity(pod.main["resources"]["limits"]["cpu"])
        for pod, (each, _) in zip([p for p in of(document) if p.part == "worker"], gpus, strict=True)
        if not each and pod.group.get("minReplicas", 0)
    ]
    if sum(cpus) < settings.ingress_replicas:
        yield "no group without GPUs stays up for the app's front; it would hold a GPU node for ever"


def _gpus(pod: Pod) -> tuple[float, int]:
    limits = pod.main.get("resources", {}).get("limits", {})
    return quantity(limits.get("nvidia.com/gpu", 0)), pod.group.get("maxReplicas", 0)
