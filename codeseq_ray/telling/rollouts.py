"""A policy's answers to one problem."""

from __future__ import annotations

from collections.abc import Sequence

from codeseq_ray.records import Outcome, Rollout
from codeseq_ray.telling import programs
from codeseq_ray.telling.calls import total
from codeseq_ray.telling.lines import Line, Lines, Tone, block, field, head, title
from codeseq_ray.telling.reasons import words
from codeseq_ray.telling.words import counted, cut


def rollouts(told: Sequence[Rollout], *, full: bool, all_of_it: bool = True) -> Lines:
    """All that are given, of one sequence, by sample. `all_of_it`: they are all its answers, so that their share says
    something of the problem."""
    passed = sum(one.outcome is Outcome.ACCEPTED for one in told)
    judged = sum(one.outcome is not Outcome.FAILED for one in told)
    yield title(told[0].sequence_id)
    share = f", s = {passed / judged:.3f}" if judged and all_of_it else ""
    yield from field("answers", f"{len(told):,}, of them {judged:,} judged, {passed:,} right{share}")
    if made := [call for one in told for call in one.calls]:
        yield from field("asked", total(made))
    for one in told:
        yield Line()
        yield from rollout(one, full=full)


def rollout(one: Rollout, *, full: bool) -> Lines:
    """One answer: what was judged, and what the judge said."""
    good = one.outcome is Outcome.ACCEPTED
    yield head(f"Sample {one.sample}")
    text = one.outcome.value
    if one.reason:
        text += f": {one.reason}, {words(one.reason) or 'no words for it'}"
    yield from field("outcome", text, Tone.GOOD if good else Tone.BAD)
    if one.detail:
        yield from field("", one.detail)
    if one.verdict is not None:
        yield from programs.verdict(one.verdict)
        if not one.verdict.ok:
            got = one.verdict.got if full else cut(one.verdict.got)
            at = one.verdict.failing_case
            yield from field(
                "failed", f"on case {at} (counted from 0): {one.verdict.message}; got {got or 'nothing'}"
            )
    if one.call is not None:
        yield from field("asked", total([one.call]), Tone.QUIET)
    if one.call is not None and full:
        if one.call.reasoning:
            yield from field("thoughts", one.call.reasoning, Tone.QUIET)
        yield from field("text", one.call.answer or "(nothing)")
    elif one.answer:
        yield from programs.code(one.answer, full=full) if "\n" in one.answer else block(cut(one.answer))
    else:
        yield from field(
            "", f"nothing to judge; --full shows the text ({counted(_length(one), 'character')})", Tone.QUIET
        )


def _length(one: Rollout) -> int:
    return len(one.call.answer) if one.call is not None else 0
