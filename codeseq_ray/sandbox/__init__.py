"""Runs untrusted programs behind walls of the kernel: Landlock, seccomp, rlimits.

The trusted side (`executor`, `warm`, `watch`, `canary`, `unconfined`) holds what must not leak and judges time,
memory and output. The untrusted side (`zygote`, `child`, and `walls` and `frames`, which both sides use) is stdlib
only: it runs in an interpreter that never loads the house. docs/design/sandbox.md says what is covered and what
is not.
"""

from codeseq_ray.sandbox.executor import SandboxExecutor

__all__ = ["SandboxExecutor"]
