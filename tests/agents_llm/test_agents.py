"""The two agents over models with every manner: a value or a typed reason, every call accounted for."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from codeseq_ray.agents.llm import LLMGuidingAgent, LLMWorkingAgent
from codeseq_ray.agents.prompting import Prompts
from codeseq_ray.agents.roles import Answer, Correction, GuidingAgent, WorkingAgent
from codeseq_ray.agents.visibility import Visibility
from codeseq_ray.cases import divide, shifted
from codeseq_ray.errors import EndpointRefusedError, InfrastructureError
from codeseq_ray.ports import ChatAnswer, ChatRequest
from codeseq_ray.records import (
    Analysis,
    Example,
    FailingCase,
    Problem,
    Program,
    Sequence,
    VerdictKind,
)

from .model import BROKEN, DEAD, READABLE, Model

# Terms of our own, each long enough that no prompt holds one by chance.
SEQUENCE = Sequence(
    id="A999999",
    name="Masses of the moons, rounded.",
    terms=tuple(7_000_003 + 10_007 * n * n for n in range(40)),
    offset=0,
    comments=("Every mass is odd or even.",),
)
PLAIN = divide(SEQUENCE, 0)
assert PLAIN is not None
CASES = shifted(PLAIN, 1)
SEES = Visibility(SEQUENCE, CASES, fitter=False)
PROBLEM = Problem(
    description="Moons are weighed.",
    input_format="One integer n.",
    output_format="One integer.",
    examples=tuple(Example(input=c.input, output=c.output, explanation="Weighed.") for c in CASES.examples),
)
PROGRAM = Program(source="n = int(input())\nprint(n)\n")
FAILING = FailingCase(
    input=CASES.hidden[2].input,
    expected=CASES.hidden[2].output,
    got="5",
    kind=VerdictKind.WRONG_ANSWER,
    message="wrong answer",
)
ANALYSIS = Analysis(why_expected="Because it weighs so much.", what_is_wrong="It prints n.")

Ask = Callable[[Model], Awaitable[Answer[Any]]]
IN_JSON: dict[str, Ask] = {
    "problem": lambda m: LLMWorkingAgent(m, "w").write_problem(
        Visibility(SEQUENCE, PLAIN, fitter=False).writer()  # type: ignore[arg-type]
    ),
    "validation": lambda m: LLMGuidingAgent(m, "g").validate(SEES.validator(PROBLEM)),
    "analysis": lambda m: LLMGuidingAgent(m, "g").analyse(SEES.analyst(PROBLEM, PROGRAM, FAILING)),
}
IN_CODE: dict[str, Ask] = {
    "program": lambda m: LLMWorkingAgent(m, "w").write_program(SEES.solver(PROBLEM)),
    "correction": lambda m: LLMWorkingAgent(m, "w").correct(
        SEES.corrector(PROBLEM, PROGRAM, FAILING, ANALYSIS)
    ),
}
ALL = {**IN_JSON, **IN_CODE}


def accounted(answer: Answer[Any], model: Model) -> None:
    assert len(answer.calls) == len(model.requests)
    known = {Prompts().render("repair", fault="", shape="").id}
    for call in answer.calls:
        assert call.agent == "drawn-by-hash@1"
        assert call.prompt_tokens > 0
        assert call.completion_tokens > 0
        assert call.attempts >= 1
        assert len(call.prompt_id) == 12
        assert (call.prompt_id in known) == call.stage.endswith(".repair")
        assert "<think>" not in call.answer
        assert "</think>" not in call.answer


@pytest.mark.parametrize("role", IN_JSON)
@pytest.mark.parametrize("manner", READABLE)
async def test_an_object_is_read_in_whatever_manner_it_is_written(role: str, manner: str) -> None:
    model = Model((manner,))
    answer = await IN_JSON[role](model)
    assert answer.value is not None, answer.why_none
    assert len(model.requests) == 1, "a readable answer costs one call"
    accounted(answer, model)
    assert [call.stage for call in answer.calls] == [role]
    if "thoughts" in manner:
        assert "Hmm," in answer.calls[0].reasoning
        assert "Hmm," not in answer.calls[0].answer


@pytest.mark.parametrize("role", IN_JSON)
@pytest.mark.parametrize("manner", BROKEN)
async def test_a_broken_object_costs_one_repair_turn(role: str, manner: str) -> None:
    mended = Model((manner, "plain"))
    answer = await IN_JSON[role](mended)
    assert answer.value is not None
    accounted(answer, mended)
    assert [call.stage for call in answer.calls] == [role, f"{role}.repair"]
    first, second = mended.requests
    assert second.messages[: len(first.messages)] == first.messages
    assert [m["role"] for m in second.messages[len(first.messages) :]] == ["assistant", "user"]

    hopeless = Model((manner,))
    answer = await IN_JSON[role](hopeless)
    assert answer.value is None
    assert answer.why_none.startswith("broken_json: ")
    assert len(hopeless.requests) == 2
    accounted(answer, hopeless)


@pytest.mark.parametrize("role", ALL)
@pytest.mark.parametrize(("manner", "kind"), DEAD.items())
async def test_an_answer_without_content_has_a_typed_reason_and_no_repair(
    role: str, manner: str, kind: str
) -> None:
    model = Model((manner,))
    answer = await ALL[role](model)
    assert answer.value is None
    assert answer.why_none.startswith(f"{kind}: ")
    assert answer.reason == ""
    assert len(model.requests) == 1
    accounted(answer, model)


@pytest.mark.parametrize("role", IN_CODE)
@pytest.mark.parametrize(
    "manner", ["plain", "thoughts", "thoughts without opening", "unclosed", "rambling to the limit"]
)
async def test_the_last_block_is_the_program_and_never_a_thought(role: str, manner: str) -> None:
    model = Model((manner,))
    answer = await IN_CODE[role](model)
    assert answer.value is not None, answer.why_none
    program = answer.value.program if isinstance(answer.value, Correction) else answer.value
    ast.parse(program.source)
    assert program.source.startswith("n = int(input())\nprint(n + 0x")
    assert "The rule adds" in program.process
    assert "thought" not in program.process
    accounted(answer, model)


@pytest.mark.parametrize("role", IN_CODE)
async def test_an_answer_without_a_block_says_so(role: str) -> None:
    answer = await IN_CODE[role](Model(("prose only",)))
    assert answer.why_none.startswith("no_code_block: ")


async def test_values_come_through_digit_by_digit() -> None:
    for manner in ("plain", "numbers", "trailing commas"):
        model = Model((manner,))
        outputs = (await LLMGuidingAgent(model, "g").validate(SEES.validator(PROBLEM))).value
        assert outputs is not None
        assert len(outputs) == 2
        for output in outputs:
            assert str(int(output)) == output
            assert output in model.sent[0]


@pytest.mark.parametrize("role", ALL)
async def test_a_request_holds_what_its_role_may_see_and_no_more(role: str) -> None:
    model = Model(("prose only",))
    await ALL[role](model)
    assert model.requests
    examples, hidden, failing, far = (
        {c.output for c in CASES.examples},
        {c.output for c in CASES.hidden} - {FAILING.expected},
        {FAILING.expected},
        {c.output for c in CASES.far},
    )
    may = {
        "problem": examples | hidden | failing,
        "validation": set[str](),
        "program": examples,
        "analysis": examples | failing,
        "correction": examples | failing,
    }[role]
    for request in model.requests:
        text = "\n".join(m["content"] for m in request.messages)
        shown = {term for term in examples | hidden | failing | far if term in text}
        assert shown == may


@pytest.mark.parametrize("error", [InfrastructureError("down"), EndpointRefusedError("no")])
@pytest.mark.parametrize("role", ALL)
async def test_trouble_with_the_endpoint_passes_through(role: str, error: Exception) -> None:
    class Down(Model):
        async def chat(self, request: ChatRequest) -> ChatAnswer:
            raise error

    with pytest.raises(type(error)):
        await ALL[role](Down(()))


async def test_each_role_is_bounded_by_its_own_tokens_and_its_agents_temperature() -> None:
    model = Model(("prose only",))
    working = LLMWorkingAgent(model, "w", temperature=0.9, problem_max_tokens=11, program_max_tokens=22)
    guiding = LLMGuidingAgent(model, "g", temperature=0.1, validation_max_tokens=33, analysis_max_tokens=44)
    plain = Visibility(SEQUENCE, PLAIN, fitter=False).writer()  # type: ignore[arg-type]
    await working.write_problem(plain)
    await working.write_program(SEES.solver(PROBLEM))
    await working.correct(SEES.corrector(PROBLEM, PROGRAM, FAILING, ANALYSIS))
    await guiding.validate(SEES.validator(PROBLEM))
    await guiding.analyse(SEES.analyst(PROBLEM, PROGRAM, FAILING))
    bounds = [(r.max_tokens, r.temperature) for r in model.requests]
    assert bounds == [(11, 0.9)] * 2 + [(22, 0.9)] * 2 + [(33, 0.1)] * 2 + [(44, 0.1)] * 2


def test_the_agents_fill_the_roles() -> None:
    working: WorkingAgent = LLMWorkingAgent(Model(()), "w")
    guiding: GuidingAgent = LLMGuidingAgent(Model(()), "g")
    assert (working.name, working.fits_terms, guiding.name) == ("w", False, "g")
