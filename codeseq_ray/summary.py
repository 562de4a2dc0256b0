"""What a person reads at the end of a run: counts with reasons, where the data is, one example shown whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from codeseq_ray.records import Outcome, Reason, SequenceRecord
from codeseq_ray.selection.rules import EXPLANATIONS

REASONS: dict[str, str] = {
    Reason.FILTERED_OUT: "the working agent found the entry not worth a problem",
    Reason.NO_RULE_FOUND: "the built-in agents found no rule that fits the terms",
    Reason.TOO_FEW_TERMS_LEFT: "fewer terms than 2 examples and 5 hidden cases need",
    Reason.UNUSABLE_ANSWER: "an agent gave no answer that can be used",
    Reason.ANSWER_TRUNCATED: "a model's answer was cut off by its limit of tokens",
    Reason.ANSWER_EMPTY: "a model answered nothing",
    Reason.ANSWER_REFUSED: "a model or its server's filter declined to answer",
    Reason.ANSWER_UNREADABLE: "a model's answer had not the form asked for, also when asked again",
    Reason.PROMPT_TOO_LONG: "a prompt did not fit the model's context",
    Reason.CONTEXT_TOO_SHORT: "the model's context cut an answer short",
    Reason.EXAMPLE_WRONG: "the written problem shows an example that is not true",
    Reason.SHIFT_INCONSISTENT: "the problem's examples count positions in two ways",
    Reason.EXAMPLE_COUNT: "the problem does not have exactly two examples",
    Reason.NAMES_THE_SEQUENCE: "the problem's text names the sequence",
    Reason.SHOWS_HIDDEN_CASE: "the problem's text gives a hidden case away",
    Reason.SHOWS_EXAMPLE: "the description answers its own example, so that validation would prove nothing",
    Reason.NOT_VALIDATED: "the guiding agent could not work the examples out from the text",
    Reason.ROUNDS_USED_UP: "no program passed the hidden cases after all corrections",
    Reason.FAR_CASE_FAILED: "the program passed the hidden cases but failed a later term",
    Reason.TOO_FEW_FAR_CASES: "too few further terms to prove a fitted rule by",
    Reason.LOOKUP_TABLE: "the program spells the values out",
    Reason.NONDETERMINISTIC: "a second run printed something else",
    Reason.INFRASTRUCTURE: "not judged: an endpoint, sandbox or store gave out; the next start tries again",
    Reason.INTERNAL_ERROR: "not judged: a bug of ours; its traceback is in the record",
}
_SHOWN_CASES = 4
_SHOWN_TEXT = 60


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
    lines += _reason_lines(drops, {code.value: words for code, words in EXPLANATIONS.items()})
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
    """One record for the eye: terms, problem, cases, programs, outcome."""
    sequence = record.sequence
    parts = [
        f"── {sequence.id} ─ {sequence.name}",
        f"terms    {_first(map(str, sequence.terms), 12)}   (first index {sequence.first_index})",
        f"split    {record.split.value}, family {record.family}, agents {record.agents or '–'}",
    ]
    parts += [f"before   {e.agents}: {e.reason} ({e.stage.value})" for e in record.earlier]
    if record.screening is not None:
        kept = "kept" if record.screening.keep else "dropped"
        parts.append(f"filter   {kept}: {record.screening.reason}")
    if record.problem is not None:
        parts += ["", record.problem.text()]
    if record.cases is not None:
        hidden = ", ".join(f"{c.input}→{_cut(c.output)}" for c in record.cases.hidden[:_SHOWN_CASES])
        parts += [
            "",
            f"hidden   {len(record.cases.hidden)} cases: {hidden}, …; {len(record.cases.far)} far cases",
        ]
    for round_ in record.rounds:
        verdict = round_.verdict
        parts += [
            "",
            f"program {round_.number}{' (begun afresh)' if round_.fresh else ''} "
            f"({verdict.kind.value}, {verdict.passed}/{verdict.total} cases, the examples last)",
            round_.program.source.rstrip(),
        ]
        if round_.failing is not None:
            failing = round_.failing
            parts.append(
                f"# failed on {failing.input}: expected {_cut(failing.expected)}, got {_cut(failing.got)} "
                f"({failing.message.strip().splitlines()[-1] if failing.message.strip() else failing.kind.value})"
            )
        if round_.analysis is not None:
            parts.append(f"# why: {round_.analysis.why_expected} {round_.analysis.what_is_wrong}")
    if record.acceptance is not None:
        checks = record.acceptance
        parts += [
            "",
            f"far cases {checks.far_checked} of {checks.far_total} checked, "
            f"{checks.far_unseen} of them seen by no agent",
        ]
    reason = f": {record.reason} ({record.stage.value})" if record.reason else ""
    detail = f" – {record.detail}" if record.detail else ""
    parts += [f"outcome  {record.outcome.value}{reason}{detail}"]
    if record.rounds:
        parts.append(f"walls    {' '.join(record.rounds[-1].verdict.walls)}")
    return "\n".join(parts)


def _first(words: Iterable[str], count: int) -> str:
    return ", ".join(_cut(word) for word in islice(words, count)) + ", …"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_TEXT else f"{text[: _SHOWN_TEXT - 12]}… ({len(text)} characters)"
