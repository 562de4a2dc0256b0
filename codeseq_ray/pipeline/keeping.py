"""What a loop actor keeps in the store: its outcomes, and the model answers that they were made of.

Everything here blocks on the store, and is called off the event loop.
"""

from __future__ import annotations

from collections.abc import Callable

from codeseq_ray.errors import UsageError
from codeseq_ray.pipeline.metrics import Kept
from codeseq_ray.settings import WorkSettings
from codeseq_ray.store.answers import StoredAnswers
from codeseq_ray.store.ledger import LedgerWriter
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.segments import Recorded


class Keeping:
    """Raises UsageError when this node cannot see the run, StoreError (from everything) when the store fails.

    What could not be written stays here, and the next flush tries it again.
    """

    def __init__(
        self, settings: WorkSettings, store_uri: str, run_id: str, notice: Callable[[str], None]
    ) -> None:
        self._store = store = open_patiently(store_uri, settings, notice, look=False)
        run = RunStore(store, run_id)
        if run.read_manifest() is None:
            raise UsageError(
                f"this node does not see the run at {run.uri}: a local folder as output has to be one disk "
                "that every node shares. Give s3://bucket/prefix."
            )
        self._writer = LedgerWriter(run, "loop", every=settings.flush_every, seconds=settings.flush_seconds)
        self.answers: StoredAnswers | None = None
        if settings.keeps_answers:
            self.answers = StoredAnswers(store)
            self.answers.refresh()

    @property
    def unwritten(self) -> int:
        """Outcomes and answers that nobody else can see yet."""
        return self._writer.waiting + (self.answers.waiting if self.answers else 0)

    @property
    def standing(self) -> Kept:
        return Kept(
            unwritten=self.unwritten,
            lag_seconds=self._writer.oldest_seconds,
            segments=self._writer.segments,
            retries=self._store.retries,
        )

    def add(self, record: Recorded) -> None:
        self._writer.add(record)

    def flush(self) -> None:
        """Write all: answers before the outcomes that were made of them."""
        if self.answers is not None:
            self.answers.flush()
        self._writer.flush()

    def flush_if_due(self) -> None:
        if self.answers is not None and self.answers.due:
            self.answers.flush()
        self._writer.flush_if_due()

    def look_again(self) -> None:
        """See the answers that other actors have written since."""
        if self.answers is not None:
            self.answers.refresh()
