"""What the runs stand on: an S3 server, a model server and a Ray cluster of our own, and drivers started on them."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray._common.utils
import ray._private.services
import ray._private.utils
from ray._raylet import (
    DASHBOARD_AGENT_LISTEN_PORT_NAME,
    METRICS_AGENT_PORT_NAME,
    METRICS_EXPORT_PORT_NAME,
    RUNTIME_ENV_AGENT_PORT_NAME,
    persist_port,
)
from ray.cluster_utils import Cluster

from codeseq_ray import crashpoints
from codeseq_ray.store.local_s3 import BUCKET, LocalS3
from tests.model_server.process import ROOT, Served, served

NODE_CPUS = 2
NODE_BYTES = 6 << 30
AGENTS_PORTS = {
    "metrics_agent_port": METRICS_AGENT_PORT_NAME,
    "metrics_export_port": METRICS_EXPORT_PORT_NAME,
    "dashboard_agent_listen_port": DASHBOARD_AGENT_LISTEN_PORT_NAME,
    "runtime_env_agent_port": RUNTIME_ENV_AGENT_PORT_NAME,
}
AGENTS_SECONDS = 3.0
"""A node that is up by then did not lose its agents at once."""
SESSION_FOLDER = 8
"""Position of the session's folder among the arguments of `start_raylet` after the node's id."""
MODELS = (
    *("--latency", "lognormal", "--sigma", "0.8", "--same-again", "--context", "0"),
    *("--skill-cut-off", "0", "--skill-keeps", "0.9", "--skill-validations", "0.97"),
)
"""Answers hang on the question alone, so that whatever is asked again is answered alike."""


class Driver:
    """One start of a job, in a process of its own."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        self.begun = time.monotonic()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self, seconds: float) -> int:
        """Its exit status; killed, and TimeoutExpired raised, where it takes longer."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            raise

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait()


@dataclass
class Ground:
    """Everything that stays up from run to run."""

    folder: Path
    s3: LocalS3
    models: Served
    cluster: Cluster
    node: Any
    """The one node of the cluster that has CPUs; the head has none."""
    drivers: list[Driver] = field(default_factory=list)

    def uri(self, name: str) -> str:
        return f"s3://{BUCKET}/{name}"

    def job(
        self,
        script: str,
        *flags: str,
        crash: tuple[str, Path] | None = None,
        everywhere: Mapping[str, str] | None = None,
    ) -> Driver:
        """A job's driver. `everywhere`: environment of the driver and of all its workers.

        `crash`: the place at which a process of it dies, and the file that makes it one death.
        """
        more = dict(everywhere or {})
        if crash is not None:
            more[crashpoints.VARIABLE] = f"{crash[0]}@{crash[1]}"
        environment = {**os.environ, "RAY_ADDRESS": self.cluster.address, **more}
        if more:
            environment["RAY_JOB_CONFIG_JSON_ENV_VAR"] = json.dumps({"runtime_env": {"env_vars": more}})
        log = self.folder / f"driver-{len(self.drivers):04d}.log"
        driver = Driver([sys.executable, str(ROOT / script), *flags], environment, log)
        self.drivers.append(driver)
        return driver

    # ------------------------------------------------------------------------------------------ processes

    def processes(self, mark: str) -> list[int]:
        """Processes below this cluster's raylets whose command line begins with, or names, `mark`."""
        raylets = [pid for node in self.cluster.list_all_nodes() for pid in _raylets(node)]
        return [pid for pid in _below(raylets) if mark in _command(pid)]

    def loop_actors(self) -> list[int]:
        return self.processes("ray::MapWorker")

    def until_idle(self, seconds: float = 30.0) -> None:
        """No loop actor of a killed driver is left: from now on nothing is asked and nothing is written."""
        wait_until(lambda: not self.loop_actors(), seconds)

    def end_drivers(self) -> None:
        for driver in self.drivers:
            if not driver.ended:
                driver.signal(signal.SIGCONT)
                driver.signal(signal.SIGKILL)
        self.until_idle()

    def replace_node(self) -> None:
        """A second node comes up, and the first one's raylet is killed with all that it had."""
        lost, self.node = self.node, add_node(self.cluster)
        for pid in _raylets(lost):
            os.kill(pid, signal.SIGKILL)
        self.cluster.remove_node(lost, allow_graceful=False)

    @contextlib.contextmanager
    def models_frozen(self) -> Iterator[None]:
        """The model server stands still."""
        servers = [pid for pid in _below([os.getpid()]) if "tests.model_server" in _command(pid)]
        for pid in servers:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in servers:
                os.kill(pid, signal.SIGCONT)

    # ----------------------------------------------------------------------------------------------- s3

    def freeze_s3(self, seconds: float) -> None:
        """The server stands still: connections are open, and nothing is answered."""
        group = self._weed()
        os.killpg(group, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.killpg(group, signal.SIGCONT)

    def restart_s3(self, down: float) -> None:
        """The server is killed, and comes up again on the same folder and port."""
        os.killpg(self._weed(), signal.SIGKILL)
        self.s3.stop()
        time.sleep(down)
        self.s3.__enter__()

    def _weed(self) -> int:
        weed = self.s3._weed
        assert weed is not None
        return weed.pid


@contextlib.contextmanager
def ground(*, median: float, slots: int, more: Sequence[str] = ()) -> Iterator[Ground]:
    """All of it, up when this begins and gone when it ends. The environment points to the S3 server meanwhile."""
    with contextlib.ExitStack() as stack:
        # Sockets' paths must be short.
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="cf", dir="/tmp", ignore_cleanup_errors=True)
            )
        )
        s3 = stack.enter_context(LocalS3(folder / "s3"))
        stack.enter_context(_environment(s3))
        s3.make_bucket()
        pace = ("--median", str(median), "--slots", str(slots))
        models = stack.enter_context(served(folder / "requests.jsonl", *MODELS, *pace, *more))
        cluster = stack.enter_context(_cluster(folder / "ray"))
        made = Ground(folder, s3, models, cluster, add_node(cluster))
        try:
            yield made
        finally:
            made.end_drivers()


@contextlib.contextmanager
def _environment(s3: LocalS3) -> Iterator[None]:
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(("AWS_", "CODESEQ_", "RAY_")):
            del os.environ[name]
    os.environ.update(s3.environment)
    os.environ.update(
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        NO_PROXY="127.0.0.1",
        RAY_AUTH_MODE="disabled",
    )
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _cluster(folder: Path) -> Iterator[Cluster]:
    """A head without CPUs. Its address is written nowhere: no other Ray program of this machine may join it."""
    quiet: Callable[..., None] = lambda *_, **__: None  # noqa: E731
    ray._private.utils.write_ray_address = quiet
    ray._common.utils.reset_ray_address = quiet
    # Agents that serve no dashboard start sooner.
    ray._private.utils.get_dashboard_dependency_error = lambda: ImportError("not wanted")
    ray._private.services.start_raylet = _with_ports_told(ray._private.services.start_raylet)
    cluster = Cluster()
    head: dict[str, Any] = {
        **_ports(),
        "num_cpus": 0,
        "include_dashboard": False,
        "dashboard_port": free_port(),
        "temp_dir": str(folder),
    }
    try:
        _patiently(lambda: cluster.add_node(**head))
        yield cluster
    finally:
        cluster.shutdown()


def _patiently(start: Callable[[], Any]) -> Any:
    """Ray gives a node 30 s to start, which a busy machine may exceed."""
    for last in (False, False, False, True):
        before = set(_below([os.getpid()]))
        try:
            return start()
        except Exception as error:
            if last or "timed out" not in str(error):
                raise
            for pid in set(_below([os.getpid()])) - before:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    raise AssertionError("the last try returns or raises")


def add_node(cluster: Cluster) -> Any:
    for _ in range(3):
        node = _patiently(lambda: cluster.add_node(num_cpus=NODE_CPUS, memory=NODE_BYTES, **_ports()))
        time.sleep(AGENTS_SECONDS)
        if all(info.process.poll() is None for info in node.all_processes["raylet"]):
            return node
        cluster.remove_node(node, allow_graceful=False)
    raise RuntimeError("no node of the cluster stays up")


def _ports() -> dict[str, Any]:
    return {name: free_port() for name in AGENTS_PORTS}


def _with_ports_told(start: Callable[..., Any]) -> Callable[..., Any]:
    """A raylet ends itself where its agents take more than 15 s to tell their ports, as they do on a busy machine.

    The ports are chosen beforehand, so they can be told in the agents' stead.
    """

    def started(redis: str, gcs: str, node_id: str, *more: Any, **named: Any) -> Any:
        session = more[SESSION_FOLDER]
        for option, name in AGENTS_PORTS.items():
            persist_port(session, node_id, name, named[option])
        return start(redis, gcs, node_id, *more, **named)

    return started


_given: set[int] = set()


def free_port() -> int:
    """Below those that the kernel gives to connections, so that nobody is given it before it is used."""
    while True:
        port = random.randrange(20_000, 32_000)
        if port in _given:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _given.add(port)
            return port


def wait_until(reached: Callable[[], bool], seconds: float, every: float = 0.05) -> None:
    """Raises TimeoutError when it does not come."""
    until = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > until:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(every)


def _raylets(node: Any) -> list[int]:
    return [info.process.pid for info in node.all_processes.get("raylet", [])]


def _below(roots: list[int]) -> list[int]:
    """All descendants of these processes."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found, left = [], list(roots)
    while left:
        below = children.get(left.pop(), [])
        found += below
        left += below
    return found


def _command(pid: int) -> str:
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
