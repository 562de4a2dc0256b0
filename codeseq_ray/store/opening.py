"""The store of a run, with all that stands between it and a server's bad days."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from codeseq_ray.errors import UsageError
from codeseq_ray.store.conditions import SingleWriter
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.patient import PatientStore
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.settings import StoreSettings


def open_patiently(
    uri: str, settings: StoreSettings, notice: Callable[[str], None], *, look: bool = True
) -> PatientStore:
    """The store at `uri`, which waits for its server and says so through `notice`.

    Raises UsageError for a place that cannot be used: it is looked at once, unless `look` is False.
    """
    store = open_store(uri, look=look)
    if settings.single_writer:
        store = SingleWriter(store)
    return PatientStore(store, 60 * settings.store_patience_minutes, notice)


def open_run(uri: str, settings: StoreSettings, notice: Callable[[str], None]) -> RunStore:
    """The run at `uri` (<output>/<run-id>, a folder or s3://bucket/prefix), to be read.

    Raises UsageError for a place that cannot be used; whether a run is there is seen when it is read.
    """
    output, _, run_id = uri.rstrip("/").rpartition("/")
    if "://" not in uri and not Path(uri).expanduser().is_dir():
        raise UsageError(f"there is no folder {uri}")  # opening a store would make it
    return RunStore(open_patiently(output or ".", settings, notice), run_id)
