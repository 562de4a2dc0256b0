"""The problems that a policy is asked: found, surveyed, and streamed to the actors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import ray

from codeseq_ray.pipeline.source import PartSource
from codeseq_ray.ports import ObjectStore
from codeseq_ray.rollouts.questions import question
from codeseq_ray.rollouts.release import check_publishable
from codeseq_ray.selection.plan import a_number, limited
from codeseq_ray.settings import RolloutSettings, SamplingSettings, store_of
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.problems import FILE_SUFFIXES, ProblemFiles, Row, survey
from codeseq_ray.store.released import Released, find_release
from codeseq_ray.store.settings import StoreSettings

UNKNOWN, REJECTED, ACCEPTED = -1, 0, 1
"""Of a sample: not judged yet, not passed, passed."""
Known = npt.NDArray[np.int8]

QUESTIONS = pa.schema(
    [("number", pa.int64()), ("problem", pa.large_string()), ("known", pa.list_(pa.int8()))]
)


@dataclass(frozen=True)
class Problems:
    """The problems in scope."""

    store: ObjectStore
    uri: str
    """What they were found at, for messages and cards."""
    files: ProblemFiles
    numbers: npt.NDArray[np.int64]
    """A-numbers in ascending order, within the limit."""
    total: int
    """Without the limit."""
    digest: str

    def in_order(self) -> Iterator[dict[str, Any]]:
        """The rows in scope, in the order of the files. Reads them anew."""
        scope = set(self.numbers.tolist())
        for name in self.files.names:
            for row in self.files.rows(self.store, name):
                if int(row["sequence_id"][1:]) in scope:
                    yield row


def open_problems(settings: SamplingSettings, say: Callable[[str], None]) -> Problems:
    """Find the problems that the settings name; each can be asked and, where rollouts are to be, published.

    Raises UsageError when there are none, InputError when one is not whole (also one that the limit leaves out).
    """

    def check(row: Row) -> None:
        question(row, settings.asked)
        if isinstance(settings, RolloutSettings):
            check_publishable(row)

    uri = settings.dataset.rstrip("/")
    if uri.endswith(FILE_SUFFIXES):
        parent, _, name = uri.rpartition("/")
        if "://" not in uri:
            parent, name = str(PurePosixPath(uri).parent), PurePosixPath(uri).name
        store: ObjectStore = open_patiently(
            parent or ".", settings, say, look=uri.lower().startswith("s3://")
        )
        files = ProblemFiles("", (name,))
    else:
        store, folder = find_release(uri, settings, say)
        release = Released(store, folder)
        files, uri = ProblemFiles(folder, tuple(release.files(("problems", settings.split)))), release.uri
    found = survey(store, files, check)
    chosen = found.numbers
    if settings.limit is not None:
        ids = limited((a_number(n) for n in found.numbers), settings.limit, settings.seed)
        chosen = tuple(sorted(int(i[1:]) for i in ids))
    return Problems(store, uri, files, np.array(chosen, dtype=np.int64), len(found.numbers), found.digest)


def questions(problems: Problems, known: Known, settings: SamplingSettings) -> ray.data.Dataset:
    """A row for each problem that lacks a sample, with what is known of its samples.

    `known` has a row for each of `problems.numbers` and a column for each sample.
    """
    lacking = (known == UNKNOWN).any(axis=1)
    shared = ray.put((problems.numbers[lacking], known[lacking]))
    read = _Reader(problems.store.uri, problems.files, shared, store_of(settings))
    source = PartSource(problems.files.names, read)
    dataset: ray.data.Dataset = ray.data.read_datasource(
        source, num_cpus=0.05, override_num_blocks=source.count
    )
    return dataset


@dataclass(frozen=True)
class _Reader:
    store_uri: str
    files: ProblemFiles
    shared: Any
    settings: StoreSettings

    def __call__(self, name: str) -> Iterator[pa.Table]:
        numbers, known = ray.get(self.shared)
        store = open_patiently(self.store_uri, self.settings, lambda line: None, look=False)
        rows: list[dict[str, Any]] = []
        for row in self.files.rows(store, name):
            number = int(row["sequence_id"][1:])
            at = int(np.searchsorted(numbers, number))
            if at == len(numbers) or numbers[at] != number:
                continue
            rows.append(
                {"number": number, "problem": json.dumps(row, default=str), "known": known[at].tolist()}
            )
            if len(rows) == 16:
                yield pa.Table.from_pylist(rows, schema=QUESTIONS)
                rows = []
        yield pa.Table.from_pylist(rows, schema=QUESTIONS)
