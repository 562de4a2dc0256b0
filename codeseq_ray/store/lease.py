"""One driver at a time: the lease of a run.

<run-id>/lease/NNNNNN.json   who holds it, how often its heart has beaten, whether it was given back

The highest number holds the run. Its number is claimed by one conditional put, which one driver can win; after that
nobody else writes the object, and its holder beats by writing it again. No clocks are compared: whoever wants a run
that is held watches the object, and takes the next number when it has not changed for `STALE_SECONDS` of reading it
without trouble. A holder that finds a higher number than its own has lost the run, and ends.

A lease saves money, not data: a driver that was taken for dead and still writes for some seconds harms nothing
(`docs/design/ledger.md`).
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codeseq_ray.crashpoints import CrashPoint, reach
from codeseq_ray.errors import RunInUseError, StoreError
from codeseq_ray.store.run import RunStore, json_bytes

BEAT_SECONDS = 5.0
STALE_SECONDS = 30.0
"""Six beats: a driver that is slow, or a store that hiccups, is not taken for dead."""
LOOK_SECONDS = 1.0

_NUMBER = re.compile(r"lease/(\d{6,})\.json")


class Lease:
    """A run that is ours, from `take` to the end of the `with` block, or until `lost` says otherwise.

    `number` counts the run's starts from 1. `on_lost` is called once, from the thread of the heart.
    """

    def __init__(self, run: RunStore, number: int, token: str) -> None:
        self._run, self.number, self._token = run, number, token
        self._beats = 0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.lost = ""
        """Who has the run now, in words; empty while it is ours."""

    @property
    def name(self) -> str:
        return _name(self.number)

    def keep(self, on_lost: Callable[[str], None], *, seconds: float = BEAT_SECONDS) -> Lease:
        """Beat in the background from now on."""

        def live() -> None:
            while not self._ended.wait(seconds):
                try:
                    self.beat()
                except StoreError:
                    continue  # whoever watches cannot read either, and does not count that time
                if self.lost:
                    on_lost(self.lost)
                    return

        self._thread = threading.Thread(target=live, name="lease", daemon=True)
        self._thread.start()
        return self

    def beat(self) -> None:
        """Say once that we live, and look whether the run is still ours."""
        highest = _highest(self._run)
        if highest > self.number:
            self.lost = _words(self._run.read_json(_name(highest)))
            return
        self._beats += 1
        self._write()

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        """Give the run back, so that the next start need not wait."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=STALE_SECONDS)
            if self._thread.is_alive():
                return  # its beat waits for the store, and would take the lease back
        if not self.lost:
            try:
                self._write(released=True)
            except StoreError:
                return  # the next start waits until it is stale

    def _write(self, *, released: bool = False) -> None:
        body = _body(self._token, self._beats, released=released)
        self._run.store.put(self._run.key(self.name), body)


def take(
    run: RunStore,
    say: Callable[[str], None],
    *,
    wait: bool = False,
    stale_seconds: float = STALE_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Lease:
    """The lease of a run: at once when nobody holds it, else when its holder has been silent for long enough.

    Raises RunInUseError when the holder is alive, unless `wait` says to wait for its end.
    """
    token = uuid.uuid4().hex
    while True:
        number = _highest(run)
        if not number or _may_be_taken(run, number, say, wait, stale_seconds, clock, sleep):
            lease = Lease(run, number + 1, token)
            key, body = run.key(lease.name), _body(token, 0)
            # Not new, but with our bytes: ours after all, and only the reply was lost.
            if run.store.put_new(key, body) or run.store.get(key) == body:
                reach(CrashPoint.LEASE_TAKEN)
                return lease


def _may_be_taken(
    run: RunStore,
    number: int,
    say: Callable[[str], None],
    wait: bool,
    stale_seconds: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> bool:
    """Watch the holder until it gives the run back, is silent for too long, or (False) another one has it."""
    seen: dict[str, Any] | None = None
    said = False
    since = last = clock()
    while True:
        held = run.read_json(_name(number))
        now = clock()
        if held is None:
            return _highest(run) <= number  # swept away, which only happens to numbers below the highest
        if held.get("released") or _is_dead(held):
            return True
        if seen is None or now - last > stale_seconds / 2:
            # The first look, or a store that did not answer for so long that its holder could not have beaten.
            seen, since = held, now
        elif held != seen:
            if not wait:
                raise RunInUseError(
                    f"run {run.run_id!r} is being worked on by {_words(held)}. Wait for it, end it, or give "
                    "another --run-id; --wait-for-run waits for its end."
                )
            seen, since = held, now
        elif now - since >= stale_seconds:
            say(f"run {run.run_id}: {_words(held)} is silent for {stale_seconds:.0f} s; taking over")
            return True
        if not said:
            said = True
            say(
                f"run {run.run_id}: {_words(held)} did not give it back; watching up to {stale_seconds:.0f} s for a "
                "sign of life …"
            )
        last = now
        sleep(LOOK_SECONDS)
        if _highest(run) != number:
            return False


def _highest(run: RunStore) -> int:
    return max(
        (int(found[1]) for name in run.list("lease/") if (found := _NUMBER.fullmatch(name))), default=0
    )


def _name(number: int) -> str:
    return f"lease/{number:06d}.json"


def _body(token: str, beats: int, *, released: bool = False) -> bytes:
    return json_bytes({"token": token, "beats": beats, "released": released, "holder": _this_process()})


def _words(held: dict[str, Any] | None) -> str:
    holder = (held or {}).get("holder", {})
    return f"process {holder.get('pid', '?')} on {holder.get('host', '?')}"


def _this_process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), **_identity(os.getpid())}


def _identity(pid: int) -> dict[str, str]:
    """What tells a process from every other one, where the kernel says it; empty elsewhere, and for a dead one."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = os.readlink("/proc/self/ns/pid")
        stat = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (OSError, UnicodeDecodeError):
        return {}
    return {} if stat[0] in (b"Z", b"X") else {"machine": f"{boot} {namespace}", "begun": stat[19].decode()}


def _is_dead(held: dict[str, Any]) -> bool:
    """A holder on this very machine that is gone need not be waited for."""
    holder = held.get("holder", {})
    mine = _identity(os.getpid())
    if not mine or holder.get("machine") != mine["machine"]:
        return False
    pid = int(holder.get("pid", 0))
    begun = _identity(pid).get("begun")
    if begun is not None:
        return bool(begun != holder.get("begun"))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False  # there, and another user's that /proc hides
    return _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except OSError:
        return False
