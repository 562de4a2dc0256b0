"""A mix from settings to files.

Rows stream through: workers hold a few hundred, the object store a few blocks, the driver one buffer or one bucket.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import ray
from ray.data import DataContext, ExecutionResources

from codeseq_ray import __version__
from codeseq_ray.errors import CodeseqError, InfrastructureError, InputError, UsageError
from codeseq_ray.mixing.card import Figures, Side
from codeseq_ray.mixing.chats import MEANINGS, Reason
from codeseq_ray.mixing.drawing import Draw, usable
from codeseq_ray.mixing.filters import tokenizer
from codeseq_ray.mixing.leaks import OWN, Against, EvaluationSet, Leak, known_terms
from codeseq_ray.mixing.ratio import CODESEQ, GENERAL, Ratio, shares
from codeseq_ray.mixing.screening import Read, Screen, Told, account_table
from codeseq_ray.mixing.settings import MixingSettings
from codeseq_ray.mixing.spill import Buckets, buckets_for
from codeseq_ray.mixing.writing import (
    DROPPED,
    MIXED,
    File,
    Files,
    dropped_rows,
    mixed_rows,
    publish,
    require_room,
    sources_of,
)
from codeseq_ray.pipeline import cluster
from codeseq_ray.pipeline.mixing.inputs import SFT, ChatFiles, chat_files, chat_rows, evaluation_set, sft_rows
from codeseq_ray.pipeline.source import PartSource
from codeseq_ray.settings import MixSettings, fingerprint
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.released import Released, find_release

Say = Callable[[str], None]
Part = TypeVar("Part")

BLOCK_BYTES = 1 << 20
OBJECT_STORE_BYTES = 64 << 20
"""For each CPU, of blocks on their way to the driver; readers wait when they fill it."""
SCREEN_CPUS = 0.95
_COMPRESSED = 3
"""So many times as large are rows in memory as in a compressed file, at a guess: sets the number of buckets."""
_TRAINED, _HELD_OUT = ("problems", "sft"), ("problems", "eval")


@dataclass(frozen=True)
class Mixed:
    uri: str
    figures: Figures
    examples: Mapping[str, Sequence[str]]
    """By side and reason, the first few rows that were left out, with their places."""
    seconds: float


def execute(settings: MixSettings, say: Say) -> Mixed:
    """Make the mix. Raises UsageError and its kin before any work where possible; it is written at the very end."""
    begun = time.monotonic()
    output = _output(settings)
    release = Released(*find_release(settings.codeseq, settings, say))
    if not release.files(SFT):
        raise UsageError(f"--codeseq {settings.codeseq}: the release has no rows of the config sft")
    general = chat_files(settings.general, "--general", chats=True)
    if settings.max_tokens is not None and settings.tokenizer is not None:
        tokenizer(settings.tokenizer)
    # Not before: a folder that is not there is made.
    store = open_patiently(output, settings, say)
    require_room(store, output, overwrite=settings.overwrite)
    given = _given_sets(settings)
    own = [_own_set(release)] if settings.against_own else []
    against = {GENERAL: Against.of([*given, *own], settings), CODESEQ: Against.of(given, settings)}
    say(_opening(settings, release, general, against))
    _connect(settings)
    with tempfile.TemporaryDirectory(prefix="codeseq-mix-") as temporary:
        ours = sum(release.told["files"][name]["bytes"] for name in release.files(SFT))
        buckets = Buckets(Path(temporary), buckets_for(_COMPRESSED * (general.bytes + ours)))
        job = _Job(settings, buckets, _Progress(settings.log_seconds, say))
        told = {
            GENERAL: job.screen(GENERAL, general.slices, chat_rows, against[GENERAL]),
            CODESEQ: job.screen(
                CODESEQ,
                release.files(SFT),
                lambda name: sft_rows(release, name),
                against[CODESEQ],
                _leaking(release, against[CODESEQ]),
            ),
        }
        figures, files = _draw(settings, told, buckets, Path(temporary), say)
        figures.against = against
        figures.release = {name: str(release.told.get(name, "")) for name in ("run_id", "fingerprint")}
        inputs = [
            *(f"{one.content:032x}" for one in told.values()),
            *(f"{s.content:032x}" for s in [*given, *own]),
        ]
        figures.fingerprint = fingerprint(figures.settings, " ".join(inputs))
        say(f"write: {figures.shares.total:,} rows in {len(files)} files to {store.uri}")
        publish(store, files, figures.card(), figures.manifest())
    examples = {
        f"{side} {reason}": shown for side, one in told.items() for reason, shown in one.examples.items()
    }
    return Mixed(store.uri, figures, examples, time.monotonic() - begun)


def _output(settings: MixSettings) -> str:
    output = settings.output
    if "://" in output:
        return output
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ and not os.path.isabs(output):
        raise UsageError(
            f"--output {output}: a Ray job runs in a temporary copy of its working directory, and what it leaves "
            "there is lost. Give an absolute path or s3://bucket/prefix."
        )
    output = os.path.abspath(os.path.expanduser(output))
    for flag, place in (("--general", settings.general), ("--codeseq", settings.codeseq)):
        if "://" not in place and output == os.path.abspath(os.path.expanduser(place)):
            raise UsageError(f"--output {output}: is the place of {flag}. Give another.")
    return output


def _connect(settings: MixSettings) -> None:
    cluster.connect(settings.local_cpus)
    context = DataContext.get_current()
    context.target_max_block_size = BLOCK_BYTES
    # Screening is Ray Data's own work here, and may have all CPUs of the cluster.
    context.execution_options.resource_limits = ExecutionResources.for_limits(
        object_store_memory=OBJECT_STORE_BYTES * max(1.0, cluster.cpus())
    )


def _given_sets(settings: MixSettings) -> list[EvaluationSet]:
    """Each with a name of its own, which is its file's where that is no other's."""
    sets: list[EvaluationSet] = []
    for uri in settings.against:
        one = evaluation_set(uri, settings.against_columns)
        alike = sum(
            os.path.basename(other.rstrip("/")) == one.name for other in settings.against[: len(sets)]
        )
        sets.append(replace(one, name=f"{one.name} ({alike + 1})") if alike else one)
    return sets


def _own_set(release: Released) -> EvaluationSet:
    found = EvaluationSet(OWN)
    columns = ["description", "examples", "cases", "far_cases"]
    for row in release.rows(_HELD_OUT, columns):
        found.add(row)
    return found


def _leaking(release: Released, against: Against) -> dict[str, Leak]:
    """Our sequences whose known terms share a run with an evaluation set: the rows do not list their terms."""
    if not against.terms.hashes:
        return {}
    columns = ["sequence_id", "examples", "cases", "far_cases"]
    return {
        row["sequence_id"]: leak
        for row in release.rows(_TRAINED, columns)
        if (leak := against.leak_of_terms(known_terms(row)))
    }


class _Job:
    """Reads and screens one side after the other, in tasks, into the buckets."""

    def __init__(self, settings: MixSettings, buckets: Buckets, progress: _Progress) -> None:
        names = MixingSettings.model_fields
        self._settings = MixingSettings.model_construct(**{name: getattr(settings, name) for name in names})
        self._buckets, self._progress = buckets, progress

    def screen(
        self,
        side: str,
        parts: Sequence[Part],
        rows: Callable[[Part], Iterator[Read]],
        against: Against,
        leaking: Mapping[str, Leak] | None = None,
    ) -> Told:
        settings = self._settings
        looked_for = ray.put((against if against.names else None, dict(leaking or {})))

        def tables(part: Part) -> Iterator[pa.Table]:
            try:
                yield from Screen(side, settings, *ray.get(looked_for)).tables(rows(part))
            except (OSError, pa.ArrowException, CodeseqError) as error:
                yield account_table(
                    Told(trouble=f"{_name(part)} cannot be read to its end on this node: {error}")
                )

        told = Told()
        handed_on = 0
        for table in _stream(parts, tables):
            accounts = pc.is_valid(table["told"])
            for text in table["told"].drop_null().to_pylist():
                told.add(Told.from_json(text))
            if told.trouble:
                raise InputError(
                    f"{told.trouble}\nIs it damaged, or on a disk of another node? A local input has to be on one "
                    "that all nodes share."
                )
            kept = table.filter(pc.invert(accounts))
            handed_on += kept.num_rows
            self._buckets.add(kept)
            self._progress.tell(f"{side}: {handed_on:,} rows so far")
        wanted = told.kept + (told.dropped.total() if settings.keep_dropped else 0)
        if handed_on != wanted:
            raise InfrastructureError(f"{handed_on:,} {side} rows arrived, {wanted:,} were sent: start again")
        self._progress.tell(f"{side}: {told.kept:,} rows kept of {told.rows:,}", done=True)
        return told


def _name(part: object) -> str:
    return str(getattr(part, "name", part))


def _stream(parts: Sequence[Part], tables: Callable[[Part], Iterator[pa.Table]]) -> Iterator[pa.Table]:
    if not parts:
        return
    dataset = ray.data.read_datasource(
        PartSource(parts, tables), num_cpus=SCREEN_CPUS, override_num_blocks=len(parts)
    )
    tables_of_blocks: Any = dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
    try:
        yield from tables_of_blocks
    except ray.exceptions.RayError as error:
        raise InfrastructureError(
            f"Ray gave a task up: {error}\nNothing was written; start again."
        ) from error


def _draw(
    settings: MixSettings, told: Mapping[str, Told], buckets: Buckets, folder: Path, say: Say
) -> tuple[Figures, list[File]]:
    """Twice through the rows in order: who can be taken; then who is."""
    found = usable(buckets.sorted(["sample", "source", "reason"]), dedup=settings.dedup)
    ratio = Ratio.parse(settings.ratio)
    try:
        taken = shares(ratio, found.count(GENERAL), found.count(CODESEQ), settings.total)
    except UsageError as error:
        raise UsageError(f"{error}\n{_why_so_few(told)}") from None
    say(
        f"draw: {taken.general:,} of {found.count(GENERAL):,} usable general rows and {taken.codeseq:,} of "
        f"{found.count(CODESEQ):,} of ours: exactly {ratio}; limited by {taken.limited_by}"
    )
    figures = Figures(
        ratio,
        taken,
        {
            side: Side(
                one,
                Counter({source: n for (whose, source), n in found.duplicates.items() if whose == side}),
                taken.general if side == GENERAL else taken.codeseq,
            )
            for side, one in told.items()
        },
        settings=settings.row_settings(),
        versions={
            "codeseq-ray": __version__,
            "python": platform.python_version(),
            "pyarrow": importlib.metadata.version("pyarrow"),
        },
    )
    mixed, dropped = Files(folder, "data/train", MIXED), Files(folder, "dropped/rows", DROPPED)
    try:
        for rows, others in Draw(found, taken, dedup=settings.dedup).split(buckets.sorted()):
            mix = mixed_rows(rows)
            figures.sources.update(sources_of(mix))
            mixed.add(mix)
            if settings.keep_dropped:
                dropped.add(dropped_rows(others))
        return figures, [*mixed.finish(), *dropped.finish()]
    finally:
        mixed.close()
        dropped.close()


def _why_so_few(told: Mapping[str, Told]) -> str:
    lines = []
    for side, one in told.items():
        lines.append(f"{side}: {one.rows:,} rows read, {one.kept:,} passed the filters")
        for reason, count in one.reasons().most_common():
            lines.append(f"  {count:>9,}  {reason}: {MEANINGS[Reason(reason)]}")
            lines += [f"             {shown}" for shown in one.examples.get(reason, [])[:1]]
    return "\n".join(lines)


def _opening(
    settings: MixSettings, release: Released, general: ChatFiles, against: Mapping[str, Against]
) -> str:
    named = {one.name for one in general.slices}
    lines = [
        f"codeseq: {release.count(SFT):,} rows of {release.uri}",
        f"general: {len(named):,} files, {general.bytes / 1e6:,.1f} MB, of {settings.general}",
        f"ratio:   {settings.ratio} general:codeseq"
        + (" (the paper says 5:1 and not which way round)" if settings.ratio in ("5:1", "1:5") else ""),
    ]
    looked_for = against[GENERAL]
    for name in looked_for.names:
        side = "general rows" if name == OWN else "both sides"
        lines.append(f"against: {name}, {side}")
    if looked_for.names:
        runs = looked_for.words
        lines.append(
            f"         {runs.texts:,} texts and {looked_for.terms.texts:,} sequences; too short to tell: "
            f"{runs.passed_over:,} and {looked_for.terms.passed_over:,}; boilerplate: {runs.boilerplate:,} runs"
        )
    return "\n".join(lines)


class _Progress:
    """A line every few seconds."""

    def __init__(self, seconds: float, say: Say) -> None:
        self._seconds, self._say = seconds, say
        self._said = time.monotonic()

    def tell(self, said: str, *, done: bool = False) -> None:
        now = time.monotonic()
        if not done and now - self._said < self._seconds:
            return
        self._said = now
        self._say(f"screen: {said}")


def closing(mixed: Mixed) -> str:
    """What a person reads at the end."""
    figures = mixed.figures
    lines = []
    for name, side in figures.sides.items():
        lines.append(f"{name:<9}{side.told.rows:>11,}  read")
        for reason, count in side.dropped.items():
            lines.append(f"{'':<9}{count:>11,}  {reason}")
            lines += [f"{'':<22}  {shown}" for shown in mixed.examples.get(f"{name} {reason}", [])]
        lines.append(f"{'':<9}{side.used:>11,}  in the mix")
    for leak in figures.leaks():
        count = leak["leak_words"] + leak["leak_terms"]
        lines.append(f"overlap  {count:>11,}  {leak['side']} rows with {leak['set']}")
    taken = figures.shares
    lines.append(
        f"ratio    {taken.general:,}:{taken.codeseq:,}, exactly {figures.ratio}; limited by {taken.limited_by}"
    )
    lines.append(f"mix      {mixed.uri}")
    lines.append(f"took     {mixed.seconds:.0f} s")
    return "\n".join(lines)
