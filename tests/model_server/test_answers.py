"""The stand-in works: it reads the prompts as they are, finds rules, and its honest answers hold."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.agents.llm import LLMGuidingAgent, LLMWorkingAgent
from codeseq_ray.agents.visibility import Visibility
from codeseq_ray.cases import divide
from codeseq_ray.checks import check
from codeseq_ray.ports import ChatAnswer, ChatRequest
from codeseq_ray.records import Analysis, Case, FailingCase, Program, Sequence, VerdictKind
from tests.model_server.answers import Skill, StandIn
from tests.model_server.answers.finding import find
from tests.model_server.answers.functions import FUNCTIONS
from tests.model_server.answers.reading import Question
from tests.model_server.answers.statement import Statement
from tests.model_server.draws import digest

SURE = Skill(
    problems=1, validations=1, programs=1, analyses=1, corrections=1, keeps=1, changes_mind=0, broken_json=0
)
SURE = Skill(**{**vars(SURE), "cut_off": 0.0, "empty": 0.0, "refusals": 0.0, "thoughts": 0.0})
ERRING = Skill(**{**vars(SURE), "problems": 0.0, "programs": 0.0, "corrections": 0.0, "validations": 0.0})


class Client:
    """ports.ChatClient without a network: the stand-in alone."""

    model = "generator"

    def __init__(self, skill: Skill, *, schemas: bool = True) -> None:
        self.stand_in, self.schemas = StandIn(skill), schemas
        self.questions: list[Question] = []

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        body: dict[str, Any] = {"model": self.model, "messages": [dict(m) for m in request.messages]}
        if request.json_schema is not None and self.schemas:
            body["response_format"] = {"type": "json_schema", "json_schema": {"schema": request.json_schema}}
        question = Question.of(body)
        self.questions.append(question)
        reply = self.stand_in.reply(question, digest(body), request.attempt, request.sample)
        return ChatAnswer(reply.text, "stop", self.model, reply.reasoning)

    async def close(self) -> None: ...


def sequence(*terms: int, number: int = 999_901) -> Sequence:
    return Sequence(
        id=f"A{number}",
        name="A name that says nothing.",
        terms=terms,
        offset=1,
        comments=("It begins with 1, 2, 3, 4, 5, 6, 7, 8.",),
    )


LUCAS = sequence(9, 11, 20, 31, 51, 82, 133, 215, 348, 563, 911, 1474, 2385, 3859)


def played(program: str, n: int) -> str:
    printed: list[str] = []

    def asked(*words: str) -> str:
        printed.extend(words)
        return str(n)

    exec(program, {"input": asked, "print": lambda *words: printed.extend(map(str, words))})
    return " ".join(printed)


@pytest.mark.parametrize("schemas", [True, False])
async def test_every_prompt_of_ours_is_understood(schemas: bool) -> None:
    client = Client(SURE, schemas=schemas)
    working, guiding = LLMWorkingAgent(client, "generator"), LLMGuidingAgent(client, "verifier")
    plain = divide(LUCAS, 0)
    assert plain is not None
    writer = Visibility(LUCAS, plain, fitter=False).writer()
    screening = (await working.filter(writer)).value
    problem = (await working.write_problem(writer)).value
    assert screening is not None
    assert problem is not None
    assert screening.keep
    checked = check(problem, LUCAS, plain)
    assert checked.cases is not None, checked.detail
    view = Visibility(LUCAS, checked.cases, fitter=False)
    outputs = (await guiding.validate(view.validator(problem))).value
    assert outputs == tuple(case.output for case in checked.cases.examples)
    program = (await working.write_program(view.solver(problem))).value
    assert program is not None
    case = checked.cases.hidden[2]
    failing = FailingCase(
        input=case.input, expected=case.output, got="7", kind=VerdictKind.WRONG_ANSWER, message="It differs."
    )
    wrong = Program(source="n = int(input())\nprint(7)\n")
    analysis = (await guiding.analyse(view.analyst(problem, wrong, failing))).value
    assert analysis is not None
    correction = (await working.correct(view.corrector(problem, wrong, failing, analysis))).value
    assert correction is not None
    for source in (program.source, correction.program.source):
        for case in (*checked.cases.examples, *checked.cases.hidden, *checked.cases.far):
            assert played(source, int(case.input)) == case.output
    assert [q.kind for q in client.questions] == [
        *("filter", "filter.reflection", "problem", "validation", "program", "analysis", "correction")
    ]
    others = {case.output for case in checked.cases.hidden if case.input != failing.input}
    told = Analysis.model_dump_json(analysis)
    assert not [value for value in others if len(value) > 2 and value in told]


async def test_a_broken_object_is_given_whole_when_asked_again() -> None:
    client = Client(Skill(**{**vars(SURE), "broken_json": 1.0}))
    plain = divide(LUCAS, 0)
    assert plain is not None
    await LLMWorkingAgent(client, "generator").write_problem(Visibility(LUCAS, plain, fitter=False).writer())
    assert [q.name for q in client.questions] == ["problem", "problem.repair"]
    assert client.questions[1].entry_values == client.questions[0].entry_values


async def test_one_that_errs_is_found_out() -> None:
    plain = divide(LUCAS, 0)
    assert plain is not None
    working = LLMWorkingAgent(Client(ERRING), "generator")
    sure = LLMWorkingAgent(Client(SURE), "generator")
    problem = (await sure.write_problem(Visibility(LUCAS, plain, fitter=False).writer())).value
    assert problem is not None
    checked = check(problem, LUCAS, plain)
    assert checked.cases is not None
    view = Visibility(LUCAS, checked.cases, fitter=False).solver(problem)
    answers = await asyncio.gather(*(working.write_program(view, sample=i) for i in range(30)))
    programs = {a.value.source for a in answers if a.value}
    assert len(programs) > 4
    assert not [source for source in programs if _right(source, checked.cases.hidden)]


def _right(source: str, cases: tuple[Case, ...]) -> bool:
    try:
        return all(played(source, int(case.input)) == case.output for case in cases)
    except (NameError, KeyError):
        return False


@given(
    st.lists(st.integers(-9, 9), max_size=2),
    st.integers(-9, 9).filter(bool),
    st.integers(-3, 3),
    st.integers(-9, 9),
    st.data(),
)
def test_recurrences_are_found_told_read_and_programmed(
    factors: list[int], last: int, first: int, constant: int, data: st.DataObject
) -> None:
    factors = [*factors, last]
    values = data.draw(st.lists(st.integers(-99, 99), min_size=len(factors), max_size=len(factors)))
    while len(values) < 16:
        values.append(sum(c * values[-k] for k, c in enumerate(factors, 1)) + constant)
    _holds_up(first, values)


@given(st.lists(st.integers(-99, 99), min_size=1, max_size=5), st.integers(-3, 3))
def test_polynomials_are_found_told_read_and_programmed(factors: list[int], first: int) -> None:
    _holds_up(first, [sum(c * n**k for k, c in enumerate(factors)) for n in range(first, first + 16)])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_known_functions_are_found_told_read_and_programmed(name: str) -> None:
    _holds_up(2, [FUNCTIONS[name].compute(n) + 3 for n in range(2, 18)])


def _holds_up(first: int, values: list[int]) -> None:
    """Whatever is found in ten values holds for those, and says the same in every form."""
    found = find(first, tuple(values[:10]))
    assert found is not None
    assert Statement.read(f"A story. The rule is {found.said('K')}. Given n, print K(n).") == found
    program = found.program()
    assert [played(program, first + i) for i in range(10)] == [str(value) for value in values[:10]]
    assert played(program, first + 12) == str(found.value(first + 12))


def test_nothing_is_found_where_nothing_is() -> None:
    assert find(1, (3, 1, 4, 1, 5, 9, 2, 6, 5, 3)) is None


def test_the_same_question_gets_the_same_answer_and_another_turn_another() -> None:
    question = Question.of({"model": "m", "messages": [{"role": "user", "content": '{"keep": true}'}]})
    first = [StandIn().reply(question, "a", turn).text for turn in range(40)]
    assert first == [StandIn().reply(question, "a", turn).text for turn in range(40)]
    assert len(set(first)) > 1
    assert {json.loads(text)["keep"] for text in first if text.startswith("{") and text.endswith("}")}
