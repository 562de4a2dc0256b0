"""The loop of one sequence, with agents that follow a script and a sandbox that really runs the programs.

The agents here are stand-ins for what agents may do (be wrong, be useless, name the sequence …); what is tested is
what the loop makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from codeseq_ray.agents.roles import Answer, Correction
from codeseq_ray.agents.visibility import (
    AnalystView,
    CorrectorView,
    SolverView,
    ValidatorView,
    WriterView,
)
from codeseq_ray.errors import EndpointRefusedError, InfrastructureError
from codeseq_ray.ports import Execution, ExecutionReport
from codeseq_ray.records import (
    Analysis,
    Call,
    Example,
    Outcome,
    Problem,
    Program,
    Reason,
    Sequence,
    SequenceRecord,
    Split,
    Stage,
    VerdictKind,
)
from codeseq_ray.sandbox.executor import SandboxExecutor
from codeseq_ray.synthesis import Assignment, SynthesisSettings, synthesise

SQUARES = Sequence(id="A000290", name="Squares", terms=tuple(n * n for n in range(40)), offset=0)
RIGHT = "n = int(input())\nprint(n * n)"
WRONG = "print(int(input()) * 3)"


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
    name: str = "script"
    restates: bool = False
    seen: list[object] = field(default_factory=list)

    def _call(self, stage: str, view: object) -> tuple[Call, ...]:
        self.seen.append(view)
        if self.trouble_at == stage:
            raise self.trouble
        return (Call(stage=stage, agent=self.name, prompt_tokens=10, completion_tokens=1),)

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

    async def validate(self, view: ValidatorView) -> Answer[tuple[str, ...]]:
        calls = self._call("validation", view)
        if self.worked_out:
            said = self.worked_out.pop(0)
            return Answer(said, calls, why_none="" if said else "no idea")
        return Answer(tuple(str(self.formula(int(n))) for n in view.inputs), calls)

    async def write_program(self, view: SolverView) -> Answer[Program]:
        calls = self._call("program", view)
        if not self.programs:
            return Answer(None, calls, why_none="no code block")
        return Answer(Program(source=self.programs.pop(0)), calls)

    async def analyse(self, view: AnalystView) -> Answer[Analysis]:
        return Answer(Analysis(why_expected="because", what_is_wrong="it"), self._call("analysis", view))

    async def correct(self, view: CorrectorView) -> Answer[Correction]:
        calls = self._call("correction", view)
        problem = view.problem.model_copy(update={"description": "Tiles again."}) if self.restates else None
        return Answer(Correction(Program(source=self.programs.pop(0)), problem), calls)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxExecutor]:
    executor = SandboxExecutor()
    yield executor
    executor.close()


async def work(
    script: Script, sandbox: object, sequence: Sequence = SQUARES, **settings: int
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


@pytest.mark.parametrize("stage", ["problem", "validation", "program", "analysis", "correction"])
async def test_infrastructure_trouble_anywhere_is_failed_never_rejected(
    stage: str, sandbox: SandboxExecutor
) -> None:
    record = await work(Script(programs=[WRONG, RIGHT], trouble_at=stage), sandbox)
    assert (record.outcome, record.reason) == (Outcome.FAILED, Reason.INFRASTRUCTURE)
    assert "the server is gone" in record.detail


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
