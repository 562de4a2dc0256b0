"""The main job: integer sequences in, a verified dataset of problems, programs and tests out.

    python jobs/synthesize.py                                   the bundled sample, no model, a local Ray
    python jobs/synthesize.py --input PATH --output URI --run-id ID [--limit N] [--config FILE]
    ray job submit --working-dir . -- python jobs/synthesize.py --output s3://bucket/prefix …

Exit status: 0 all done or a cap reached, 1 stopped before the end (start it again to go on), 2 the request cannot be
carried out.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

# A job runs from a bare copy of this repository where the package may not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codeseq_ray import summary
from codeseq_ray.errors import CapReachedError, CodeseqError, UsageError
from codeseq_ray.records import Outcome
from codeseq_ray.settings import Settings, load

if TYPE_CHECKING:
    from codeseq_ray.pipeline.run import RunResult


def main(argv: list[str] | None = None) -> int:
    settings = load(argv)
    if settings.preview:
        return show_preview(settings)
    from codeseq_ray.pipeline import run as pipeline  # Ray is only loaded when there is work for it

    result = pipeline.execute(settings, say)
    ledger = result.ledger
    print()
    print(
        summary.funnel(
            planned=result.planned,
            selected=result.selected,
            drops=result.drops,
            outcomes=ledger.outcomes,
            reasons=ledger.reasons,
        )
    )
    if example := pipeline.shown_record(result.run, ledger):
        print(f"\nOne of the accepted, whole:\n\n{summary.whole(example)}")
    if settings.asks_models:
        print(f"\n{summary.bill(result.standing.bill.as_json())}")
    print()
    print(
        summary.closing(
            run_id=result.run.run_id,
            run_uri=result.run.uri,
            release_uri=result.release.uri,
            rows=result.release.rows,
            diagnostics=result.diagnostics,
            walls=result.walls,
            builtin=settings.agents == "builtin",
            sample=settings.input is None,
            seconds=result.seconds,
            capped=result.capped,
            paid=_paid(result) if settings.asks_models else "",
            all_done=ledger.outcomes.total() == result.selected,
        )
    )
    if failed := ledger.outcomes.get(Outcome.FAILED, 0):
        print(
            f"\n{failed} sequences could not be judged; the same command tries them again.", file=sys.stderr
        )
        return 1
    return 0


def _paid(result: RunResult) -> str:
    counts = result.release.manifest["counts"]
    by_models = sum(count for agents, count in counts["accepted_by"].items() if agents != "builtin")
    return summary.paid(
        result.standing.spent.tokens,
        result.standing.spent.requests,
        in_run=(result.spent_before + result.standing.spent).tokens,
        of_release=counts["tokens"],
        accepted=by_models,
    )


def show_preview(settings: Settings) -> int:
    from codeseq_ray.pipeline.preview import preview
    from codeseq_ray.telling.screen import Screen

    preview(settings, say, Screen().show)
    print("Nothing was stored. A preview has no caps, and what it asked models for is not kept for a run.")
    return 0


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CapReachedError as reached:
        print(f"stopped before any sequence was finished: {reached}")
    except CodeseqError as error:
        print(f"synthesize: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        print(
            "stopped; the same command with --run-id (its first line above) goes on from here",
            file=sys.stderr,
        )
        sys.exit(1)
