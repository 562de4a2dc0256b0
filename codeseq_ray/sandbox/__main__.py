"""`python -m codeseq_ray.sandbox check`: say in words which walls hold on this machine; exit 0 or 1."""

from __future__ import annotations

import argparse
import platform
import sys

from codeseq_ray.errors import CodeseqError
from codeseq_ray.sandbox.canary import ATTEMPTS
from codeseq_ray.sandbox.executor import SandboxExecutor

_MEANING = {
    "landlock": "no path can be opened, no TCP port used",
    "seccomp": "only the system calls of the policy; others end the program",
    "rlimits": "memory, CPU time, stack and descriptors are bounded",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m codeseq_ray.sandbox", description=__doc__)
    parser.add_argument("command", choices=["check"])
    parser.parse_args()
    print(f"{platform.system()} {platform.release()}, {platform.machine()}")
    try:
        with SandboxExecutor() as executor:
            standing = executor.check()
    except CodeseqError as error:
        print(f"NOT confined: {error}")
        return 1
    for wall in standing:
        print(f"  {wall:<12} {_MEANING[wall.partition(':')[0]]}")
    print(
        f"Programs written by a model can run here: a locked test program failed at all {len(ATTEMPTS)} attempts."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
