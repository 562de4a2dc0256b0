"""A store that is waited for: an operation that failed for a passing reason is tried again until patience ends.

The client behind bridges hiccups with a few quick tries of its own. What lasts longer is an outage, which a person
wants to hear of, and which a run that has already been paid for should outlive.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from codeseq_ray.errors import StoreError
from codeseq_ray.ports import Entry, ObjectStore

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
"""Seconds. A pause is drawn from the upper half: many clients shall not come back all at once."""

T = TypeVar("T")


class PatientStore:
    """Repeats what fails transiently until `patience_seconds` have passed since the first failure of that call.

    `notice` is told once when trouble begins and once when it is over, from whichever thread meets it. Safe to use
    from threads; can be pickled if the store behind can, and is silent then.

    A repeated `put_new` may answer False for its own earlier try, whose reply was lost: `put_once` settles that.
    StoreErrors that are not transient pass through as they are.
    """

    def __init__(
        self, behind: ObjectStore, patience_seconds: float, notice: Callable[[str], None] | None = None
    ) -> None:
        self._behind = behind
        self.uri = behind.uri
        self._patience = patience_seconds
        self._notice = notice or _say_nothing
        self._lock = threading.Lock()
        self._waiting = 0
        """Calls in trouble."""
        self.retries = 0
        """Tries after failed ones, so far."""

    def __reduce__(self) -> tuple[type[PatientStore], tuple[ObjectStore, float]]:
        return PatientStore, (self._behind, self._patience)

    def put(self, key: str, body: bytes) -> None:
        self._patiently(lambda: self._behind.put(key, body))

    def put_new(self, key: str, body: bytes) -> bool:
        return self._patiently(lambda: self._behind.put_new(key, body))

    def get(self, key: str) -> bytes:
        return self._patiently(lambda: self._behind.get(key))

    def delete(self, key: str) -> None:
        self._patiently(lambda: self._behind.delete(key))

    def list(self, prefix: str) -> Iterator[str]:
        return self._resumed(self._behind.list, prefix, str)

    def entries(self, prefix: str) -> Iterator[Entry]:
        return self._resumed(self._behind.entries, prefix, lambda entry: entry.key)

    def _resumed(
        self, listing: Callable[[str], Iterator[T]], prefix: str, key_of: Callable[[T], str]
    ) -> Iterator[T]:
        """A listing that breaks off is begun anew, and goes on behind the last key that was given out."""
        last = ""
        found = listing(prefix)

        def following() -> T | None:
            nonlocal found
            try:
                return next((one for one in found if key_of(one) > last), None)
            except StoreError:
                found = listing(prefix)
                raise

        while (one := self._patiently(following)) is not None:
            yield one
            last = key_of(one)

    def _patiently(self, operation: Callable[[], T]) -> T:
        try:
            return operation()
        except StoreError as error:
            if not error.transient or self._patience <= 0:
                raise
            return self._wait_for(operation, error)

    def _wait_for(self, operation: Callable[[], T], error: StoreError) -> T:
        begun = time.monotonic()
        pause = FIRST_PAUSE
        answered = False
        self._begin(error)
        try:
            while True:
                left = begun + self._patience - time.monotonic()
                if left <= 0:
                    raise StoreError(
                        f"gave up after waiting {_minutes(self._patience)}: {error}", transient=True
                    ) from error
                time.sleep(min(left, random.uniform(pause / 2, pause)))
                pause = min(LONGEST_PAUSE, 2 * pause)
                self.retries += 1
                try:
                    result = operation()
                    answered = True
                    return result
                except StoreError as again:
                    if not again.transient:
                        raise
                    error = again
                except KeyError:  # what is not there is an answer, too
                    answered = True
                    raise
        finally:
            self._end(answered=answered)

    def _begin(self, error: StoreError) -> None:
        with self._lock:
            self._waiting += 1
            if self._waiting == 1:
                self._notice(
                    f"the store at {self.uri} does not answer ({error}): waiting, nothing is lost; giving up after "
                    f"{_minutes(self._patience)}"
                )

    def _end(self, *, answered: bool) -> None:
        with self._lock:
            self._waiting -= 1
            if self._waiting == 0 and answered:
                self._notice(f"the store at {self.uri} answers again")


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"


def _say_nothing(_: str) -> None:
    pass
