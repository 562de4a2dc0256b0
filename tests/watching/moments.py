"""Moments of a run to look at: made by hand, from nothing but values."""

from __future__ import annotations

from collections import Counter
from typing import Any

from codeseq_ray.watching.pace import History
from codeseq_ray.watching.snapshot import Snapshot, Words, totals_of
from codeseq_ray.watching.standing import Ended, Serving, Spent, Standing

HOSTILE = "\x1b[2J\x1b]0;title\x07[bold red]b[/]\r\n\u202etxet\u2066\x9b31m\u0000\u200f z\u0301\u0302\u0489 \u2028end"


def standing(**more: Any) -> Standing:
    """Of a run with models, in the middle."""
    facts: dict[str, Any] = {
        "spent": Spent(123_456, 789),
        "outcomes": Counter(
            {
                ("accepted", "", ""): 40,
                ("rejected", "program", "no_rule_found"): 50,
                ("rejected", "validation", "not_validated"): 9,
                ("failed", "problem", "infrastructure"): 1,
            }
        ),
        "entered": Counter({"filter": 150, "problem": 140, "validation": 120, "program": 99}),
        "at": Counter({"problem": 20, "program": 4}),
        "runs": 5_000,
        "servers": {
            ("generator", "http://one:8000/v1"): Serving(30, 64, 1, 1, Counter({"answered": 700, "busy": 3})),
            ("generator", "http://two:8000/v1"): Serving(0, 64, 1, 0, Counter({"connection": 5})),
            ("verifier", "http://one:8000/v1"): Serving(2, 64, 1, 1, Counter({"answered": 80})),
        },
        "last": tuple(
            Ended(float(k), f"A{k:06d}", "rejected", "validation", "not_validated", f"worked out [{k}]")
            for k in range(1, 13)
        ),
        "open": 24,
        "waiting": Counter({"generator": 7}),
        "backlog": Counter({"fit": 3, "program": 1}),
        "idle": False,
    }
    return Standing(**{**facts, **more})


def snapshot(now: Standing | None = None, *, seconds: float = 120.0, **more: Any) -> Snapshot:
    now = standing() if now is None else now
    history = History()
    for second in range(1, int(seconds) + 1):
        share = second / seconds
        history.add(second, {name: total * share for name, total in totals_of(Words(), now).items()})
    facts: dict[str, Any] = {"run": "first", "uri": "runs/first", "total": 500}
    return Snapshot(Words(), standing=now, seconds=seconds, history=history, **{**facts, **more})
