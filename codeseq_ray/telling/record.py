"""One record: short, as at the end of a run, or whole."""

from __future__ import annotations

from codeseq_ray.records import (
    Case,
    Cases,
    Outcome,
    Paraphrase,
    Screening,
    Sequence,
    SequenceRecord,
    Solution,
)
from codeseq_ray.telling import programs
from codeseq_ray.telling.calls import calls
from codeseq_ray.telling.lines import Line, Lines, Tone, block, field, head, moved, title
from codeseq_ray.telling.reasons import words
from codeseq_ray.telling.words import counted, cut, listed

_TERMS = 12
_CASES = 8
_BRIEF_CASES = 4
_FAR = 3


def whole(record: SequenceRecord, *, full: bool = False) -> Lines:
    """Everything that a record holds. Long values are cut, with their length, unless `full`."""
    yield from _beginning(record, full=full)
    yield from outcome(record)
    yield from _earlier(record)
    if record.screening is not None:
        yield Line()
        yield head("Filter")
        yield from screening(record.screening)
    if record.problem is not None:
        yield Line()
        yield head("Problem")
        yield from block(record.problem.text())
        yield from validated(record)
    if record.cases is not None:
        yield Line()
        yield head("Cases")
        yield from _cases(record.cases, _first_input(record), full=full)
    yield from programs.rounds(record.rounds, full=full)
    if record.acceptance is not None:
        yield Line()
        yield head("Acceptance")
        yield from programs.acceptance(record.acceptance, full=full)
    yield from paraphrases(record.paraphrases, full=full)
    if record.calls:
        yield Line()
        yield head("Calls")
        yield from calls(record.calls, full=full)
    if record.rounds or record.problem is not None:
        yield Line()
        yield from outcome(record)
    if record.rounds:
        yield from field("walls", " ".join(record.rounds[-1].verdict.walls) or "none")


def brief(record: SequenceRecord) -> Lines:
    """Terms, problem, cases, the last program, outcome: enough to see what a run makes."""
    yield from _beginning(record, full=False)
    yield from _earlier(record)
    if record.problem is not None:
        yield Line()
        yield from block(record.problem.text(), indent=0)
    if record.cases is not None:
        hidden = listed(map(_pair, record.cases.hidden), _BRIEF_CASES)
        yield Line()
        yield from field(
            "hidden",
            f"{counted(len(record.cases.hidden), 'case')}: {hidden}; {counted(len(record.cases.far), 'far case')}",
        )
    if record.rounds:
        last = record.rounds[-1]
        corrected = f", after {counted(last.number, 'correction')}" if last.number else ""
        yield Line()
        yield head(f"Program{corrected}")
        yield from programs.code(last.program.source, full=False)
        yield from programs.verdict(last.verdict)
    if record.acceptance is not None:
        yield from programs.acceptance(record.acceptance, full=False)
    yield from outcome(record)
    if record.rounds:
        yield from field("walls", " ".join(record.rounds[-1].verdict.walls) or "none")


def outcome(record: SequenceRecord) -> Lines:
    """What became of it, and why, in words."""
    good = record.outcome is Outcome.ACCEPTED
    text = record.outcome.value
    if record.reason:
        meaning = words(record.reason)
        text += f" at {record.stage.value}: {record.reason}" + (f", {meaning}" if meaning else "")
    if good and record.corrections:
        text += f" after {counted(record.corrections, 'correction')}"
    yield from field("outcome", text, Tone.GOOD if good else Tone.BAD)
    if record.detail:
        yield from field("", record.detail)


def beginning(sequence: Sequence, *, full: bool) -> Lines:
    """The entry: number, name, terms, and what else is known of it."""
    yield title(f"{sequence.id}  {sequence.name}")
    known = f"{len(sequence.terms)} listed, the first has index {sequence.first_index}"
    if sequence.more_terms:
        known += f"; {len(sequence.more_terms):,} further known"
    yield from field("terms", f"{listed(sequence.terms, None if full else _TERMS)}   ({known})")
    keywords = ", ".join(sequence.keywords) if sequence.keywords else "not known"
    yield from field("entry", f"{sequence.url}   keywords {keywords}")


def _beginning(record: SequenceRecord, *, full: bool) -> Lines:
    yield from beginning(record.sequence, full=full)
    attempt = f", attempt {record.attempt}" if record.attempt > 1 else ""
    yield from field(
        "split", f"{record.split.value}, family {record.family}, agents {record.agents or '–'}{attempt}"
    )


def _earlier(record: SequenceRecord) -> Lines:
    for one in record.earlier:
        said = words(one.reason) or one.reason
        yield from field("before", f"{one.agents} gave up at {one.stage.value}: {one.reason}, {said}")
        if one.detail:
            yield from field("", one.detail)


def screening(said: Screening) -> Lines:
    """The working agent's look at the entry: plan, first answer, second look."""
    yield from field("plan", said.plan)
    yield from field("first", f"{_decision(said.kept_at_first)}: {said.first_reason}")
    yield from field("again", said.reflection)
    changed = " (changed its mind)" if said.keep is not said.kept_at_first else ""
    yield from field(
        "decided", f"{_decision(said.keep)}{changed}: {said.reason}", Tone.GOOD if said.keep else Tone.BAD
    )


def _decision(keep: bool) -> str:
    return "keep" if keep else "drop"


def validated(record: SequenceRecord) -> Lines:
    """What the guiding agent worked out of the text, beside what is true."""
    if not record.validated or record.cases is None:
        return
    true = tuple(case.output for case in record.cases.examples)
    same = tuple(text.strip() for text in record.validated) == true
    said = f"the guiding agent worked out {listed(record.validated, 4)} from the text alone; "
    yield Line()
    yield from field(
        "checked",
        said + ("the examples' true outputs" if same else f"true are {listed(true, 4)}"),
        Tone.GOOD if same else Tone.BAD,
    )


def _first_input(record: SequenceRecord) -> str:
    cases = record.cases
    if cases is None or not cases.shift:
        return "inputs are the entry's own indices"
    return f"inputs are the entry's indices moved by {cases.shift:+d}, as the problem counts"


def _cases(cases: Cases, counting: str, *, full: bool) -> Lines:
    most = None if full else _CASES
    yield from field("counted", counting)
    yield from field("shown", listed(map(_pair if not full else _whole_pair, cases.examples), most))
    for label, group, few in (("hidden", cases.hidden, most), ("far", cases.far, None if full else _FAR)):
        pairs = listed(map(_pair if not full else _whole_pair, group), few)
        yield from field(label, f"{counted(len(group), 'case')}{': ' if group else ''}{pairs}")


def _pair(case: Case) -> str:
    return f"{case.input} → {cut(case.output, 40)}"


def _whole_pair(case: Case) -> str:
    return f"{case.input} → {case.output}"


def paraphrases(told: tuple[Paraphrase, ...], *, full: bool) -> Lines:
    """Each telling in other words, and the answers to it."""
    for one in told:
        yield Line()
        yield head(f"Paraphrase {one.number}")
        if one.problem is not None:
            yield from block(one.problem.description)
        yield from _end(one)
        for answer in one.answers:
            yield from field("answer", str(answer.number))
            yield from _end(answer)
            yield from moved(programs.rounds(answer.rounds, full=full), 2)
            if answer.acceptance is not None:
                yield from moved(programs.acceptance(answer.acceptance, full=full), 2)


def _end(one: Paraphrase | Solution) -> Lines:
    if one.reason:
        said = words(one.reason) or one.reason
        detail = f". {one.detail}" if one.detail else ""
        yield from field("left out", f"at {one.stage.value}: {one.reason}, {said}{detail}", Tone.BAD)
    else:
        yield from field("taken", "it has a row", Tone.GOOD)
