"""The two agents over models with every manner: a value or a typed reason, every call accounted for."""

from __future__ import annotations

import ast
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from codeseq_ray.agents.llm import LLMGuidingAgent, LLMWorkingAgent
from codeseq_ray.agents.prompting import Prompts
from codeseq_ray.agents.roles import Answer, Correction, GuidingAgent, WorkingAgent
from codeseq_ray.agents.structured import FilterDraft, parse
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
    Reason,
    Sequence,
    VerdictKind,
)

from .model import BROKEN, DEAD, RAMBLING, READABLE, Model

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
FILTER: dict[str, Ask] = {
    "filter": lambda m: LLMWorkingAgent(m, "w").filter(
        Visibility(SEQUENCE, PLAIN, fitter=False).writer()  # type: ignore[arg-type]
    ),
}
ALL = {**FILTER, **IN_JSON, **IN_CODE}


def accounted(answer: Answer[Any], model: Model) -> None:
    assert len(answer.calls) == len(model.requests)
    known = {Prompts().render("repair", fault="", shape="").id}
    for call, sent in zip(answer.calls, model.answered, strict=True):
        for name in (
            *("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"),
            *("attempts", "seconds", "replayed"),
        ):
            assert getattr(call, name) == getattr(sent, name), name
        assert call.agent == "drawn-by-hash@1"
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
    assert answer.reason == Reason.ANSWER_UNREADABLE
    assert answer.why_none
    assert len(hopeless.requests) == 2
    accounted(answer, hopeless)


@pytest.mark.parametrize("role", ALL)
@pytest.mark.parametrize(("manner", "kind"), DEAD.items())
async def test_an_answer_without_content_has_a_typed_reason_and_no_repair(
    role: str, manner: str, kind: Reason
) -> None:
    model = Model((manner,))
    answer = await ALL[role](model)
    assert answer.value is None
    assert answer.reason == kind
    assert answer.why_none
    assert len(model.requests) == 1
    accounted(answer, model)


@pytest.mark.parametrize("role", IN_CODE)
@pytest.mark.parametrize("manner", ["plain", "thoughts", "thoughts without opening", "unclosed", *RAMBLING])
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
async def test_an_answer_without_a_block_costs_one_repair_turn(role: str) -> None:
    mended = Model(("prose only", "plain"))
    answer = await IN_CODE[role](mended)
    assert answer.value is not None
    accounted(answer, mended)
    assert [call.stage for call in answer.calls] == [role, f"{role}.repair"]
    first, second = mended.requests
    assert second.messages[: len(first.messages)] == first.messages
    assert "```python" in second.messages[-1]["content"]
    assert "JSON" not in second.messages[-1]["content"]

    hopeless = Model(("prose only",))
    answer = await IN_CODE[role](hopeless)
    assert answer.reason == Reason.ANSWER_UNREADABLE
    assert "block" in answer.why_none
    assert len(hopeless.requests) == 2
    accounted(answer, hopeless)


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
        "filter": examples | hidden | failing,
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


async def test_the_filter_reflects_once_in_the_same_conversation_and_the_second_answer_counts() -> None:
    model = Model(("plain",))
    answer = await FILTER["filter"](model)
    assert answer.value is not None
    accounted(answer, model)
    assert [call.stage for call in answer.calls] == ["filter", "filter.reflection"]
    first, second = model.requests
    assert second.messages[: len(first.messages)] == first.messages
    assert [m["role"] for m in second.messages[len(first.messages) :]] == ["assistant", "user"]
    assert second.messages[len(first.messages)]["content"] == model.sent[0]
    said, reflected = (json.loads(text) for text in model.sent)
    assert (answer.value.plan, answer.value.kept_at_first, answer.value.first_reason) == (
        said["plan"],
        said["keep"],
        said["reason"],
    )
    assert (answer.value.reflection, answer.value.keep, answer.value.reason) == (
        reflected["reflection"],
        reflected["keep"],
        reflected["reason"],
    )


@pytest.mark.parametrize(
    ("word", "keep"), [("keep", True), ("Drop.", False), ("yes", True), ("false", False)]
)
def test_a_decision_may_be_a_word(word: str, keep: bool) -> None:
    said = json.dumps({"plan": "p", "reason": "r", "keep": word})
    parsed = parse(said, FilterDraft).value
    assert parsed is not None
    assert parsed.keep is keep


class Failing(Model):
    """Answers some requests, then the endpoint is gone."""

    answers: int = 1

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        if len(self.requests) >= self.answers:
            raise InfrastructureError("down")
        return await super().chat(request)


@pytest.mark.parametrize(
    ("role", "manners", "answers", "stages"),
    [
        *((role, ("prose only",), 1, [role]) for role in (*IN_JSON, *IN_CODE)),
        ("filter", ("plain",), 1, ["filter"]),
        ("filter", ("prose only",), 1, ["filter"]),
        ("filter", ("prose only", "plain"), 2, ["filter", "filter.repair"]),
        ("filter", ("plain", "prose only"), 2, ["filter", "filter.reflection"]),
    ],
)
async def test_what_was_answered_before_trouble_goes_with_the_trouble(
    role: str, manners: tuple[str, ...], answers: int, stages: list[str]
) -> None:
    model = Failing(manners)
    model.answers = answers
    with pytest.raises(InfrastructureError) as trouble:
        await ALL[role](model)
    assert [call.stage for call in trouble.value.calls] == stages
    assert [c.prompt_tokens for c in trouble.value.calls] == [a.prompt_tokens for a in model.answered]


async def test_samples_and_attempts_are_told_apart_in_the_request_alone() -> None:
    model = Model(("plain",))
    working, guiding = LLMWorkingAgent(model, "w"), LLMGuidingAgent(model, "g")
    await working.write_program(SEES.solver(PROBLEM), sample=3, attempt=2)
    await working.correct(SEES.corrector(PROBLEM, PROGRAM, FAILING, ANALYSIS), sample=1, attempt=4)
    await guiding.validate(SEES.validator(PROBLEM), attempt=1)
    await guiding.analyse(SEES.analyst(PROBLEM, PROGRAM, FAILING), attempt=5)
    assert [(r.sample, r.attempt) for r in model.requests] == [(3, 2), (1, 4), (0, 1), (0, 5)]
    await working.write_program(SEES.solver(PROBLEM))
    assert model.requests[-1].messages == model.requests[0].messages


async def test_each_role_is_bounded_by_its_own_tokens_and_its_agents_temperature() -> None:
    model = Model(("prose only",))
    working = LLMWorkingAgent(
        model, "w", temperature=0.9, filter_max_tokens=5, problem_max_tokens=11, program_max_tokens=22
    )
    guiding = LLMGuidingAgent(model, "g", temperature=0.1, validation_max_tokens=33, analysis_max_tokens=44)
    plain = Visibility(SEQUENCE, PLAIN, fitter=False).writer()  # type: ignore[arg-type]
    await working.filter(plain)
    await working.write_problem(plain)
    await working.write_program(SEES.solver(PROBLEM))
    await working.correct(SEES.corrector(PROBLEM, PROGRAM, FAILING, ANALYSIS))
    await guiding.validate(SEES.validator(PROBLEM))
    await guiding.analyse(SEES.analyst(PROBLEM, PROGRAM, FAILING))
    bounds = [(r.max_tokens, r.temperature) for r in model.requests]
    assert bounds == [(5, 0.9)] * 2 + [(11, 0.9)] * 2 + [(22, 0.9)] * 4 + [(33, 0.1)] * 2 + [(44, 0.1)] * 2


def test_the_agents_fill_the_roles() -> None:
    working: WorkingAgent = LLMWorkingAgent(Model(()), "w")
    guiding: GuidingAgent = LLMGuidingAgent(Model(()), "g")
    assert (working.name, working.fits_terms, working.by_rule, guiding.name) == ("w", False, False, "g")
