"""The table with what happened, as Markdown. Run as root where controls and an unprivileged worker are to be in it.

python -m tests.security > attacks.md
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from codeseq_ray.sandbox import SandboxExecutor, walls

from . import controls, unprivileged
from .attack import SECRET, Attack
from .real import Real
from .ring import Ring
from .table import ATTACKS

_HELD, _THROUGH = "held", "**through**"


def main() -> int:
    if lacking := walls.missing():
        print(f"Nothing can be attacked here; missing: {'; '.join(lacking)}", file=sys.stderr)
        return 1
    began = time.monotonic()
    root = os.getuid() == 0
    standing, here = attempt_here()
    other = unprivileged.attempt_all() if root else "run as root to have this"
    found = controls.run()
    took = time.monotonic() - began
    of_root = here if root else "run as root to have this"
    of_nobody = other if root else here
    rows = []
    counts: Counter[str] = Counter()
    for attack in ATTACKS.values():
        control = said_of(attack, found)
        cells = [ending(of_nobody, attack.name), ending(of_root, attack.name)]
        counts.update(
            f"{who}: {cell.split(':')[0]}" for who, cell in zip(("unprivileged", "root"), cells, strict=True)
        )
        counts[f"control: {control.split(':')[0]}"] += 1
        rows.append((attack.name, attack.area, ", ".join(attack.walls), *cells, control))
    alone = [(attack, wall, others) for attack in ATTACKS.values() if not attack.no_control
             for wall, others in controls.alone(attack)]  # fmt: skip
    stopped = sum(1 for attack, _, others in alone if (it := found.of(attack, others)) and not it.won)
    print("# Attacks on the sandbox\n")
    print(f"{len(ATTACKS)} attempts; walls {', '.join(standing)}; Linux {platform.release()}, "
          f"CPython {platform.python_version()}; {took:.0f} s. Made by `python -m tests.security`.\n")  # fmt: skip
    print("- *unprivileged*, *root*: how the attempt ended for a worker of that user (root runs programs as nobody);"
          f" `{_HELD}: ` and the verdict, or that it got through.")  # fmt: skip
    print("- *control*: the same attempt in namespaces of its own with all the walls named taken down, the others "
          "standing.")  # fmt: skip
    print(f"- Where several walls are named, each was also left standing alone: {stopped} of {len(alone)} times it "
          "stopped the attempt.\n")  # fmt: skip
    for kind, number in sorted(counts.items()):
        print(f"- {kind} {number}")
    print("\n| attempt | area | stopped by | unprivileged | root | control |\n|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return 0 if not any(_THROUGH in cell for row in rows for cell in row) else 2


def attempt_here() -> tuple[tuple[str, ...], dict[str, tuple[str, str]]]:
    os.environ["AWS_SECRET_ACCESS_KEY"] = SECRET
    with tempfile.TemporaryDirectory(prefix="codeseq-attacks-") as folder, SandboxExecutor() as executor:
        standing = executor.check()
        ring = Ring(Path(folder), walls.NOBODY if os.getuid() == 0 else os.getuid())
        real = Real(executor, ring)
        found = {name: real.attempt(attack) for name, attack in ATTACKS.items()}
        ring.close()
    return standing, found


def ending(of: dict[str, tuple[str, str]] | str, name: str) -> str:
    if isinstance(of, str):
        return f"not tried: {of}"
    kind, trouble = of[name]
    return f"{_THROUGH}: {kind}" if trouble else f"{_HELD}: {kind}"


def said_of(attack: Attack, found: controls.Controls) -> str:
    """What the control showed, in words."""
    if attack.no_control:
        return f"none: {attack.no_control}"
    if found.refused:
        return f"not tried: {found.refused}"
    result = found.of(attack, attack.walls)
    if result is not None and result.won:
        return "works"
    bare = found.of(attack, controls.bare(attack))
    if attack.needs and bare is not None and not bare.won:
        return f"not here: the machine lacks {attack.needs}"
    return "**does not work**"


if __name__ == "__main__":
    sys.exit(main())
