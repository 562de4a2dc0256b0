"""All attacks, in the order of their areas."""

from __future__ import annotations

from dataclasses import replace

from .areas import (
    descriptors,
    files,
    forging,
    kernel,
    lasting,
    memory,
    neighbours,
    network,
    output,
    processes,
    secrets,
    time,
)
from .attack import Attack

_AREAS = {
    "time": time,
    "memory": memory,
    "output": output,
    "processes": processes,
    "files": files,
    "network": network,
    "kernel": kernel,
    "descriptors": descriptors,
    "secrets": secrets,
    "verdicts": forging,
    "neighbours": neighbours,
    "what stays": lasting,
}

ATTACKS: dict[str, Attack] = {
    attack.name: replace(attack, area=area) for area, module in _AREAS.items() for attack in module.ATTACKS
}
LISTED = sum(len(module.ATTACKS) for module in _AREAS.values())
