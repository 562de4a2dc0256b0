"""Which Python the programs run in, and where its packages lie. Trusted side."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache

from codeseq_ray.errors import UsageError
from codeseq_ray.sandbox.settings import SandboxSettings

OLDEST = (3, 11)
"""The untrusted side is written for it."""
_QUESTION = """
import json, sys, sysconfig
print(json.dumps([sys.implementation.name, sys.version_info[:3], sys.maxsize,
                  sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))
"""


@dataclass(frozen=True)
class Interpreter:
    path: str
    version: str
    packages: tuple[str, ...]
    """Folders of its installed packages."""


@cache
def find(settings: SandboxSettings) -> Interpreter:
    """The interpreter that the settings name. Raises UsageError if it is none, or one that cannot serve."""
    if settings.python is None:
        folders = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
        return Interpreter(sys.executable, ".".join(map(str, sys.version_info[:3])), tuple(folders))
    try:
        answer = subprocess.run(
            [settings.python, "-I", "-c", _QUESTION], capture_output=True, check=True, timeout=60, text=True
        ).stdout
        name, version, largest, *folders_ = json.loads(answer)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise UsageError(
            f"--python {settings.python}: cannot be started as a Python interpreter: {said.strip()[-500:]}\n"
            "Give the path of a CPython that is installed on every node, for example /usr/bin/python3."
        ) from None
    if name != "cpython" or tuple(version[:2]) < OLDEST or largest < 1 << 32:
        raise UsageError(
            f"--python {settings.python}: is {name} {'.'.join(map(str, version))}; programs run in a 64-bit "
            f"CPython {'.'.join(map(str, OLDEST))} or newer"
        )
    return Interpreter(settings.python, ".".join(map(str, version)), tuple(dict.fromkeys(folders_)))
