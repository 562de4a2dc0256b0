"""Real faults: what machines, networks and people do to a run."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.faults.ground import Driver, wait_until
from benchmarks.faults.observed import run_at
from benchmarks.faults.trial import LONGEST, RUN, Measured, Trial
from tests.s3_proxy import S3Proxy, Trouble

MOST_BEFORE = 3
DOWN_SECONDS = 10.0
WEATHER = {
    Trouble.DELAY: 0.05,
    Trouble.BUSY: 0.05,
    Trouble.FAILED: 0.02,
    Trouble.FAILED_AFTER: 0.02,
    Trouble.UNREACHED: 0.02,
    Trouble.UNANSWERED: 0.02,
    Trouble.CUT: 0.01,
}
"""Shares of requests."""
SLOWLY = ("--records-in-flight", "1")
"""One sequence after the other: what is to be met at work has to be at it for longer than a start takes."""


def _midway(trial: Trial, *more: str) -> Driver:
    """A start that has come so far that something is done and something is not; how far is drawn."""
    driver = trial.start(*more)
    trial.until_acknowledged(1 + random.Random(f"{trial.what} {trial.repeat}").randrange(MOST_BEFORE), driver)
    return driver


def _to_the_end(trial: Trial, driver: Driver, *, struck: bool) -> Measured:
    """The same start is to go on by itself; where it does not, the next one does."""
    if driver.wait(LONGEST):
        trial.notes.append(f"the start ended with status {driver.process.returncode}")
        trial.go_on()
    return trial.measured(struck=struck)


def _killed(pids: list[int]) -> bool:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(pids)


def loop_actor(trial: Trial) -> Measured:
    """SIGKILL to the loop actor."""
    driver = _midway(trial)
    struck = _killed(trial.ground.loop_actors())
    trial.struck()
    trial.watch()
    return _to_the_end(trial, driver, struck=struck)


def sandbox_worker(trial: Trial) -> Measured:
    """SIGKILL to every Ray worker that is just running programs."""
    return _at_work(trial, "ray::run_all")


def zygote(trial: Trial) -> Measured:
    """SIGKILL to every warm interpreter from which programs are forked, their programs with them."""
    return _at_work(trial, "sandbox/zygote.py")


def _at_work(trial: Trial, mark: str) -> Measured:
    driver = _midway(trial)
    found: list[int] = []

    def seen() -> bool:
        found[:] = trial.ground.processes(mark)
        return bool(found) or driver.ended

    wait_until(seen, LONGEST, every=0.005)
    struck = _killed(found)
    trial.bound = 0  # loop actors and what they know live on
    trial.struck()
    trial.watch()
    return _to_the_end(trial, driver, struck=struck)


def raylet(trial: Trial) -> Measured:
    """SIGKILL to the raylet of the node where all of the work is, while another node has come up."""
    driver = _midway(trial)
    there = set(trial.ground.loop_actors())
    trial.ground.replace_node()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in there), LONGEST)
    trial.struck()
    trial.watch()
    return _to_the_end(trial, driver, struck=bool(there))


def driver_killed(trial: Trial) -> Measured:
    """SIGKILL to the driver."""
    driver = _midway(trial)
    struck = not driver.ended
    driver.signal(signal.SIGKILL)
    trial.ground.until_idle()
    trial.struck()
    trial.watch()
    trial.go_on()
    return trial.measured(struck=struck)


def s3_restarted(trial: Trial) -> Measured:
    """SIGKILL to the S3 server, which is back on its folder and port after ten seconds."""
    driver = _midway(trial)
    trial.bound = 0  # nobody dies
    struck = not driver.ended
    trial.struck()
    trial.ground.restart_s3(DOWN_SECONDS)
    trial.watch()
    return _to_the_end(trial, driver, struck=struck)


def s3_frozen(trial: Trial) -> Measured:
    """The S3 server stands still for ten seconds: connections stay open, nothing is answered."""
    driver = _midway(trial)
    trial.bound = 0
    struck = not driver.ended
    trial.struck()
    trial.ground.freeze_s3(DOWN_SECONDS)
    trial.watch()
    return _to_the_end(trial, driver, struck=struck)


def s3_in_bad_weather(trial: Trial) -> Measured:
    """All requests to the S3 server go through a proxy that delays, refuses, drops them, and loses replies."""
    trial.bound = 0
    with S3Proxy(os.environ["AWS_ENDPOINT_URL"], shares=WEATHER, seed=trial.repeat) as proxy:
        driver = trial.start(everywhere={"AWS_ENDPOINT_URL": proxy.url})
        measured = _to_the_end(trial, driver, struck=True)
        counts = proxy.troubles.counts
    met = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    return replace(measured, struck=len(counts) > len(WEATHER) // 2, notes=(*measured.notes, met))


def told_to_stop(trial: Trial) -> Measured:
    """SIGTERM to the driver: it has to end with status 1, within the grace, and with nothing unkept."""
    driver = _midway(trial, "--grace-seconds", "30")
    struck = not driver.ended
    asked = time.monotonic()
    driver.signal(signal.SIGTERM)
    status = driver.wait(LONGEST)
    trial.notes.append(f"ended {time.monotonic() - asked:.1f} s after SIGTERM with status {status}")
    trial.bound = 0  # what was open had time to end
    trial.ground.until_idle()
    trial.struck()
    trial.watch()
    trial.go_on()
    return trial.measured(struck=struck and status == 1)


def two_drivers(trial: Trial) -> Measured:
    """A second driver on the same run while the first is at work: it has to be refused."""
    driver = _midway(trial, *SLOWLY)
    trial.bound = 0
    second = trial.start()
    status = second.wait(LONGEST)
    words = [line for line in second.said.splitlines() if "is being worked on by" in line]
    trial.notes.append(f"the second: status {status}; {words[0][:160] if words else second.said[-300:]}")
    trial.struck()
    trial.watch()
    return _to_the_end(trial, driver, struck=bool(words) and status != 0)


def frozen_driver(trial: Trial) -> Measured:
    """The driver is stopped for longer than its lease lasts, another one takes over, and then the first wakes up."""
    driver = _midway(trial, *SLOWLY)
    struck = not driver.ended
    driver.signal(signal.SIGSTOP)
    # Its loop actors are alive, and go on with what they were given.
    second = trial.start(*SLOWLY)
    wait_until(lambda: second.ended or "watching up to" in second.said, LONGEST)
    # Models take their time, so that something is left to do when the lease is over.
    with trial.ground.models_frozen():
        wait_until(lambda: second.ended or _starts(trial) >= 2, LONGEST)
    trial.struck()
    # Both may ask for what was open: that is what a take-over costs.
    trial.watch()
    time.sleep(2.0)
    driver.signal(signal.SIGCONT)
    first = driver.wait(LONGEST)
    status = second.wait(LONGEST)
    words = [line for line in driver.said.splitlines() if "taken this run over" in line]
    trial.notes.append(f"the first: status {first}; {words[0][:120] if words else driver.said[-300:]}")
    if status:
        trial.notes.append(f"the second: status {status}")
        trial.go_on()
    # What was open when the second one took over was open in both.
    open_then = trial.reference.calls - trial.before.answered.total()
    trial.bound = (trial.bound or 0) + max(0, open_then)
    return trial.measured(struck=struck and first == 1)


def _starts(trial: Trial) -> int:
    return sum(1 for _ in run_at(trial.uri, RUN).list("lease/"))


def disk_full(trial: Trial) -> Measured:
    """The output is a folder, and its disk fills up; after ten seconds there is room again."""
    with _small_disk(trial.ground.folder / "disk", megabytes=64) as disk:
        trial.uri = str(disk / "runs")
        driver = _midway(trial, "--output-is-shared")
        ballast = disk / "ballast"
        struck = _fill(ballast) and not driver.ended
        time.sleep(DOWN_SECONDS)
        ballast.unlink()
        if driver.ended:
            trial.notes.append(
                f"the start ended with status {driver.process.returncode}: {driver.said[-200:]}"
            )
            trial.ground.until_idle()
        else:
            trial.bound = 0  # nobody died
        trial.struck()
        trial.watch()
        if driver.wait(LONGEST):
            trial.notes.append(
                f"status {driver.process.returncode}: {driver.said.strip().splitlines()[-1][:200]}"
            )
            trial.go_on("--output-is-shared")
        return trial.measured(struck=struck)


@contextlib.contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own in memory; needs root."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(ballast: Path) -> bool:
    """Write until there is no room for another byte."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    return True


STRIKES: dict[str, Callable[[Trial], Measured]] = {
    "loop actor killed": loop_actor,
    "sandbox worker killed": sandbox_worker,
    "sandbox zygote killed": zygote,
    "node lost (raylet killed)": raylet,
    "driver killed": driver_killed,
    "S3 server killed and restarted": s3_restarted,
    "S3 server frozen": s3_frozen,
    "S3 in bad weather": s3_in_bad_weather,
    "disk full": disk_full,
    "two drivers": two_drivers,
    "driver frozen, another takes over": frozen_driver,
    "told to stop (SIGTERM)": told_to_stop,
}
