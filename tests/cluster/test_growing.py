"""What Ray's own autoscaler makes of the manifests: which pods come for which work."""

from __future__ import annotations

from typing import Any

import pytest
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
from ray.autoscaler.v2.utils import ResourceRequestUtil
from ray.core.generated.autoscaler_pb2 import GangResourceRequest

from cluster.checks import ray
from cluster.checks.pods import quantity, ray_cluster
from cluster.checks.rendering import Document
from codeseq_ray.pipeline.cluster import LOOP_CPUS, READ_CPUS, TASK_CPUS
from codeseq_ray.pipeline.tasks import memory_bytes
from codeseq_ray.sandbox.settings import SandboxSettings
from tests.cluster.rendered import CLUSTER_KIND, JOB, SERVICE, container, needs_kustomize, rendered, the

Demand = dict[str, float]
TASK: Demand = {"CPU": TASK_CPUS, "memory": memory_bytes(512, SandboxSettings())}
FIT: Demand = {"CPU": TASK_CPUS}
READER: Demand = {"CPU": READ_CPUS}
LOOP: Demand = {"CPU": LOOP_CPUS, "loops": 1}
FRONT: Demand = {"CPU": 1}
# A replica's actor has one CPU beside its first GPU; its workers lie on one node.
GENERATOR: Demand = {"CPU": 1, "GPU": 2}
VERIFIER: Demand = {"CPU": 1, "GPU": 1}


def _config(document: Document) -> dict[str, Any]:
    """The object as Ray's autoscaler reads it."""
    cluster = {"metadata": {"name": "x", "namespace": "codeseq"}, "spec": ray_cluster(document)}
    config: dict[str, Any] = _derive_autoscaling_config_from_ray_cr(cluster)
    return config


def _launched(document: Document, demands: list[Demand]) -> tuple[dict[str, int], int]:
    """Pods by group that Ray's scheduler asks for when nothing runs yet, and demands that it finds no place for."""
    config = AutoscalingConfig(_config(document), skip_content_hash=True)
    reply = ResourceDemandScheduler(event_logger=None).schedule(
        SchedulingRequest(
            disable_launch_config_check=True,
            node_type_configs=config.get_node_type_configs(),
            max_num_nodes=config.get_max_num_nodes(),
            idle_timeout_s=config.get_idle_timeout_s(),
            resource_requests=ResourceRequestUtil.group_by_count(
                [ResourceRequestUtil.make(demand) for demand in demands if "GPU" not in demand]
            ),
            # A placement group that has to lie on one node comes as one request.
            gang_resource_requests=[
                GangResourceRequest(requests=[ResourceRequestUtil.make(demand)])
                for demand in demands
                if "GPU" in demand
            ],
        )
    )
    placeless = len(reply.infeasible_resource_requests) + len(reply.infeasible_gang_resource_requests)
    return {each.instance_type: each.count for each in reply.to_launch}, placeless


@needs_kustomize
@pytest.mark.parametrize(
    ("name", "kind", "demands", "pods", "placeless"),
    [
        ("gpu", JOB, [], {}, 0),
        ("gpu", JOB, [LOOP], {"loops": 1}, 0),
        ("gpu", JOB, [TASK], {"sandboxes": 1}, 0),
        ("gpu", JOB, [LOOP, *[TASK] * 5], {"loops": 1, "sandboxes": 1}, 0),
        ("gpu", JOB, [LOOP, *[TASK] * 6], {"loops": 1, "sandboxes": 2}, 0),
        ("gpu", JOB, [LOOP] * 5, {"loops": 2}, 0),
        (
            "gpu",
            JOB,
            [LOOP] * 9,
            {"loops": 2},
            1,
        ),  # eight have a place: `cluster.checks` looks at loop_actors_max
        ("gpu", JOB, [TASK] * 60, {"sandboxes": 10}, 10),  # the rest waits
        ("gpu", SERVICE, [], {"front": 1}, 0),
        ("gpu", SERVICE, [FRONT], {"front": 1}, 0),
        ("gpu", SERVICE, [FRONT, GENERATOR], {"front": 1, "generator": 1}, 0),
        ("gpu", SERVICE, [FRONT, VERIFIER], {"front": 1, "verifier": 1}, 0),
        (
            "gpu",
            SERVICE,
            [FRONT, *[GENERATOR] * 3, *[VERIFIER] * 2],
            {"front": 1, "generator": 3, "verifier": 2},
            0,
        ),
        ("trial", JOB, [LOOP, LOOP, TASK], {"loops": 1, "sandboxes": 1}, 0),
        ("trial", JOB, [LOOP, TASK, TASK], {"loops": 1, "sandboxes": 2}, 0),
        ("interactive", CLUSTER_KIND, [], {}, 0),
        ("interactive", CLUSTER_KIND, [LOOP, *[TASK] * 20], {"loops": 1, "sandboxes": 4}, 0),
    ],
)
def test_work_brings_the_pods_that_it_is_for(
    name: str, kind: str, demands: list[Demand], pods: dict[str, int], placeless: int
) -> None:
    assert _launched(the(rendered(name), kind), demands) == (pods, placeless)


@needs_kustomize
@pytest.mark.parametrize("name", ["trial", "gpu"])
def test_fits_and_readers_find_a_place_too(name: str) -> None:
    launched, placeless = _launched(the(rendered(name), JOB), [LOOP, FIT, READER, TASK])
    assert placeless == 0
    assert launched["loops"] == launched["sandboxes"] == 1


@needs_kustomize
@pytest.mark.parametrize(("name", "kind"), [("trial", JOB), ("gpu", JOB), ("interactive", CLUSTER_KIND)])
def test_ray_s_autoscaler_finds_a_place_for_each_kind_of_work(name: str, kind: str) -> None:
    types = _config(the(rendered(name), kind))["available_node_types"]
    assert types["headgroup"]["resources"]["CPU"] == 0
    loops, sandboxes = types["loops"], types["sandboxes"]
    assert loops["min_workers"] == sandboxes["min_workers"] == 0
    task = TASK["memory"]
    # Programs only where they belong, as many as there are CPUs for them.
    assert loops["resources"]["memory"] < task
    assert sandboxes["resources"]["memory"] >= task * int(sandboxes["resources"]["CPU"] / TASK_CPUS)
    assert "loops" not in sandboxes["resources"]
    actors = loops["resources"]["loops"]
    assert actors * LOOP_CPUS <= loops["resources"]["CPU"]
    # 330 MiB each (benchmarks/results/spine.md), beside Ray's own.
    limit = quantity(container(the(rendered(name), kind), "loops")["resources"]["limits"]["memory"])
    assert actors * 330 * 2**20 + ray.RAYS_OWN <= limit


@needs_kustomize
def test_ray_s_autoscaler_finds_gpus_for_each_model_and_none_for_the_front() -> None:
    types = _config(the(rendered("gpu"), SERVICE))["available_node_types"]
    assert [types[name]["resources"].get("GPU", 0) for name in ("front", "generator", "verifier")] == [
        0,
        2,
        1,
    ]
    assert [types[name]["min_workers"] for name in ("front", "generator", "verifier")] == [1, 0, 0]
