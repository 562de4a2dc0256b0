"""A release of rollouts, drawn like every other: immutable, and `latest.json` points to it last."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from codeseq_ray.dataset.views import Row
from codeseq_ray.rollouts.card import card
from codeseq_ray.rollouts.release import CONFIGS, FORMAT_VERSION, Figures, Selection, release_rows
from codeseq_ray.rollouts.solvability import Fate
from codeseq_ray.store.merging import LedgerRows
from codeseq_ray.store.releases import Release, draw, unchanged
from codeseq_ray.store.rollouts import read_figures
from codeseq_ray.store.run import RunStore, json_bytes


def publish_rollouts(
    run: RunStore,
    problems: Iterable[Mapping[str, Any]],
    scope: Iterable[int],
    rows: LedgerRows,
    manifest: Mapping[str, Any],
    chosen: Selection,
) -> Release:
    """Draw `rl`, `rl_dropped` and `rollouts` of the problems in scope (`scope`: their A-numbers).

    `manifest` is the run's. Raises StoreError when the store fails: publish again, nothing was half published.
    """
    info = {name: manifest[name] for name in ("fingerprint", "row_settings", "input_digest", "versions")}
    chosen_by = {
        "samples": chosen.samples,
        "band": [chosen.band.above, chosen.band.most],
        "early": chosen.early_stop,
    }
    drawn_from = hashlib.sha256(json_bytes({"format": FORMAT_VERSION, "info": info, "by": chosen_by}))
    for number in sorted(scope):
        drawn_from.update(b"%d\n" % number)
    for batch in rows.table.select(["number", "attempt", "outcome", "reason", "record_key"]).to_batches():
        for row in batch.to_pylist():
            drawn_from.update(json_bytes(row))
    digest = drawn_from.hexdigest()
    if (latest := unchanged(run, digest)) is not None:
        return latest
    figures, counts = Figures(), Counter[str]()

    def counted(made: Iterator[Row]) -> Iterator[Row]:
        for row in made:
            counts[row.config] += 1
            yield row

    def finish() -> tuple[str, dict[str, Any]]:
        told = figures.as_json(chosen)
        by_config = {name: counts[name] for name in CONFIGS}
        return card(told, manifest, by_config), {
            "format": FORMAT_VERSION,
            "kind": "rollouts",
            "run_id": run.run_id,
            "fingerprint": manifest["fingerprint"],
            "partial": told["fates"][Fate.TOO_FEW_ROLLOUTS] > 0,
            "dataset": manifest["dataset"],
            "policy": chosen.policy,
            "figures": told,
            "counts": {"rows": by_config},
            "info": info,
        }

    drawn = counted(release_rows(problems, read_figures(run, rows), chosen, figures))
    return draw(run, digest, drawn, CONFIGS, finish)
