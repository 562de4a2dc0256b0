"""What a person reads at the end of a run: counts with reasons, where the data is, one example shown whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from codeseq_ray.records import Outcome, SequenceRecord
from codeseq_ray.telling.reasons import REASONS, RULES
from codeseq_ray.telling.record import brief
from codeseq_ray.telling.screen import plain

__all__ = ["REASONS", "bill", "closing", "funnel", "paid", "whole"]


def funnel(
    *,
    planned: int,
    selected: int,
    drops: Mapping[str, int],
    outcomes: Mapping[Outcome, int],
    reasons: Mapping[tuple[Outcome, str], int],
) -> str:
    """The way of all input sequences to their outcomes, every reason with its count."""
    lines = [f"{planned:>9,}  planned"]
    lines += _reason_lines(drops, RULES)
    lines.append(f"{selected:>9,}  selected")
    for outcome in Outcome:
        count = outcomes.get(outcome, 0)
        tried = sum(outcomes.values())
        share = f"  ({count / tried:.1%} of {tried:,} tried)" if tried and outcome is Outcome.ACCEPTED else ""
        lines.append(f"{count:>9,}  {outcome.value}{share}")
        of_outcome = {reason: n for (o, reason), n in reasons.items() if o is outcome and reason}
        lines += _reason_lines(of_outcome, REASONS)
    open_ = selected - sum(outcomes.values())
    if open_:
        lines.append(f"{open_:>9,}  without an outcome yet")
    return "\n".join(lines)


def _reason_lines(counts: Mapping[str, int], words: Mapping[str, str]) -> list[str]:
    return [
        f"           {count:>9,}  {reason:<22} {words.get(reason, '')}".rstrip()
        for reason, count in Counter(counts).most_common()
    ]


def bill(usage: Sequence[Mapping[str, Any]]) -> str:
    """What the models were asked for in one start, by round and stage (`Bill.as_json`)."""
    total = sum(line["prompt_tokens"] + line["completion_tokens"] for line in usage)
    heads = ("round", "stage", "calls", "replayed", "prompt", "cached", "written", "thoughts", "s/call")
    rows = [
        (
            str(line["round"]),
            line["stage"],
            *(f"{line[name]:,}" for name in ("calls", "replayed", "prompt_tokens", "cached_tokens")),
            *(f"{line[name]:,}" for name in ("completion_tokens", "reasoning_tokens")),
            f"{line['seconds'] / asked:.1f}" if (asked := line["calls"] - line["replayed"]) else "–",
        )
        for line in usage
    ]
    title = f"Models in this start: {total:,} tokens for sequences that came to an outcome, replayed answers included"
    return f"{title}\n{_table(heads, rows)}"


def paid(tokens: int, requests: int, *, in_run: int, of_release: int, accepted: int) -> str:
    """One line: this start, the run, and what an accepted sequence of the models' comes to."""
    text = f"{tokens:,} tokens in {requests:,} requests in this start; {in_run:,} tokens in the run"
    if accepted:
        text += f"; {of_release / accepted:,.0f} per sequence accepted by models"
    return text


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    return "\n".join(
        "  "
        + "  ".join(
            cell.ljust(w) if i == 1 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in (heads, *rows)
    )


def closing(
    *,
    run_id: str,
    run_uri: str,
    release_uri: str,
    rows: Mapping[str, int],
    diagnostics: Mapping[str, int],
    walls: Mapping[str, int],
    builtin: bool,
    sample: bool,
    seconds: float,
    capped: str = "",
    paid: str = "",
    all_done: bool = False,
) -> str:
    """Where the data is, what to know of it, and what to try next."""
    first = "problems" if "problems" in rows else next(iter(rows), "problems")
    configs = ", ".join(f"{name} {count:,}" for name, count in rows.items())
    lines = [
        f"run      {run_uri}",
        f"release  {release_uri}   ({configs or 'no rows'})",
        f"took     {seconds:.0f} s",
    ]
    if paid:
        lines.append(f"paid     {paid}")
    if capped:
        lines.append(f"stopped  {capped}; what is left is for a later start")
    if diagnostics:
        counts = ", ".join(f"{code} {count:,}" for code, count in sorted(diagnostics.items()))
        lines.append(f"input    lines that could not be used: {counts} (the first are listed in run.json)")
    for combination, count in walls.items():
        lines.append(f"walls    {combination}: around the programs of {count:,} sequences")
        if "seccomp" not in combination:
            lines.append(
                "         This kernel lacks the sandbox's walls: only programs of the built-in agents run."
            )
    lines += [
        "",
        "What next",
        f'  read it         datasets.load_dataset("{release_uri}", "{first}")'
        if "://" not in release_uri
        else f'  read it         copy the folder here, then datasets.load_dataset(FOLDER, "{first}")',
        f"  see it all      python jobs/report.py --run {run_uri} --output report.html",
    ]
    if not all_done:
        larger = "a larger cap" if capped else "a larger or no --limit"
        lines.append(f"  go on           the same with --run-id {run_id} and {larger}: nothing is done twice")
    if sample:
        lines.append(
            "  real data       python jobs/fetch_oeis.py --into oeis --contact YOU, then --input oeis"
        )
    if builtin:
        lines.append(
            "  real models     --agents llm --generator-url http://host:8000/v1 --generator-model NAME "
            "--verifier-url … --verifier-model …"
        )
    return "\n".join(lines)


def whole(record: SequenceRecord) -> str:
    """One record for the eye: terms, problem, cases, program, outcome, as plain text. `telling.record` tells more."""
    return plain(brief(record))
