"""The loop of one sequence, with agents that follow a script and a sandbox that really runs the programs.

The agents here are stand-ins for what agents may do (be wrong, be useless, name the sequence …); what is tested is
what the loop makes of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from codeseq_ray.agents.mixed import MixedGuidingAgent, MixedWorkingAgent
from codeseq_ray.agents.roles import Answer, Correction
from codeseq_ray.agents.visibility import (
    AnalystView,
    CorrectorView,
    ParaphraserView,
    SolverView,
    ValidatorView,
    WriterView,
)
from codeseq_ray.dataset.reflection import messages
from codeseq_ray.errors import CapReachedError, EndpointRefusedError, InfrastructureError, StoreError
from codeseq_ray.ports import Execution, ExecutionReport
from codeseq_ray.records import (
    Analysis,
    Call,
    Example,
    Outcome,
    Problem,
    Program,
    Reason,
    Screening,
    Sequence,
    SequenceRecord,
    Split,
    Stage,
    VerdictKind,
)
from codeseq_ray.sandbox.executor import SandboxExecutor
from codeseq_ray.synthesis.loop import Assignment, synthesise, synthesise_in_turn
from codeseq_ray.synthesis.settings import SynthesisSettings

SQUARES = Sequence(id="A000290", name="Squares", terms=tuple(n * n for n in range(40)), offset=0)
RIGHT = "n = int(input())\nprint(n * n)"
WRONG = "print(int(input()) * 3)"
KEPT = Screening(
    plan="p", kept_at_first=False, first_reason="no", reflection="but", keep=True, reason="a rule is given"
)


@dataclass
class Script:
    """Both agents: programs in order, and what else they say."""

    programs: list[str] = field(default_factory=lambda: [RIGHT])
    example_error: int = 0
    worked_out: list[tuple[str, ...] | None] = field(default_factory=list)
    """What the validator says, try by try; then `formula` of each input."""
    formula: Callable[[int], int] = lambda n: n * n
    trouble_at: str = ""
    trouble: Exception = field(default_factory=lambda: InfrastructureError("the server is gone"))
    fits_terms: bool = False
    by_rule: bool = False
    name: str = "script"
    restates: bool = False
    screening: Screening | None = None
    seen: list[object] = field(default_factory=list)

    def _call(self, stage: str, view: object) -> tuple[Call, ...]:
        self.seen.append(view)
        if self.trouble_at == stage:
            raise self.trouble
        return (Call(stage=stage, agent=self.name, prompt_tokens=10, completion_tokens=1),)

    async def filter(self, view: WriterView) -> Answer[Screening] | None:
        if self.screening is None:
            return None
        return Answer(self.screening, self._call("filter", view))

    async def write_problem(self, view: WriterView) -> Answer[Problem]:
        calls = self._call("problem", view)
        examples = tuple(
            Example(input=c.input, output=str(int(c.output) + self.example_error), explanation="n times n")
            for c in view.examples
        )
        problem = Problem(
            description="A square floor of n by n tiles.",
            input_format="n",
            output_format="the number of tiles",
            examples=examples,
        )
        return Answer(problem, calls)

    async def validate(self, view: ValidatorView, *, attempt: int = 0) -> Answer[tuple[str, ...]]:
        calls = self._call("validation", view)
        if self.worked_out:
            said = self.worked_out.pop(0)
            return Answer(said, calls, why_none="" if said else "no idea")
        return Answer(tuple(str(self.formula(int(n))) for n in view.inputs), calls)

    async def write_program(self, view: SolverView, *, sample: int = 0, attempt: int = 0) -> Answer[Program]:
        calls = self._call("program", view)
        if not self.programs:
            return Answer(None, calls, why_none="no code block")
        return Answer(Program(source=self.programs.pop(0)), calls)

    async def analyse(self, view: AnalystView, *, attempt: int = 0) -> Answer[Analysis]:
        return Answer(Analysis(why_expected="because", what_is_wrong="it"), self._call("analysis", view))

    async def correct(self, view: CorrectorView, *, sample: int = 0, attempt: int = 0) -> Answer[Correction]:
        calls = self._call("correction", view)
        problem = view.problem.model_copy(update={"description": "Tiles again."}) if self.restates else None
        return Answer(Correction(Program(source=self.programs.pop(0)), problem), calls)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxExecutor]:
    executor = SandboxExecutor()
    yield executor
    executor.close()


async def work(
    script: Script, sandbox: object, sequence: Sequence = SQUARES, **settings: int | None
) -> SequenceRecord:
    return await synthesise(
        Assignment(sequence, Split.SFT, sequence.id),
        script,
        script,
        sandbox,  # type: ignore[arg-type]
        SynthesisSettings(**settings),  # type: ignore[arg-type]
    )


async def test_a_right_first_program_is_accepted_with_every_far_case_checked(
    sandbox: SandboxExecutor,
) -> None:
    record = await work(Script(), sandbox)
    assert (record.outcome, record.reason, record.corrections) == (Outcome.ACCEPTED, "", 0)
    assert record.acceptance is not None
    assert record.cases is not None
    assert record.acceptance.far_checked == record.acceptance.far_total == len(record.cases.far) > 20
    assert record.rounds[0].verdict.walls
    assert record.tokens == 11 * len(record.calls) == 33
    assert SequenceRecord.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize("failures", [1, 5])
async def test_a_program_corrected_within_the_rounds_is_accepted(
    failures: int, sandbox: SandboxExecutor
) -> None:
    record = await work(Script(programs=[WRONG] * failures + [RIGHT]), sandbox)
    assert record.outcome is Outcome.ACCEPTED
    assert record.corrections == failures
    assert [r.verdict.ok for r in record.rounds] == [False] * failures + [True]
    for failed in record.rounds[:-1]:
        assert failed.failing is not None
        assert failed.analysis is not None
        assert int(failed.failing.expected) == int(failed.failing.input) ** 2
        assert failed.failing.got == str(int(failed.failing.input) * 3)


async def test_after_the_last_round_the_sequence_is_rejected_and_nobody_is_asked_again(
    sandbox: SandboxExecutor,
) -> None:
    script = Script(programs=[WRONG] * 9)
    record = await work(script, sandbox)
    assert (record.outcome, record.reason) == (Outcome.REJECTED, Reason.ROUNDS_USED_UP)
    assert len(record.rounds) == 6
    assert len(script.programs) == 3
    assert [type(v).__name__ for v in script.seen].count("CorrectorView") == 5


@pytest.mark.parametrize("corrected", [True, False])
async def test_a_program_that_is_wrong_on_a_worked_example_is_corrected_or_rejected(
    corrected: bool, sandbox: SandboxExecutor
) -> None:
    """The examples come first in the sequence: right on all later terms says nothing of them."""
    later = "n = int(input())\nprint(n * n if n > 4 else 7)"
    record = await work(Script(programs=[later] * 6 if not corrected else [later, RIGHT]), sandbox)
    assert record.cases is not None
    assert record.problem is not None
    failing = record.rounds[0].failing
    assert failing is not None
    assert (failing.input, failing.got) == (record.cases.examples[0].input, "7")
    if corrected:
        assert (record.outcome, record.corrections) == (Outcome.ACCEPTED, 1)
        told = messages(record.problem, record.cases, record.rounds)[1]["content"]
        assert told.count("```python") == 3
    else:
        assert record.reason == Reason.ROUNDS_USED_UP


async def test_solver_and_corrector_see_no_hidden_case_but_the_failing_one(sandbox: SandboxExecutor) -> None:
    # Outputs of five digits, so that a number in a view can only come from the case itself.
    def formula(n: int) -> int:
        return 54321 + 1777 * n * n

    sequence = Sequence(id="A999999", name="x", terms=tuple(map(formula, range(40))), offset=0)
    script = Script(programs=["print(54321 + 1777 * int(input()))"] * 6, formula=formula)
    record = await work(script, sandbox, sequence)
    assert record.reason == Reason.ROUNDS_USED_UP
    assert record.cases is not None
    hidden = {c.output for c in record.cases.hidden}
    far = {c.output for c in record.cases.far}
    for view in script.seen:
        text = repr(view)
        assert not any(term in text for term in far)
        if isinstance(view, ValidatorView):
            assert not any(c.output in text for c in record.cases.examples)
        if not isinstance(view, WriterView):
            shown = {term for term in hidden if term in text}
            allowed = {view.failing.expected} if isinstance(view, AnalystView | CorrectorView) else set()
            assert shown <= allowed


async def test_a_program_that_only_knows_the_hidden_cases_fails_on_a_far_one(
    sandbox: SandboxExecutor,
) -> None:
    source = "n = int(input())\nprint(n * n if n < 14 else n * n + 1)"
    record = await work(Script(programs=[source]), sandbox)
    assert (record.outcome, record.stage, record.reason) == (
        Outcome.REJECTED,
        Stage.ACCEPTANCE,
        Reason.FAR_CASE_FAILED,
    )


async def test_a_table_of_all_terms_is_rejected(sandbox: SandboxExecutor) -> None:
    source = f"print({[n * n for n in range(40)]}[int(input())])"
    assert (await work(Script(programs=[source]), sandbox)).reason == Reason.LOOKUP_TABLE


@pytest.mark.parametrize("end", ["while True: pass", "x = [0] * 10**10", "while True: print(n)"])
async def test_a_program_that_stops_answering_after_the_hidden_cases_is_rejected(
    end: str, sandbox: SandboxExecutor
) -> None:
    source = f"n = int(input())\nif n < 13:\n    print(n * n)\nelse:\n    {end}"
    record = await work(Script(programs=[source]), sandbox, cpu_seconds=1)
    assert record.outcome is Outcome.REJECTED
    assert record.reason in (Reason.TOO_FEW_FAR_CASES, Reason.FAR_CASE_FAILED)


@pytest.mark.parametrize(
    ("values", "program"),
    [
        ([0, 1, 0, 0, 0, 0, -1], "print([0, 1, 0, 0, 0, 0, -1][int(input()) % 7])"),
        ([2, 2, 1, 0, 1, 1, 1, 0], "print([2, 2, 1, 0, 1, 1, 1, 0][int(input()) % 8])"),
    ],
)
async def test_a_period_of_seven_or_eight_is_a_rule_where_enough_terms_are_known(
    values: list[int], program: str, sandbox: SandboxExecutor
) -> None:
    def formula(n: int) -> int:
        return values[n % len(values)]

    sequence = Sequence(id="A999998", name="x", terms=tuple(map(formula, range(60))), offset=0)
    record = await work(Script(programs=[program], formula=formula), sandbox, sequence)
    assert (record.outcome, record.reason) == (Outcome.ACCEPTED, "")


async def test_a_program_that_depends_on_the_hash_seed_is_rejected(sandbox: SandboxExecutor) -> None:
    source = (
        "n = int(input())\nwords = {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}\n"
        "first = list(words)\nstate = hash(''.join(first))\n"
        "import os\nseed = hash('codeseq')\n"
        "print(n * n if seed == %d else n * n + 1)"
    )
    probe = sandbox.run(Execution(source="print(hash('codeseq'))", inputs=("",)))
    record = await work(Script(programs=[source % int(probe.runs[0].stdout)]), sandbox)
    assert record.reason == Reason.NONDETERMINISTIC


async def test_far_cases_beyond_the_limits_are_not_counted_as_failures(sandbox: SandboxExecutor) -> None:
    source = "n = int(input())\nwhile n > 20: pass\nprint(n * n)"
    settings = {"cpu_seconds": 1}
    record = await work(Script(programs=[source]), sandbox, **settings)
    assert record.outcome is Outcome.ACCEPTED
    assert record.acceptance is not None
    assert record.acceptance.far is not None
    assert record.acceptance.far.kind is VerdictKind.TIME_LIMIT
    assert 0 < record.acceptance.far_checked < record.acceptance.far_total


async def test_two_wrong_validations_reject_and_one_does_not(sandbox: SandboxExecutor) -> None:
    record = await work(Script(worked_out=[("0", "0"), None]), sandbox)
    assert (record.stage, record.reason) == (Stage.VALIDATION, Reason.NOT_VALIDATED)
    assert not record.rounds
    assert record.cases is not None
    truth = tuple(c.output for c in record.cases.examples)
    assert (await work(Script(worked_out=[("0", "0"), truth]), sandbox)).outcome is Outcome.ACCEPTED


async def test_a_false_example_never_reaches_the_solver(sandbox: SandboxExecutor) -> None:
    script = Script(example_error=1)
    record = await work(script, sandbox)
    assert (record.stage, record.reason) == (Stage.CHECKS, Reason.EXAMPLE_WRONG)
    assert not any(isinstance(view, SolverView) for view in script.seen)
    assert record.problem is not None


async def test_an_unusable_answer_is_a_reason_with_its_words(sandbox: SandboxExecutor) -> None:
    record = await work(Script(programs=[]), sandbox)
    assert (record.stage, record.reason, record.detail) == (
        Stage.PROGRAM,
        Reason.UNUSABLE_ANSWER,
        "no code block",
    )
    assert record.calls


@pytest.mark.parametrize("stage", ["filter", "problem", "validation", "program", "analysis", "correction"])
async def test_infrastructure_trouble_anywhere_is_failed_never_rejected(
    stage: str, sandbox: SandboxExecutor
) -> None:
    script = Script(programs=[WRONG, RIGHT], trouble_at=stage, screening=KEPT)
    script.trouble.calls = (Call(stage=f"{stage}.answered", agent="script"),)  # type: ignore[attr-defined]
    record = await work(script, sandbox)
    assert (record.outcome, record.reason) == (Outcome.FAILED, Reason.INFRASTRUCTURE)
    assert "the server is gone" in record.detail
    answered = [call for call in record.calls if call.stage.endswith(".answered")]
    assert len(answered) == 1, "what was paid for before the trouble is in the record, once"
    assert answered[0].round == (1 if stage == "correction" else 0)


async def test_a_sandbox_without_a_judgement_is_failed_never_rejected() -> None:
    class Broken:
        async def execute(self, execution: Execution) -> ExecutionReport:
            raise InfrastructureError("killed")

    assert (await work(Script(), Broken())).outcome is Outcome.FAILED


async def test_an_endpoint_that_refuses_everybody_stops_the_run(sandbox: SandboxExecutor) -> None:
    with pytest.raises(EndpointRefusedError):
        await work(Script(trouble_at="program", trouble=EndpointRefusedError("401")), sandbox)


async def test_too_few_terms_is_a_reason_before_anyone_is_asked(sandbox: SandboxExecutor) -> None:
    script = Script()
    record = await work(script, sandbox, SQUARES.model_copy(update={"terms": (1, 4, 9, 16, 25, 36)}))
    assert record.reason == Reason.TOO_FEW_TERMS_LEFT
    assert not script.seen


async def test_cases_that_one_print_would_pass_are_no_problem(sandbox: SandboxExecutor) -> None:
    script = Script()
    terms = (1, 5, 11, *[6] * 40)  # three different values at the head, which the problem drops
    record = await work(script, sandbox, SQUARES.model_copy(update={"terms": terms}))
    assert (record.stage, record.reason) == (Stage.CASES, Reason.CASES_ALIKE)
    assert record.detail == "all of them give 6"
    assert not script.seen


async def test_a_fitter_needs_five_terms_that_it_did_not_see(sandbox: SandboxExecutor) -> None:
    for length in range(10, 40):
        script = Script(fits_terms=True)
        record = await work(script, sandbox, SQUARES.model_copy(update={"terms": SQUARES.terms[:length]}))
        unseen = length - max(10, 2 * length // 3)
        if record.reason == Reason.TOO_FEW_FAR_CASES:
            assert not script.seen
            assert unseen < 5 or length < 20
        else:
            assert record.outcome is Outcome.ACCEPTED
            assert record.acceptance is not None
            assert record.acceptance.far_unseen >= 5
            assert record.acceptance.far_unseen <= unseen


async def test_a_problem_told_anew_is_checked_and_validated_again(sandbox: SandboxExecutor) -> None:
    script = Script(programs=[WRONG, RIGHT], restates=True)
    record = await work(script, sandbox)
    assert record.problem is not None
    assert record.problem.description == "Tiles again."
    assert [c.stage for c in record.calls].count("validation") == 2
    truth = tuple(e.output for e in record.problem.examples)
    script = Script(programs=[WRONG, RIGHT], restates=True, worked_out=[truth, ("7", "7"), ("7", "7")])
    assert (await work(script, sandbox)).reason == Reason.NOT_VALIDATED


# --------------------------------------------------------------------------------------------------- the filter


async def test_a_dropped_entry_is_rejected_with_the_agents_words_before_a_problem_is_asked_for(
    sandbox: SandboxExecutor,
) -> None:
    dropped = KEPT.model_copy(update={"keep": False, "reason": "no rule"})
    script = Script(screening=dropped)
    record = await work(script, sandbox)
    assert (record.outcome, record.stage, record.reason, record.detail) == (
        Outcome.REJECTED,
        Stage.FILTER,
        Reason.FILTERED_OUT,
        "no rule",
    )
    assert record.screening == dropped
    assert [call.stage for call in record.calls] == ["filter"]


async def test_a_kept_entry_goes_on_and_its_screening_is_stored(sandbox: SandboxExecutor) -> None:
    record = await work(Script(screening=KEPT), sandbox)
    assert (record.outcome, record.screening) == (Outcome.ACCEPTED, KEPT)
    off = await work(Script(screening=KEPT), sandbox, agent_filter=False)
    assert (off.outcome, off.screening) == (Outcome.ACCEPTED, None)
    assert "filter" not in [call.stage for call in off.calls]
    unasked = await work(Script(), sandbox)
    assert (unasked.outcome, unasked.screening) == (Outcome.ACCEPTED, None)


# ------------------------------------------------------------------------------------- fresh starts, candidates

NEARLY = "n = int(input())\nprint(n * n if n < 6 else 0)"
"""Passes some hidden cases."""


@dataclass
class Sampled(Script):
    """Programs by round and sample; None: an unusable answer; an error: raised."""

    by_round: list[list[str | Exception | None]] = field(default_factory=list)
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    open: int = 0
    most_open: int = 0

    async def _sample(self, stage: str, view: object, attempt: int, sample: int) -> Answer[Program]:
        self.seen.append(view)
        self.asked.append((stage, attempt, sample))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(0.001 * (len(self.by_round[attempt]) - sample))  # the last is the first to answer
        self.open -= 1
        said = self.by_round[attempt][sample]
        calls = (Call(stage=stage, agent=self.name, prompt_tokens=10, completion_tokens=1),)
        if isinstance(said, Exception):
            if isinstance(said, InfrastructureError):
                said.calls = calls
            raise said
        if said is None:
            return Answer(None, calls, why_none="cut off", reason=Reason.ANSWER_TRUNCATED)
        return Answer(Program(source=said), calls)

    async def write_program(self, view: SolverView, *, sample: int = 0, attempt: int = 0) -> Answer[Program]:
        return await self._sample("program", view, attempt, sample)

    async def correct(self, view: CorrectorView, *, sample: int = 0, attempt: int = 0) -> Answer[Correction]:
        answer = await self._sample("correction", view, attempt, sample)
        value = None if answer.value is None else Correction(answer.value)
        return Answer(value, answer.calls, answer.why_none, answer.reason)


@pytest.mark.parametrize(
    ("after", "stages"),
    [
        (None, "program correction correction correction correction correction"),
        (0, "program program program program program program"),
        (1, "program correction program correction program correction"),
        (2, "program correction correction program correction correction"),
        (5, "program correction correction correction correction correction"),
    ],
)
async def test_after_so_many_failed_corrections_in_a_row_a_program_is_written_anew(
    after: int | None, stages: str, sandbox: SandboxExecutor
) -> None:
    script = Sampled(by_round=[[WRONG]] * 6)
    record = await work(script, sandbox, fresh_start_after=after)
    assert record.reason == Reason.ROUNDS_USED_UP
    assert [stage for stage, _, _ in script.asked] == stages.split()
    assert [attempt for _, attempt, _ in script.asked] == list(range(6)), "no two are the same question"
    for number, (stage, judged) in enumerate(zip(stages.split(), record.rounds, strict=True)):
        assert judged.fresh == (stage == "program" and number > 0)
        analysed = number < 5 and stages.split()[number + 1] == "correction"
        assert (judged.analysis is not None) == analysed, "nobody is asked why what is thrown away failed"
        assert judged.failing is not None
    fresh = [view for view in script.seen if isinstance(view, SolverView)]
    assert all(view == fresh[0] for view in fresh), "a fresh start sees the problem and no failing case"


async def test_the_first_candidate_in_order_that_passes_wins_whoever_answers_first(
    sandbox: SandboxExecutor,
) -> None:
    other = "n = int(input())\nprint(n ** 2)"
    script = Sampled(by_round=[[WRONG, RIGHT, None, other, WRONG]])
    record = await work(script, sandbox, candidates=5)
    assert record.outcome is Outcome.ACCEPTED
    assert script.most_open == 5, "candidates are asked for side by side"
    (only,) = record.rounds
    assert only.program.source == RIGHT
    assert [one.program.source for one in only.others] == [WRONG, other, WRONG]
    assert [one.verdict.ok for one in only.others] == [False, True, False]
    assert len([c for c in record.calls if c.stage == "program"]) == 5


async def test_a_round_goes_on_with_the_candidate_that_passed_most(sandbox: SandboxExecutor) -> None:
    later = NEARLY.replace("n < 6", "n in (2, 3, 4, 5)")
    script = Sampled(by_round=[[WRONG, NEARLY, later], [None, RIGHT, WRONG]])
    record = await work(script, sandbox, candidates=3)
    assert record.outcome is Outcome.ACCEPTED
    first, second = record.rounds
    assert first.program.source == NEARLY, "of equals, the first"
    assert (first.verdict.passed, second.program.source) == (first.others[1].verdict.passed, RIGHT)
    assert first.verdict.passed > first.others[0].verdict.passed
    (corrected, *_) = (view for view in script.seen if isinstance(view, CorrectorView))
    assert corrected.program.source == NEARLY


async def test_equal_candidates_are_judged_once(sandbox: SandboxExecutor) -> None:
    class Counting:
        def __init__(self) -> None:
            self.sources: list[str] = []

        async def execute(self, execution: Execution) -> ExecutionReport:
            self.sources.append(execution.source)
            return await sandbox.execute(execution)

    counting = Counting()
    record = await work(Sampled(by_round=[[WRONG] * 4]), counting, candidates=4, corrections=0)
    once = Counting()
    await work(Sampled(by_round=[[WRONG]]), once, corrections=0)
    assert counting.sources == once.sources
    assert len(record.rounds[0].others) == 3


async def test_only_where_no_candidate_can_be_used_the_sequence_ends(sandbox: SandboxExecutor) -> None:
    record = await work(Sampled(by_round=[[None, None]]), sandbox, candidates=2)
    assert (record.stage, record.reason, record.detail) == (
        Stage.PROGRAM,
        Reason.ANSWER_TRUNCATED,
        "cut off",
    )
    assert len([c for c in record.calls if c.stage == "program"]) == 2


async def test_a_correction_that_cannot_be_used_uses_up_its_round_and_not_the_sequence(
    sandbox: SandboxExecutor,
) -> None:
    script = Sampled(by_round=[[WRONG], [None], [None], [RIGHT]])
    record = await work(script, sandbox)
    assert record.outcome is Outcome.ACCEPTED
    assert [judged.number for judged in record.rounds] == [0, 3]
    assert record.corrections == 3
    assert [attempt for _, attempt, _ in script.asked] == [0, 1, 2, 3], "no two are the same question"
    assert [c.round for c in record.calls if c.stage == "correction"] == [1, 2, 3]
    assert len([c for c in record.calls if c.stage == "analysis"]) == 1, "why it failed is known"


async def test_rounds_without_a_program_are_counted_and_the_last_one_says_why(
    sandbox: SandboxExecutor,
) -> None:
    script = Sampled(by_round=[[WRONG], [None], [WRONG], [None]])
    record = await work(script, sandbox, corrections=3)
    assert (record.stage, record.reason) == (Stage.REFLECTION, Reason.ANSWER_TRUNCATED)
    assert len(script.asked) == 4
    record = await work(Sampled(by_round=[[WRONG], [None], [WRONG]]), sandbox, corrections=2)
    assert record.reason == Reason.ROUNDS_USED_UP


async def test_a_prompt_that_does_not_fit_is_not_asked_again(sandbox: SandboxExecutor) -> None:
    class Long(Sampled):
        async def analyse(self, view: AnalystView, *, attempt: int = 0) -> Answer[Analysis]:
            return Answer(None, self._call("analysis", view), why_none="", reason=Reason.PROMPT_TOO_LONG)

    record = await work(Long(by_round=[[WRONG]]), sandbox)
    assert record.reason == Reason.PROMPT_TOO_LONG
    assert len([c for c in record.calls if c.stage == "analysis"]) == 1


async def test_trouble_of_one_candidate_loses_no_call_of_the_others(sandbox: SandboxExecutor) -> None:
    trouble: list[str | Exception | None] = [
        RIGHT,
        InfrastructureError("gone"),
        None,
        InfrastructureError("gone too"),
    ]
    record = await work(Sampled(by_round=[[WRONG] * 4, trouble]), sandbox, candidates=4)
    assert (record.outcome, record.reason) == (Outcome.FAILED, Reason.INFRASTRUCTURE)
    assert [(c.stage, c.round) for c in record.calls if c.stage == "correction"] == [("correction", 1)] * 4
    assert len(record.rounds) == 1
    assert record.rounds[0].analysis is not None


@pytest.mark.parametrize(
    "error", [EndpointRefusedError("401"), CapReachedError("tokens"), StoreError("cache damaged")]
)
async def test_what_ends_a_run_passes_through_beside_lesser_trouble(
    error: Exception, sandbox: SandboxExecutor
) -> None:
    script = Sampled(by_round=[[InfrastructureError("gone"), error, RIGHT]])
    with pytest.raises(type(error)):
        await work(script, sandbox, candidates=3)


async def test_an_agent_by_rule_is_asked_for_one_program_and_for_no_fresh_start(
    sandbox: SandboxExecutor,
) -> None:
    script = Sampled(by_round=[[WRONG, WRONG], [RIGHT, RIGHT]], by_rule=True)
    record = await work(script, sandbox, candidates=2, fresh_start_after=0)
    assert record.outcome is Outcome.ACCEPTED
    assert script.asked == [("program", 0, 0), ("correction", 1, 0)]


async def test_every_call_says_which_round_it_was_for(sandbox: SandboxExecutor) -> None:
    script = Script(programs=[WRONG, WRONG, RIGHT], screening=KEPT)
    record = await work(script, sandbox)
    assert [(call.stage, call.round) for call in record.calls] == [
        *(("filter", 0), ("problem", 0), ("validation", 0), ("program", 0)),
        *(("analysis", 0), ("correction", 1), ("analysis", 1), ("correction", 2)),
    ]


# ------------------------------------------------------------------------------------------------ pairs in turn


async def in_turn(sandbox: object, *scripts: Script) -> SequenceRecord:
    return await synthesise_in_turn(
        Assignment(SQUARES, Split.SFT, SQUARES.id, attempt=2),
        tuple((script, script) for script in scripts),
        sandbox,  # type: ignore[arg-type]
        SynthesisSettings(),
    )


async def test_the_next_pair_works_only_on_what_the_first_rejected(sandbox: SandboxExecutor) -> None:
    first, second = Script(name="one"), Script(name="two")
    record = await in_turn(sandbox, first, second)
    assert (record.outcome, record.agents, record.earlier) == (Outcome.ACCEPTED, "one", ())
    assert not second.seen

    first = Script(name="one", programs=[])
    record = await in_turn(sandbox, first, second)
    assert (record.outcome, record.agents, record.attempt) == (Outcome.ACCEPTED, "two", 2)
    (gave_up,) = record.earlier
    assert (gave_up.agents, gave_up.stage, gave_up.reason, gave_up.detail) == (
        "one",
        Stage.PROGRAM,
        Reason.UNUSABLE_ANSWER,
        "no code block",
    )
    assert [call.agent for call in record.calls] == ["one"] * 3 + ["two"] * 3
    assert record.tokens == 66


async def test_trouble_ends_the_turns_and_the_last_rejection_counts(sandbox: SandboxExecutor) -> None:
    third = Script(name="three")
    record = await in_turn(
        sandbox, Script(name="one", example_error=1), Script(name="two", trouble_at="program"), third
    )
    assert (record.outcome, record.agents) == (Outcome.FAILED, "two")
    assert [one.agents for one in record.earlier] == ["one"]
    assert not third.seen
    record = await in_turn(sandbox, Script(name="one", example_error=1), Script(name="two", programs=[]))
    assert (record.outcome, record.agents, record.stage) == (Outcome.REJECTED, "two", Stage.PROGRAM)
    assert [one.reason for one in record.earlier] == [Reason.EXAMPLE_WRONG]


async def test_answers_that_never_could_be_read_are_not_called_a_wrong_validation(
    sandbox: SandboxExecutor,
) -> None:
    class Mute(Script):
        async def validate(self, view: ValidatorView, *, attempt: int = 0) -> Answer[tuple[str, ...]]:
            return Answer(None, why_none="cut off", reason=Reason.ANSWER_TRUNCATED)

    record = await work(Mute(), sandbox)
    assert (record.stage, record.reason, record.detail) == (
        Stage.VALIDATION,
        Reason.ANSWER_TRUNCATED,
        "cut off",
    )


# ------------------------------------------------------------------------- problems by one, programs by another


async def test_programs_of_a_model_are_not_trusted_and_it_sees_no_window_whoever_wrote_the_problem(
    sandbox: SandboxExecutor,
) -> None:
    class Watching:
        def __init__(self) -> None:
            self.trusted: set[bool] = set()

        async def execute(self, execution: Execution) -> ExecutionReport:
            self.trusted.add(execution.trusted)
            return await sandbox.execute(execution)

    rules = Script(name="rules", fits_terms=True, by_rule=True)
    model = Script(name="model", programs=[WRONG, RIGHT])
    for working, guiding, trusted in (
        (MixedWorkingAgent(rules, model), MixedGuidingAgent(rules, model), False),
        (MixedWorkingAgent(rules, model), rules, False),
        (rules, rules, True),
    ):
        watching = Watching()
        model.programs = [WRONG, RIGHT]
        record = await synthesise(
            Assignment(SQUARES, Split.SFT, SQUARES.id),
            working,
            guiding,
            watching,
            SynthesisSettings(),
        )
        assert (record.outcome, watching.trusted) == (Outcome.ACCEPTED, {trusted})
        assert record.acceptance is not None
        assert record.acceptance.far_unseen < record.acceptance.far_total, "the window of its problem counts"
        rules.programs = [RIGHT]
    assert all(view.window for view in rules.seen if isinstance(view, WriterView))
    assert not any(view.window for view in model.seen if isinstance(view, CorrectorView))
    assert {type(view) for view in model.seen} == {SolverView, AnalystView, CorrectorView}


@dataclass
class Teller(Script):
    """Tells the problem again, in the words given."""

    words: list[str | None] = field(default_factory=list)

    async def paraphrase(self, view: ParaphraserView, *, sample: int = 0) -> Answer[str]:
        calls = self._call("paraphrase", view)
        said = self.words[sample]
        return Answer(said, calls, why_none="" if said else "no idea", reason=Reason.ANSWER_EMPTY)


async def test_paraphrases_are_judged_like_the_problem_and_left_out_with_their_reasons(
    sandbox: SandboxExecutor,
) -> None:
    words = [
        "Count the tiles of a square floor.",
        "a SQUARE floor, of n by n tiles!",
        None,
        "Squares of A000290.",
    ]
    programs = [RIGHT, RIGHT, WRONG, WRONG, RIGHT.replace("n * n", "n ** 2")]
    script = Teller(words=words, programs=programs)
    record = await work(script, sandbox, paraphrases=4, paraphrase_answers=2, corrections=1)
    assert record.outcome is Outcome.ACCEPTED
    assert [p.reason for p in record.paraphrases] == [
        "",
        Reason.REPEATS_ANOTHER,
        Reason.ANSWER_EMPTY,
        Reason.NAMES_THE_SEQUENCE,
    ]
    first, *others = record.paraphrases
    assert first.problem is not None
    assert record.problem is not None
    assert first.problem == record.problem.model_copy(update={"description": words[0]})
    assert [len(p.answers) for p in others] == [0, 0, 0]
    assert [(a.number, a.reason) for a in first.answers] == [(1, ""), (2, Reason.ROUNDS_USED_UP)]
    good = first.answers[0]
    assert good.acceptance is not None
    assert record.acceptance is not None
    assert good.acceptance.far_checked == record.acceptance.far_checked
    assert good.acceptance.mutants == 0
    assert SequenceRecord.model_validate_json(record.model_dump_json()) == record


async def test_a_paraphrase_that_the_validator_works_out_otherwise_is_never_solved(
    sandbox: SandboxExecutor,
) -> None:
    class Doubtful(Teller):
        async def validate(self, view: ValidatorView, *, attempt: int = 0) -> Answer[tuple[str, ...]]:
            self.formula = (lambda n: 2 * n) if view.description == "Another floor." else lambda n: n * n
            return await super().validate(view, attempt=attempt)

    script = Doubtful(words=["Another floor."])
    record = await work(script, sandbox, paraphrases=1)
    assert [p.reason for p in record.paraphrases] == [Reason.NOT_VALIDATED]
    assert [type(v).__name__ for v in script.seen].count("SolverView") == 1


async def test_answers_that_went_the_same_way_are_one(sandbox: SandboxExecutor) -> None:
    script = Teller(words=["Another floor."], programs=[RIGHT] * 4)
    record = await work(script, sandbox, paraphrases=1, paraphrase_answers=3)
    assert [a.reason for a in record.paraphrases[0].answers] == ["", *[Reason.REPEATS_ANOTHER] * 2]


@pytest.mark.parametrize("stage", ["paraphrase", "validation", "program"])
async def test_trouble_with_a_paraphrase_fails_the_sequence_and_keeps_what_was_paid(
    stage: str, sandbox: SandboxExecutor
) -> None:
    class Later(Teller):
        def _call(self, at: str, view: object) -> tuple[Call, ...]:
            before = [type(v).__name__ for v in self.seen]
            name = type(view).__name__
            if at == stage and (stage == "paraphrase" or name in before):
                trouble = InfrastructureError("the server is gone")
                trouble.calls = (Call(stage=at, agent="half", prompt_tokens=5),)
                raise trouble
            return super()._call(at, view)

    script = Later(words=["Another floor.", "One more floor."], programs=[RIGHT] * 3)
    record = await work(script, sandbox, paraphrases=2)
    assert (record.outcome, record.stage, record.reason) == (
        Outcome.FAILED,
        Stage.PARAPHRASE,
        Reason.INFRASTRUCTURE,
    )
    of_paraphrases = [call for call in record.calls if call.stage.startswith("paraphrase")]
    assert [call.agent for call in of_paraphrases].count("half") == 2
    assert len(record.calls) == len(script.seen) + 2


@pytest.mark.parametrize("split", [Split.RL, Split.EVAL])
async def test_only_problems_for_sft_are_told_again(split: Split, sandbox: SandboxExecutor) -> None:
    script = Teller(words=["Another floor."], programs=[RIGHT] * 2)
    settings = SynthesisSettings(paraphrases=1)
    assigned = Assignment(SQUARES, split, SQUARES.id)
    record = await synthesise(assigned, script, script, sandbox, settings)
    assert record.outcome is Outcome.ACCEPTED
    assert record.paraphrases == ()
