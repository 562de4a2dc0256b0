"""Say in words which walls hold on this machine, proven by a locked program that tries what it must not do.

Exit status 0: programs of models can run here. 1: they cannot; what is missing, and the way out, is printed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from typing import get_args

from codeseq_ray.errors import CodeseqError
from codeseq_ray.sandbox import interpreters, walls
from codeseq_ray.sandbox.canary import ATTEMPTS
from codeseq_ray.sandbox.executor import SandboxExecutor
from codeseq_ray.sandbox.settings import Profile, SandboxSettings

_MEANING = {
    "landlock": "no path can be opened, no TCP port used, no process outside signalled",
    "seccomp": "only the system calls of the policy; any other ends the program",
    "rlimits": "memory, CPU time, stack, descriptors are bounded; no file can grow",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m codeseq_ray.sandbox", description=__doc__)
    parser.add_argument("command", choices=["check"])
    parser.add_argument("--profile", choices=get_args(Profile), default="standard")
    parser.add_argument("--python", help="interpreter that programs run in; default: this one")
    parser.add_argument("--allow-without-landlock", action="store_true")
    arguments = parser.parse_args()
    settings = SandboxSettings(
        profile=arguments.profile,
        python=arguments.python,
        allow_without_landlock=arguments.allow_without_landlock,
    )
    print(f"{platform.system()} {platform.release()}, {platform.machine()}, uid {os.getuid()}")
    try:
        interpreter = interpreters.find(settings)
        with SandboxExecutor(settings) as executor:
            standing = executor.check()
    except CodeseqError as error:
        print(f"NOT confined: {error}")
        return 1
    print(f"programs run in {interpreter.path} (Python {interpreter.version}), profile {settings.profile}")
    for wall in standing:
        print(f"  {wall:<12} {_MEANING[wall.partition(':')[0]]}")
    if os.getuid() == 0:
        print(f"  {'nobody':<12} started by root, programs run as uid {walls.NOBODY}")
    print(
        f"Programs written by a model can run here: a locked test program failed at all {len(ATTEMPTS)} attempts to "
        "get out."
    )
    if len(standing) < len(_MEANING):
        print("Landlock is missing and was given up by --allow-without-landlock: seccomp stands alone.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
