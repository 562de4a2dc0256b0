"""The untrusted side with some of its walls left out. For controls only, inside namespaces (`inside`).

`wrapper` writes a script that `codeseq_ray.sandbox.warm` starts instead of the zygote: it loads the real zygote,
replaces the pieces named, and lets it serve. Standard library only: it runs where the zygote runs.
"""

from __future__ import annotations

import ctypes
import os
import sys
import types
from pathlib import Path
from typing import Any

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_CLONE_NEWNS = 0x20000
_RLIMITS = {
    "rlimit memory": "RLIMIT_AS",
    "rlimit CPU": "RLIMIT_CPU",
    "rlimit file size": "RLIMIT_FSIZE",
    "rlimit descriptors": "RLIMIT_NOFILE",
    "rlimit locked memory": "RLIMIT_MEMLOCK",
}
KNOWN = {
    *_RLIMITS,
    *(
        "Landlock",
        "seccomp",
        "nobody",
        "no_new_privs",
        "not dumpable",
        "closed descriptors",
        "fresh interpreter",
    ),
}
"""What `take_down` can leave out. The environment is the trusted side's to scrub (`inside`)."""


class _Instead:
    """A module with some of its names replaced, for one other module's eyes."""

    def __init__(self, module: types.ModuleType, **names: Any) -> None:
        self.__dict__.update(_module=module, **names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_module"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__dict__["_module"], name, value)


def wrapper(place: Path, sandbox: Path, down: list[str], secret: str) -> Path:
    """Write the script that starts the zygote of `sandbox` with these walls down."""
    script = place / f"zygote-{abs(hash(tuple(down)))}.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\nimport taken_down\n"
        f"sys.path[0] = {str(sandbox)!r}\nsys.exit(taken_down.serve({down!r}, {secret!r}))\n"
    )
    return script


def serve(down: list[str], secret: str) -> int:
    """The zygote's main, with these walls down."""
    import zygote  # type: ignore[import-not-found]

    if "fresh interpreter" in down:
        # As if it had been forked from a worker, and had the worker's memory.
        worker = types.ModuleType("worker")
        worker.__dict__.update(token=secret, cases={"7": secret}, raw=[secret.encode()], ask=lambda: worker)
        exec(f"def answer(): return secret\nsecret = {secret!r}", worker.__dict__)
        exec(f"class Client:\n    key = {secret!r}\n    def __init__(self): pass", worker.__dict__)
        sys.modules["worker"] = worker
        vars(zygote)["held_by_the_worker"] = secret
    take_down(zygote.walls, zygote.child, down)
    status: int = zygote.main()
    return status


def take_down(walls: Any, child: Any, down: list[str]) -> None:
    """Replace the pieces of the untrusted side that put these walls up."""
    if unknown := set(down) - KNOWN:
        raise ValueError(f"no such walls: {unknown}")
    real_prctl = walls._prctl

    def prctl(what: str, option: int, *arguments: Any) -> Any:
        if option == _PR_SET_NO_NEW_PRIVS and "no_new_privs" in down:
            return 0
        if option == _PR_SET_DUMPABLE and "not dumpable" in down:
            return real_prctl(what, option, 1)
        return real_prctl(what, option, *arguments)

    walls._prctl = prctl
    if "closed descriptors" in down:
        child.close_others = lambda: None
    names: dict[str, Any] = {}
    if "Landlock" in down:
        walls._restrict_paths = lambda abi: None
        names["listdir"] = _refuse  # the zygote's own proof
    if "nobody" in down:
        names["getuid"] = names["geteuid"] = lambda: 1
        close_others = child.close_others

        def apart() -> None:
            _own_mounts()
            close_others()

        child.close_others = apart
    walls.os = _Instead(os, **names)
    if "seccomp" in down:
        walls.ChildFilter.install = lambda self: None
    resource = walls.resource
    skipped = {getattr(resource, _RLIMITS[wall]) for wall in down if wall in _RLIMITS}

    def setrlimit(what: int, limits: tuple[int, int]) -> None:
        if what not in skipped:
            resource.setrlimit(what, limits)

    walls.resource = _Instead(resource, setrlimit=setrlimit)


def _own_mounts() -> None:
    """What root does to mounts is to stay in its own view of them."""
    if ctypes.CDLL(None).unshare(_CLONE_NEWNS) != 0:
        raise OSError("no mount namespace for a control that runs as root")


def _refuse(*_: object) -> None:
    raise PermissionError
