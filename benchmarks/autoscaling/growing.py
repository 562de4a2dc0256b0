"""A Ray cluster on this machine with the real autoscaler (v2) over Ray's fake nodes; and one of fixed size.

Every node is a raylet of its own with the CPUs and memory that its kind has, as pods would be; they share this
machine's cores. `ray start --autoscaling-config` and its end touch every Ray on the machine, so this runs in
namespaces of its own (`in_namespaces`), as root.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray

ADDRESS = "127.0.0.1:6379"
_HEAD = "f" * 51 + "00000"
NODE_BYTES = 2_500_000_000

KINDS: dict[str, dict[str, Any]] = {
    "loops": {"resources": {"CPU": 1, "loops": 60, "memory": NODE_BYTES}, "max_workers": 1},
    "sandboxes": {"resources": {"CPU": 1, "memory": NODE_BYTES}, "max_workers": 3},
}


def in_namespaces(arguments: list[str]) -> int:
    """Run Python with these arguments in new namespaces (network, processes, mounts); its exit status."""
    up = 'ip link set lo up && exec "$@"'
    namespaces = ["unshare", "-m", "-n", "-p", "-f", "--mount-proc"]
    return subprocess.run([*namespaces, "sh", "-c", up, "sh", sys.executable, *arguments]).returncode


@contextmanager
def cluster(folder: Path, *, idle_seconds: float, fixed: bool = False) -> Iterator[str]:
    """A head without CPUs, and workers of `KINDS` as they are asked for; `fixed`: all of them from the beginning."""
    folder.mkdir(parents=True)
    kinds = {
        name: {**kind, "node_config": {}, "min_workers": kind["max_workers"] if fixed else 0}
        for name, kind in KINDS.items()
    }
    kinds["ray.head.default"] = {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0}
    plain: dict[str, Any] = {
        **{name: [] for name in ("initialization_commands", "setup_commands", "cluster_synced_files")},
        **{f"{who}_setup_commands": [] for who in ("head", "worker")},
        **{f"{who}_start_ray_commands": [] for who in ("head", "worker")},
    }
    config = {
        "cluster_name": "fake_multinode",
        "max_workers": 8,
        "idle_timeout_minutes": idle_seconds / 60,
        "upscaling_speed": 1.0,
        "provider": {"type": "fake_multinode", "launch_multiple": True, "head_node_id": _HEAD},
        "available_node_types": kinds,
        "head_node_type": "ray.head.default",
        "auth": {},
        "file_mounts": {},
        **plain,
    }
    written = folder / "cluster.json"
    written.write_text(json.dumps(config))
    _mend_fake_nodes(folder, written)
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "disabled",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": _HEAD,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": _HEAD,
        "RAY_FAKE_CLUSTER": "1",
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    }
    binary = str(Path(sys.executable).with_name("ray"))
    start = [binary, "start", "--head", "--num-cpus=0", f"--autoscaling-config={written}"]
    further = [f"--temp-dir={folder}/ray", "--disable-usage-stats", "--metrics-export-port=0"]
    subprocess.run([*start, *further], env=environment, check=True, stdout=subprocess.DEVNULL)
    try:
        yield ADDRESS
    finally:
        subprocess.run([binary, "stop", "--force"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _mend_fake_nodes(folder: Path, config: Path) -> None:
    """Ray's wheel lacks a file that its fake nodes are made from, and they cannot be told how much memory they have.

    A mended copy is mounted over the original, in this process's mounts alone.
    """
    original = Path(ray.__file__).parent / "autoscaler/_private/fake_multi_node"
    copy = Path(shutil.copytree(original, folder / "fake_multi_node"))
    (copy / "example.yaml").write_text(config.read_text())
    provider = copy / "node_provider.py"
    told = "object_store_memory=resources.pop("
    text = provider.read_text()
    assert told in text
    provider.write_text(text.replace(told, f'memory=resources.pop("memory", None), {told}', 1))
    shutil.rmtree(copy / "__pycache__", ignore_errors=True)
    subprocess.run(["mount", "--bind", str(copy), str(original)], check=True)
