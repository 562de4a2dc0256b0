"""What the driver does beside the work: merging the ledger's small segments, so that the next start is quick."""

from __future__ import annotations

import logging
import threading
from types import TracebackType

from codeseq_ray.errors import StoreError
from codeseq_ray.store.merging import MERGE_AT, LedgerRows, merge, read_rows
from codeseq_ray.store.run import RunStore

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
JOIN_SECONDS = 10.0


def merge_if_due(run: RunStore, rows: LedgerRows, at: int = MERGE_AT) -> None:
    """Merge where enough segments lie apart. A store that fails leaves them as they are."""
    if len(rows.apart) + len(rows.merged) - 1 < at:
        return
    try:
        merge(run, rows)
    except StoreError as error:
        log.debug("not merged: %s", error)


class Housekeeping:
    """Looks every minute, in a thread of the driver's, whether enough segments have come."""

    def __init__(self, run: RunStore, seconds: float = EVERY_SECONDS) -> None:
        self._run, self._seconds = run, seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="housekeeping", daemon=True)

    def __enter__(self) -> Housekeeping:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if kind is None:
            self._thread.join(timeout=JOIN_SECONDS)  # a merge that is cut off has changed nothing

    def _keep(self) -> None:
        known = 0  # segments at the last merge
        while not self._ended.wait(self._seconds):
            try:
                count = sum(1 for _ in self._run.list("ledger/"))
                if count - known < 4 * MERGE_AT:
                    continue
                merge_if_due(self._run, read_rows(self._run))
                known = count
            except StoreError as error:
                log.debug("not merged: %s", error)
