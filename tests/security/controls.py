"""Starts `inside` in namespaces of its own, and says of every attack whether it works with its walls down."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from codeseq_ray.sandbox.walls import landlock_abi

from .attack import Attack, Wall
from .inside import namespaces
from .table import ATTACKS

__all__ = ["landlock_abi"]

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 240
UNSHARE = (
    *("unshare", "--fork", "--pid", "--mount", "--net", "--ipc", "--uts", "--mount-proc", "--kill-child"),
    *("--propagation", "private"),
)
SCOPES, SCOPES_SINCE = "Landlock's scopes", 6


@dataclass(frozen=True)
class Control:
    """What came of one attack with some walls down."""

    won: bool
    said: str
    seconds: float


@dataclass
class Controls:
    """All controls, or why there are none."""

    refused: str = ""
    found: dict[tuple[str, frozenset[str]], Control] = field(default_factory=dict)
    log: str = ""

    def of(self, attack: Attack, down: Iterable[str]) -> Control | None:
        return self.found.get((attack.name, frozenset(down)))


def alone(attack: Attack) -> list[tuple[Wall, frozenset[Wall]]]:
    """Each wall that must stop the attack by itself, with the walls to take down for that."""
    found = []
    for wall in attack.walls:
        others = frozenset(attack.walls) - {wall}
        # seccomp and Landlock cannot be put up without no_new_privs.
        impossible = Wall.NO_NEW_PRIVS in others and wall in (Wall.SECCOMP, Wall.LANDLOCK)
        if others and wall not in attack.not_alone and not impossible and not attack.naive:
            found.append((wall, others))
    return found


def jobs(attacks: Iterable[Attack]) -> list[tuple[str, list[str]]]:
    """Every run to make: without all walls, with each alone, and where it needs something of the machine, without
    all that can be taken down."""
    found: list[tuple[str, list[str]]] = []
    for attack in attacks:
        if attack.no_control:
            continue
        found.append((attack.name, [*sorted(attack.walls)]))
        found += [(attack.name, [*sorted(others)]) for _, others in alone(attack)]
        if attack.needs:
            found.append((attack.name, [*sorted(bare(attack))]))
    return found


def bare(attack: Attack) -> frozenset[Wall]:
    """Nothing left but nobody, if that is not one of the attack's walls."""
    return frozenset({*attack.walls, Wall.SECCOMP, Wall.LANDLOCK, Wall.NOT_DUMPABLE})


def cannot() -> str:
    """Why this machine gives no namespaces of their own to controls; "" if it does."""
    if os.getuid() != 0:
        return "controls need root, to make namespaces and to become nobody in them"
    if shutil.which("unshare") is None:
        return "there is no `unshare` (util-linux) here"
    tried = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, timeout=30)
    return "" if tried.returncode == 0 else f"namespaces were refused: {tried.stderr.strip()}"


def run() -> Controls:
    """Run all controls, once."""
    if why := cannot():
        return Controls(refused=why)
    return run_jobs(jobs(ATTACKS.values()))


def run_jobs(todo: list[tuple[str, list[str]]]) -> Controls:
    with tempfile.TemporaryDirectory(prefix="codeseq-controls-") as folder:
        os.chmod(folder, 0o755)
        order = {"outside": namespaces(), "folder": folder, "jobs": todo}
        try:
            done = subprocess.run(
                [*UNSHARE, sys.executable, "-B", "-m", f"{__package__}.inside"],
                input=json.dumps(order) + "\n", capture_output=True, text=True, timeout=SECONDS,
                cwd=ROOT, env=environment(),
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            return Controls(log=f"not done in {SECONDS} s: {late.stderr!r}")
    controls = Controls(log=done.stderr)
    for line in done.stdout.splitlines():
        said = json.loads(line)
        if "refused" in said:
            controls.refused = said["refused"]
        elif "note" in said:
            controls.log += said["note"] + "\n"
        else:
            key = said["name"], frozenset(said["down"])
            controls.found[key] = Control(said["won"], said["said"], said["seconds"])
    return controls


def environment() -> dict[str, str]:
    """For a process that imports this package, be it as `security` (by pytest) or as `tests.security`."""
    parts = __package__.split(".") if __package__ else []
    home = Path(__file__).resolve().parents[len(parts)]
    return {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": f"{home}{os.pathsep}{ROOT}"}
