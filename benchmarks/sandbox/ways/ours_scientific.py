"""The house's own with numpy and sympy preloaded; the programs do not use them."""

from __future__ import annotations

from benchmarks.sandbox.ways import ours
from codeseq_ray.sandbox.settings import SandboxSettings


class Way(ours.Way):
    settings = SandboxSettings(profile="scientific")
