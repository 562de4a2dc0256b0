"""Many records under steady fire: something is killed every so often, and the S3 server hiccups, until all is done.

The release must then be, byte for byte, that of the same work undisturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.faults import observed, report
from benchmarks.faults.ground import Ground, ground
from benchmarks.faults.trial import RUN

SKILL = ("--skill-keeps", "0.2", "--skill-problems", "0.5")
"""Most records end early: what is tried here is the keeping of outcomes, not the models' wit."""
VICTIMS = ("loop actor", "worker", "node", "driver")
HICCUPS = ("frozen", "restarted")
HICCUP_SECONDS = 4.0


@dataclass
class Fire:
    """Strikes at drawn moments, until told to cease: kills when it is asked, hiccups of S3 in a thread of its own."""

    on: Ground
    seed: int
    every: float
    hiccup: float
    struck: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._chance = random.Random(f"kills {self.seed}")
        self._due = time.monotonic() + self._pause()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._disturb, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def cease(self) -> None:
        self._ended.set()
        self._thread.join()

    def kill_if_due(self) -> None:
        """Called again and again from the main thread: Ray starts nodes from no other."""
        if time.monotonic() < self._due:
            return
        victim = self._chance.choice(VICTIMS)
        try:
            if self._strike(victim, self._chance):
                self.struck[f"{victim} killed"] += 1
        except Exception as error:  # a node that does not come up in time: the next shot is another one's
            self.struck[f"{victim} not hit ({str(error).splitlines()[0][:80]})"] += 1
        self._due = time.monotonic() + self._pause()

    def _pause(self) -> float:
        return self.every * self._chance.uniform(0.5, 1.5)

    def _strike(self, victim: str, chance: random.Random) -> bool:
        if victim == "driver":
            running = [driver for driver in self.on.drivers if not driver.ended]
            for driver in running:
                os.kill(driver.pid, signal.SIGKILL)
            return bool(running)
        if victim == "node":
            self.on.replace_node()
            return True
        if victim == "loop actor":
            found = self.on.loop_actors()
        else:  # Ray's own agents take their node along, and are no workers
            agents = {pid for mark in ("Agent", "MapWorker") for pid in self.on.processes(mark)}
            found = [pid for pid in self.on.processes("ray::") if pid not in agents]
        if found:
            os.kill(chance.choice(found), signal.SIGKILL)
        return bool(found)

    def _disturb(self) -> None:
        chance = random.Random(f"hiccups {self.seed}")
        while not self._ended.wait(self.hiccup * chance.uniform(0.5, 1.5)):
            how = chance.choice(HICCUPS)
            if how == "frozen":
                self.on.freeze_s3(HICCUP_SECONDS)
            else:
                self.on.restart_s3(HICCUP_SECONDS)
            self.struck[f"S3 server {how}"] += 1


def soak(arguments: argparse.Namespace) -> int:
    flags = ["--limit", str(arguments.records), "--log-seconds", "5"]
    flags += ["--input", str(arguments.input)] if arguments.input else []
    until = time.monotonic() + 60 * arguments.minutes
    with ground(median=0.001, slots=64, more=SKILL) as on:
        calm = _through(on, on.uri("calm"), flags, until)
        fire = Fire(on, arguments.seed, arguments.every, arguments.hiccup)
        fire.begin()
        try:
            stormy = _through(on, on.uri("stormy"), flags, until, fire)
        finally:
            fire.cease()
        result = _weighed(calm, stormy, fire, arguments)
    print(json.dumps(result, indent=1), flush=True)
    report.write(arguments.json, arguments.result, {**report.read(arguments.json), "soak": result})
    return 0 if result["same_release"] and not result["lost"] and not result["duplicated"] else 1


@dataclass(frozen=True)
class _Done:
    uri: str
    seconds: float
    seen: observed.Seen
    statuses: list[int]

    @property
    def ended(self) -> bool:
        return self.statuses[-1:] == [0]


def _through(on: Ground, uri: str, flags: list[str], until: float, fire: Fire | None = None) -> _Done:
    """Start it again until it ends well, or there is no time left; then cease fire, and look."""
    on.models.reset()
    begun = time.monotonic()
    statuses: list[int] = []
    while statuses[-1:] != [0] and time.monotonic() < until:
        driver = on.job("jobs/synthesize.py", *on.models.flags, "--output", uri, "--run-id", RUN, *flags)
        while not driver.ended and time.monotonic() < until:
            if fire is not None:
                fire.kill_if_due()
            time.sleep(0.5)
        if not driver.ended:
            driver.signal(signal.SIGKILL)
        statuses.append(driver.process.returncode)
        print(f"{uri}: start {len(statuses)} ended with status {statuses[-1]}", flush=True)
        print("  " + "\n  ".join(driver.said.strip().splitlines()[-2:])[:500], flush=True)
    seconds = time.monotonic() - begun
    if fire is not None:
        fire.cease()
    return _Done(uri, seconds, observed.look(uri, RUN, on.models.logged()), statuses)


def _weighed(calm: _Done, stormy: _Done, fire: Fire, arguments: argparse.Namespace) -> dict[str, Any]:
    last = {number: row for (number, _), row in sorted(stormy.seen.rows.items())}
    wanted = {number: row for (number, _), row in sorted(calm.seen.rows.items())}
    lost = sum(last.get(number) != row for number, row in wanted.items())
    release = observed.release_files(calm.uri, RUN)
    return {
        "machine": report.machine(),
        "records": len(wanted),
        "seed": arguments.seed,
        "ended_by_itself": stormy.ended,
        "calm_seconds": round(calm.seconds),
        "stormy_seconds": round(stormy.seconds),
        "starts": len(stormy.statuses),
        "statuses": stormy.statuses,
        "struck": dict(sorted(fire.struck.items())),
        "lost": lost + observed.unreadable(stormy.uri, RUN),
        "duplicated": observed.release_doubles(stormy.uri, RUN),
        "extra_rows": stormy.seen.stored_rows - len(stormy.seen.rows),
        "calls": calm.seen.answered.total(),
        "repeated": (stormy.seen.answered - calm.seen.answered).total(),
        "same_release": bool(release) and release == observed.release_files(stormy.uri, RUN),
    }


def add_to(parsers: Any) -> None:
    parser = parsers.add_parser("soak", help=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--input", type=Path, help="OEIS data; default: the bundled sample")
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two kills, on average")
    parser.add_argument(
        "--hiccup", type=float, default=30.0, help="seconds between two hiccups of the S3 server"
    )
    parser.add_argument("--minutes", type=float, default=40.0, help="after which it ends, whatever is done")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=report.JSON)
    parser.add_argument("--result", type=Path)
    parser.set_defaults(do=soak)


if __name__ == "__main__":
    sys.exit("python -m benchmarks.faults soak …")
