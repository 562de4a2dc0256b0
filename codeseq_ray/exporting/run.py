"""An export from end to end: rows stream from the release through the checks into the target's files."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from codeseq_ray.errors import UsageError
from codeseq_ray.exporting import hub, targets
from codeseq_ray.exporting.cards import NOTICE_NAME, Written, folder_card, notice
from codeseq_ray.exporting.families import Families
from codeseq_ray.exporting.overlaps import Overlaps, open_overlaps, problem_text
from codeseq_ray.exporting.place import MANIFEST, staged
from codeseq_ray.exporting.settings import ExportingSettings
from codeseq_ray.exporting.source import Source, open_source
from codeseq_ray.exporting.tokens import TokenCounter, Tokens, open_counter
from codeseq_ray.exporting.writers import JsonLinesWriter, RowWriter, open_writer
from codeseq_ray.store.released import CARD, Row
from codeseq_ray.store.settings import StoreSettings

FORMAT_VERSION = 1
TOO_LONG, PROMPT_TOO_LONG = "too_long", "prompt_too_long"
LEFT_OUT = "left_out.jsonl"
OVERLAP = "overlap.jsonl"
QUANTILES = (0, 50, 90, 99, 100)
_BATCH_ROWS = 64
"""Rows whose tokens are counted at once."""


@dataclass
class Exported:
    """What an export holds."""

    uri: str
    files: list[Written] = field(default_factory=list)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Rows by config and reason."""
    tokens: dict[str, array[int]] = field(default_factory=lambda: defaultdict(lambda: array("q")))
    """Tokens of each row by config, left-out ones included: prompt and answer together."""
    families: Families = field(default_factory=Families)
    overlaps: Overlaps | None = None
    renders: bool = False
    """Whether a chat template was counted, too."""

    def quantiles(self) -> dict[str, dict[str, int]]:
        """Percentile → tokens, by config."""
        found = {}
        for config, counts in self.tokens.items():
            ordered = sorted(counts)
            found[config] = {f"p{q}": ordered[(len(ordered) - 1) * q // 100] for q in QUANTILES}
        return found


def execute(settings: ExportingSettings, store: StoreSettings, say: Callable[[str], None]) -> Exported:
    """Make the export. Raises UsageError before any work where that can be seen, FamilyLeakError for a leak."""
    source = open_source(settings.dataset, settings.rollouts, store, say)
    counter = open_counter(settings.tokenizer) if settings.tokenizer else None
    overlaps = open_overlaps(settings.against)
    with staged(settings.output, store, say, overwrite=settings.overwrite) as place:
        exported = Exported(place.uri, overlaps=overlaps, renders=counter is not None and counter.renders)
        _Exporter(settings, source, counter, place.folder, exported).write()
        if not exported.files:
            raise UsageError(
                f"{source.release.uri} has no row that --to {settings.to} takes: nothing was written"
            )
        place.publish()
    return exported


class _Exporter:
    """Fills one folder."""

    def __init__(
        self,
        settings: ExportingSettings,
        source: Source,
        counter: TokenCounter | None,
        folder: Path,
        exported: Exported,
    ) -> None:
        self._settings, self._source, self._counter = settings, source, counter
        self._folder, self._exported = folder, exported
        self._left_out: JsonLinesWriter | None = None

    def write(self) -> None:
        exported, source, settings = self._exported, self._source, self._settings
        if settings.to == "hub-folder":
            exported.files += hub.copy(source, self._folder, self._see)
        else:
            for part in targets.parts(source, settings):
                self._write_part(part)
            if exported.files:
                self._put(CARD, folder_card(settings.to, exported.files, source).encode())
        for name, body in targets.extra_files(settings).items():
            self._put(name, body)
        if self._left_out is not None:
            self._left_out.close()
        if exported.overlaps is not None:
            found = exported.overlaps.found.values()
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in found]
            self._put(OVERLAP, "".join(lines).encode())
        self._put(NOTICE_NAME, notice(source).encode())
        self._put(MANIFEST, (json.dumps(self._manifest(), indent=2, ensure_ascii=False) + "\n").encode())

    def _write_part(self, part: targets.Part) -> None:
        writer: RowWriter | None = None
        rows = 0
        try:
            for row in self._kept(part):
                # A file without a row is none: readers stumble over it.
                writer = writer or open_writer(self._folder / part.name, part.shape.schema)
                writer.add(part.shape.of(row))
                rows += 1
        finally:
            if writer is not None:
                writer.close()
        if rows:
            self._exported.files.append(Written(part.name, part.config, part.split, rows, part.shape.schema))

    def _kept(self, part: targets.Part) -> Iterator[Row]:
        stream = part.rows()
        while batch := list(islice(stream, _BATCH_ROWS)):
            for row, tokens in zip(batch, self._counts(batch), strict=True):
                self._see(part.config, part.house, row)
                if tokens is None or self._fits(part, row, tokens):
                    yield row

    def _see(self, config: str, house: str | None, row: Row) -> None:
        if "family" in row and (split := house or row.get("split")) is not None:
            self._exported.families.see(row["family"], split, f"{config} {row['sequence_id']}")
        overlaps, text = self._exported.overlaps, problem_text(row)
        if overlaps is not None and text is not None and "problem_id" in row:
            overlaps.look(row["problem_id"], text)

    def _counts(self, batch: list[Row]) -> list[Tokens | None]:
        if self._counter is None or not batch or not ("messages" in batch[0] or "prompt" in batch[0]):
            return [None] * len(batch)
        turns = [
            (row["messages"][:-1], row["messages"][-1:]) if "messages" in row else (row["prompt"], [])
            for row in batch
        ]
        return [*self._counter.count(turns)]

    def _fits(self, part: targets.Part, row: Row, tokens: Tokens) -> bool:
        """Notes the row's tokens in it, and in left_out.jsonl when there are too many."""
        row["prompt_tokens"], row["completion_tokens"] = tokens.prompt, tokens.completion
        self._exported.tokens[part.config].append(tokens.total)
        limits = self._settings.max_tokens, self._settings.max_prompt_tokens
        for reason, count, most in (
            (TOO_LONG, tokens.total, limits[0]),
            (PROMPT_TOO_LONG, tokens.prompt, limits[1]),
        ):
            if most is not None and count > most:
                self._leave_out(part.config, row, reason, count, most)
                return False
        return True

    def _leave_out(self, config: str, row: Row, reason: str, count: int, most: int) -> None:
        self._exported.left_out[config, reason] += 1
        if self._left_out is None:
            self._left_out = JsonLinesWriter(self._folder / LEFT_OUT)
        who = {name: row[name] for name in ("problem_id", "sequence_id")}
        self._left_out.add({"config": config, **who, "reason": reason, "tokens": count, "most": most})

    def _manifest(self) -> dict[str, Any]:
        exported, settings = self._exported, self._settings
        data = {file.name: file for file in exported.files}
        files = {}
        for path in sorted(path for path in self._folder.rglob("*") if path.is_file()):
            name = path.relative_to(self._folder).as_posix()
            with path.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
            files[name] = {"bytes": path.stat().st_size, "sha256": digest}
            if name in data:
                of = data[name]
                files[name] |= {"rows": of.rows, "config": of.config, "split": of.split}
        left_out: dict[str, dict[str, int]] = defaultdict(dict)
        for (config, reason), count in sorted(exported.left_out.items()):
            left_out[config][reason] = count
        own = {"to", "format", "prompt_completion", "tokenizer", "max_tokens", "max_prompt_tokens", "against"}
        return {
            "format": FORMAT_VERSION,
            "made_from": self._source.made_from(),
            "settings": settings.model_dump(mode="json", include=own),
            "versions": {"codeseq-ray": version("codeseq-ray")},
            "families": exported.families.counts,
            "tokens": exported.quantiles(),
            "left_out": left_out,
            "overlap": None if exported.overlaps is None else exported.overlaps.as_json(),
            "files": files,
        }

    def _put(self, name: str, body: bytes) -> None:
        (self._folder / name).write_bytes(body)
