"""What is exported from: a release of the synthesis and, where there is one, a release of rollouts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from codeseq_ray.dataset.rl import RL, Estimate, rl_row
from codeseq_ray.dataset.schemas import CONFIGS
from codeseq_ray.errors import UsageError
from codeseq_ray.store.released import Place, Released, Row, find_release
from codeseq_ray.store.releases import FORMAT_VERSION
from codeseq_ray.store.settings import StoreSettings

_FACTS = ("sequence_id", "family", "attribution")
"""Columns of `problems` that an SFT row lacks and needs."""


class Source:
    """The rows to export, as streams. Raises UsageError for releases that cannot be exported."""

    def __init__(self, release: Released, rollouts: Released | None) -> None:
        self.release, self.rollouts = release, rollouts
        version = release.told.get("format")
        if version != FORMAT_VERSION:
            raise UsageError(
                f"{release.uri} is a release of format {version!r}; this version of codeseq-ray exports format "
                f"{FORMAT_VERSION}. Use the version that its card names."
            )
        for place in release.places:
            if place[0] in CONFIGS:
                _refuse_lacking(release, place, CONFIGS[place[0]])
        if rollouts is not None:
            self._rl_places = [place for place in rollouts.places if place[0] == "rl"]
            if not self._rl_places:
                raise UsageError(
                    f"--rollouts {rollouts.uri} has no rows of a config `rl`: give a release of jobs/rollouts.py "
                    "that kept some, or leave it out to export all problems of the split `rl`"
                )
            for place in self._rl_places:
                _refuse_lacking(rollouts, place, RL)

    # ------------------------------------------------------------------------------------------------- SFT

    @property
    def sft_schema(self) -> pa.Schema | None:
        """Columns of `sft`; None without such rows."""
        if ("sft", "train") not in self.release.places:
            return None
        schema = self.release.schema(("sft", "train"))
        own = [pa.field(n, pa.string(), nullable=False) for n in ("family", "split", "attribution")]
        return pa.schema([*schema, *(field for field in own if field.name not in schema.names)])

    def sft(self) -> Iterator[Row]:
        """Rows of the config `sft` with `family`, `split` and `attribution` of their problems."""
        problems = self.release.rows(("problems", "sft"), _FACTS)
        problem: Row | None = None
        for row in self.release.rows(("sft", "train")):
            # Both are in the order of their A-numbers; a problem may have several SFT rows, never none before it.
            while problem is None or problem["sequence_id"] != row["sequence_id"]:
                problem = next(problems, None)
                if problem is None:
                    raise UsageError(
                        f"{self.release.uri}: SFT row {row['problem_id']} has no problem in the split `sft`. "
                        "jobs/verify.py says what was changed."
                    )
            yield {**row, **problem, "split": "sft"}

    # -------------------------------------------------------------------------------------------------- RL

    @property
    def rl_schema(self) -> pa.Schema:
        return RL if self.rollouts is None else self.rollouts.schema(self._rl_places[0])

    def rl(self) -> Iterator[Row]:
        """Rows of the rollouts' config `rl`; without rollouts, of all problems of the split `rl`."""
        if self.rollouts is None:
            yield from self._drawn("rl", "train")
            return
        columns = ("problem_id",)
        known = {row["problem_id"] for row in self.release.rows(("problems", "rl"), columns)}
        for place in self._rl_places:
            for row in self.rollouts.rows(place):
                if row["problem_id"] not in known:
                    raise UsageError(
                        f"--rollouts {self.rollouts.uri}: its row {row['problem_id']} is no problem of the split "
                        f"`rl` of {self.release.uri}. Give the release that the rollouts were made of."
                    )
                yield row

    def eval(self) -> Iterator[Row]:
        """Rows in the columns of `rl` for the held-out problems."""
        return self._drawn("eval", "test")

    def _drawn(self, split: str, called: str) -> Iterator[Row]:
        for index, row in enumerate(self.release.rows(("problems", split))):
            yield rl_row(row, index, Estimate(), split=called)

    # ------------------------------------------------------------------------------------------------- all

    def releases(self) -> list[tuple[str, Released]]:
        """Each with the name of the setting that gave it."""
        both = [("dataset", self.release), ("rollouts", self.rollouts)]
        return [(name, release) for name, release in both if release is not None]

    def made_from(self) -> dict[str, dict[str, Any]]:
        """What the export's manifest says of where it comes from."""
        return {
            name: {
                "uri": release.uri,
                **{
                    key: release.told.get(key)
                    for key in ("run_id", "fingerprint", "outcome_digest", "partial")
                },
            }
            for name, release in self.releases()
        }


def open_source(
    dataset: str, rollouts: str | None, settings: StoreSettings, say: Callable[[str], None]
) -> Source:
    release = Released(*find_release(dataset, settings, say))
    return Source(release, Released(*find_release(rollouts, settings, say)) if rollouts else None)


def _refuse_lacking(release: Released, place: Place, wanted: pa.Schema) -> None:
    lacking = sorted(set(wanted.names) - set(release.schema(place).names))
    if lacking:
        raise UsageError(
            f"{release.uri}: config `{place[0]}`, split `{place[1]}` lacks the columns {', '.join(lacking)}"
        )
