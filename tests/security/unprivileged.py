"""The whole table from a worker that is not root: a process of its own, which reports as JSON.

python -m tests.security.unprivileged       as root; becomes another user first
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .attack import SECRET
from .controls import ROOT, environment

UID = 64321
"""A user that no file belongs to."""
SECONDS = 240
_CLONE_NEWNS, _MS_BIND, _MS_REC_PRIVATE = 0x20000, 0x1000, 0x44000
_RUN = "run"
_MODULE = f"{__package__}.unprivileged"


def attempt_all() -> dict[str, tuple[str, str]] | str:
    """Attack → (kind, trouble), or why this machine cannot try. Call as root."""
    with tempfile.TemporaryDirectory(prefix="codeseq-unprivileged-") as folder:
        os.chmod(folder, 0o755)
        ring = Path(folder) / "ring"
        ring.mkdir()
        os.chown(ring, UID, UID)
        try:
            done = subprocess.run(
                [sys.executable, "-B", "-m", _MODULE, str(ring)],
                capture_output=True, text=True, timeout=SECONDS, cwd=ROOT, env=environment(),
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            raise RuntimeError(f"not done in {SECONDS} s: {late.stderr!r}") from late
    said = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {"cannot": ""}
    if "cannot" in said:
        if not said["cannot"]:
            raise RuntimeError(done.stderr)
        return str(said["cannot"])
    return {name: (ending[0], ending[1]) for name, ending in said.items()}


def main() -> int:
    if sys.argv[1] == _RUN:
        return run(Path(sys.argv[2]))
    if os.getuid() != 0:
        print(json.dumps({"cannot": "only root can become another user"}))
        return 1
    try:
        reach([Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent, ROOT])
    except OSError as error:
        print(json.dumps({"cannot": f"uid {UID} cannot reach this interpreter: {error}"}))
        return 1
    os.setgroups([])
    os.setresgid(UID, UID, UID)
    os.setresuid(UID, UID, UID)
    # By exec, so that nothing of the privileged process is left, its being undumpable neither.
    arguments = [sys.executable, "-B", "-m", _MODULE, _RUN, sys.argv[1]]
    return os.execv(sys.executable, arguments)


def run(folder: Path) -> int:
    """Attempt all, as whom we are."""
    from codeseq_ray.sandbox import SandboxExecutor

    from .real import Real
    from .ring import Ring
    from .table import ATTACKS

    assert os.getuid() == UID
    os.environ["AWS_SECRET_ACCESS_KEY"] = SECRET
    ring = Ring(folder, UID)
    with SandboxExecutor() as executor:
        real = Real(executor, ring)
        found = {name: real.attempt(attack) for name, attack in ATTACKS.items()}
    ring.close()
    print(json.dumps(found))
    return 0


def reach(places: list[Path]) -> None:
    """Make these folders reachable for everybody, in a view of the mounts of our own. OSError if that fails.

    An interpreter in root's home is closed to others by that home alone: here an empty one is laid over it, with
    nothing in it but the way to these places.
    """
    closed: dict[Path, set[Path]] = {}
    for place in places:
        for parent in reversed(place.parents):
            if not parent.stat().st_mode & 0o001:
                closed.setdefault(parent, set()).add(place)
                break
    if not closed:
        return
    libc = ctypes.CDLL(None, use_errno=True)

    def checked(result: int) -> None:
        if result != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def mount(
        source: Path | str, target: Path, kind: bytes | None, flags: int, data: bytes | None = None
    ) -> None:
        checked(libc.mount(str(source).encode(), str(target).encode(), kind, flags, data))

    checked(libc.unshare(_CLONE_NEWNS))
    mount("none", Path("/"), None, _MS_REC_PRIVATE)
    for parent, wanted in closed.items():
        aside = Path(tempfile.mkdtemp(prefix="codeseq-reach-"))
        mount(parent, aside, None, _MS_BIND)
        mount("tmpfs", parent, b"tmpfs", 0, b"mode=755")
        for place in wanted:
            place.mkdir(parents=True, exist_ok=True)
            mount(aside / place.relative_to(parent), place, None, _MS_BIND)
        checked(libc.umount2(str(aside).encode(), 2))
        aside.rmdir()


if __name__ == "__main__":
    sys.exit(main())
