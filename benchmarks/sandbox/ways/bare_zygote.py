"""The sandbox's zygote without Landlock, seccomp and rlimits, and with the user that it was started as."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "codeseq_ray" / "sandbox"))

import zygote  # type: ignore[import-not-found]  # isort: skip (it must come before what it imports)
import walls  # type: ignore[import-not-found]

for _owner, _name, _nothing in (
    (walls, "lock_zygote", lambda **_: []),
    (walls, "bound", lambda *_, **__: None),
    (walls.ChildFilter, "install", lambda _: None),
):
    if not hasattr(_owner, _name):
        raise RuntimeError(f"{_name} is gone: this benchmark has to follow")
    setattr(_owner, _name, _nothing)

if __name__ == "__main__":
    sys.exit(zygote.main())
