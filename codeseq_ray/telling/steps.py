"""A sequence's way step by step, as it happened: who was asked what, what came back, and what was made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from codeseq_ray.agents.builtin.reading import UnreadableError, read_rule
from codeseq_ray.agents.roles import Correction
from codeseq_ray.agents.visibility import (
    AnalystView,
    CorrectorView,
    SolverView,
    ValidatorView,
    WriterView,
)
from codeseq_ray.records import (
    Analysis,
    Outcome,
    Problem,
    Program,
    Round,
    Screening,
    SequenceRecord,
    Stage,
)
from codeseq_ray.records import Sequence as Entry
from codeseq_ray.synthesis.overhearing import Step, Watch
from codeseq_ray.telling import programs
from codeseq_ray.telling.calls import total
from codeseq_ray.telling.lines import Line, Lines, Tone, block, field, head
from codeseq_ray.telling.reasons import words
from codeseq_ray.telling.record import beginning, outcome, screening
from codeseq_ray.telling.requests import Shown, exchange
from codeseq_ray.telling.words import counted, listed, seconds

WHAT = {
    "filter": "is the entry worth a problem?",
    "problem": "write a problem around the sequence",
    "validation": "work the examples out from the text alone",
    "program": "write a program from the problem alone",
    "analysis": "why does the program fail on this case?",
    "correction": "write the next program",
    "paraphrase": "tell the problem in other words",
}
"""What each stage asks, in words."""
_GUIDING = frozenset({"validation", "analysis"})
_TERMS = 12


def way(entry: Entry, watch: Watch, took: float, shown: Shown, trouble: str = "") -> Lines:
    """All steps of one sequence and its end. `took`: seconds from its begin to its end, beside others' work.

    `trouble`: what ended the work before an outcome; empty where there is one.
    """
    yield from beginning(entry, full=False)
    number = 0
    begun = 0
    for until, record in watch.ways:
        if record is not watch.ways[0][1]:
            yield Line()
            yield from field("next", f"{record.agents} try what the pair before gave up")
        for step in watch.steps[begun:until]:
            number += 1
            yield from _step(step, (entry.id, number), record, watch.steps[begun:until], shown)
        begun = until
        yield from _end(record)
    for step in watch.steps[begun:]:
        number += 1
        yield from _step(step, (entry.id, number), None, watch.steps[begun:], shown)
    yield Line()
    if trouble:
        yield from field("outcome", f"none: {trouble}", Tone.BAD)
    elif watch.ways:
        yield from outcome(watch.ways[-1][1])
    made = [call for _, record in watch.ways for call in record.calls if call.prompt_id]
    yield from field("took", (f"{total(made)}; " if made else "") + f"{seconds(took)} from begin to end")


def _step(
    step: Step, name: tuple[str, int], record: SequenceRecord | None, steps: Sequence[Step], shown: Shown
) -> Lines:
    sequence_id, number = name
    role = "guiding agent" if step.stage in _GUIDING else "working agent"
    at = f", round {step.round}" if step.stage in ("program", "correction", "analysis") else ""
    sample = f", candidate {step.sample + 1}" if step.sample and step.stage != "validation" else ""
    again = f", try {step.sample + 1}" if step.sample and step.stage == "validation" else ""
    yield Line()
    yield head(f"Step {number}  {step.stage}{at}{sample}{again}: {WHAT[step.stage]}  ({role}, {step.agent})")
    for one in step.exchanges:
        yield from exchange(one, f"step {number} of {sequence_id}", shown)
    if step.by_rule:
        yield from _by_rule(step)
    if step.trouble:
        yield from field("trouble", step.trouble, Tone.BAD)
    elif step.answer is not None and step.answer.value is None:
        reason = step.answer.reason
        said = f"{reason}, {words(reason)}. " if reason else ""
        yield from field("unusable", f"{said}{step.answer.why_none}", Tone.BAD)
    elif step.answer is not None and record is not None:
        yield from _made_of_it(step, step.answer.value, record, steps)


# --------------------------------------------------------------------------------- what an agent without model did


def _by_rule(step: Step) -> Lines:
    """The built-in agents' work in words: no request shows it."""
    value = step.answer.value if step.answer is not None else None
    match step.view, value:
        case WriterView() as view, _:
            yield from field(
                "window",
                f"{counted(len(view.window), 'term')} from index {view.window_index} on: "
                f"{listed(view.window, _TERMS)}",
            )
            if isinstance(value, Problem):
                yield from _rule(value)
                yield from field("text", value.text(), Tone.ANSWER)
        case ValidatorView() as view, tuple():
            yield from field("did", f"read the rule back from the text; inputs {', '.join(view.inputs)}")
        case CorrectorView() as view, Correction() as made:
            yield from field("did", "fitted another rule, with the failing case as a further term")
            if made.problem is not None:
                yield from _rule(made.problem)
            yield from programs.difference(view.program.source, made.program.source, full=True)
        case SolverView(), Program() as made_program:
            yield from field("did", "read the rule from the text and wrote a program of it")
            yield from field("words", made_program.process, Tone.QUIET)
            yield from programs.code(made_program.source, full=True)
        case _:
            return


def _rule(problem: Problem) -> Lines:
    try:
        rule = read_rule(problem.description)
    except UnreadableError:
        return
    kind = "".join(f" {char.lower()}" if char.isupper() else char for char in type(rule).__name__).strip()
    yield from field(
        "rule", f"{kind}, {counted(rule.parameters, 'number')} to state it, from n = {rule.start} on"
    )


# ------------------------------------------------------------------------------------------- what was made of it


def _made_of_it(step: Step, value: Any, record: SequenceRecord, steps: Sequence[Step]) -> Lines:
    """What checks, sandbox and loop said of an answer that could be read."""
    match value:
        case Screening():
            yield from screening(value)
        case Problem():
            yield from _checked(value, record)
        case tuple():
            yield from _validated(value, record)
        case Program():
            yield from _judged(step, value, record, steps)
        case Correction():
            if value.problem is not None:
                yield from field("checks", "the problem is told anew: checked and validated like the first")
            yield from _judged(step, value.program, record, steps)
        case Analysis() if step.by_rule:
            yield from programs.analysis(value)
        case _:
            return


def _checked(problem: Problem, record: SequenceRecord) -> Lines:
    if record.stage is Stage.CHECKS and record.problem == problem:
        said = f"refused: {record.reason}, {words(record.reason)}. {record.detail}"
        yield from field("checks", said, Tone.BAD)
        return
    shift = record.cases.shift if record.cases is not None else 0
    counts = f"counts positions moved by {shift:+d}" if shift else "counts positions as the entry does"
    yield from field(
        "checks",
        f"passed: two examples with the true outputs; it {counts}; neither name nor hidden cases are in the text",
        Tone.GOOD,
    )


def _validated(outputs: tuple[str, ...], record: SequenceRecord) -> Lines:
    true = tuple(case.output for case in record.cases.examples) if record.cases is not None else ()
    same = tuple(text.strip() for text in outputs) == true
    said = f"worked out {listed(outputs, 4)}, true are {listed(true, 4)}: "
    yield from field(
        "checks", said + ("validated" if same else "not validated"), Tone.GOOD if same else Tone.BAD
    )


def _judged(step: Step, program: Program, record: SequenceRecord, steps: Sequence[Step]) -> Lines:
    """The sandbox's verdict of one candidate, and the case that agents are told of."""
    for one in _rounds(record):
        if one.number != step.round:
            continue
        for made, verdict in ((one.program, one.verdict), *((o.program, o.verdict) for o in one.others)):
            if made.source != program.source:
                continue
            yield from programs.verdict(verdict, "sandbox")
            if one.failing is not None and made is one.program:
                yield from programs.failing(one.failing, verdict, full=False)
                told = any(
                    isinstance(other.view, AnalystView | CorrectorView) for other in _after(step, steps)
                )
                who = "the analyst and the corrector are told of this one case, nobody of the others"
                yield from field("shown", who if told else "to nobody: no round is left", Tone.QUIET)
            return


def _after(step: Step, steps: Sequence[Step]) -> Iterator[Step]:
    yield from steps[next(i for i, other in enumerate(steps) if other is step) + 1 :]


def _rounds(record: SequenceRecord) -> Iterator[Round]:
    yield from record.rounds
    for told in record.paraphrases:
        for answer in told.answers:
            yield from answer.rounds


def _end(record: SequenceRecord) -> Lines:
    """What came after the last step."""
    if record.acceptance is not None:
        yield Line()
        yield head("Acceptance  no agent is asked: terms that nobody was shown, a second run, mutants")
        yield from programs.acceptance(record.acceptance, full=False)
    for told in record.paraphrases:
        end = f"left out: {told.reason}, {words(told.reason)}. {told.detail}" if told.reason else "taken"
        yield from field("told", f"paraphrase {told.number}: {end}", Tone.BAD if told.reason else Tone.GOOD)
        for answer in told.answers:
            end = f"left out: {answer.reason}. {answer.detail}" if answer.reason else "accepted"
            yield from block(f"answer {answer.number}: {end}", indent=9)
    if record.outcome is Outcome.REJECTED and record.stage is Stage.CASES:
        yield Line()
        yield from block("No agent was asked: its terms decide.", Tone.QUIET, indent=0)
