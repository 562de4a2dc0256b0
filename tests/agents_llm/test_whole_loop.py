"""A whole loop with models: every request of it scanned for what its reader may not see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from codeseq_ray.agents import visibility
from codeseq_ray.agents.llm import LLMGuidingAgent, LLMWorkingAgent
from codeseq_ray.agents.visibility import SolverView, Visibility
from codeseq_ray.cases import divide
from codeseq_ray.ports import ChatAnswer, ChatRequest
from codeseq_ray.records import Cases, Outcome, Problem, Sequence, SequenceRecord, Split
from codeseq_ray.sandbox.executor import SandboxExecutor
from codeseq_ray.synthesis.loop import Assignment, synthesise
from codeseq_ray.synthesis.settings import SynthesisSettings

from .leaks import asks_about, leaks_of_record, stage_of


def value(n: int) -> int:
    return 54_321 + 1_777 * n * n


TERMS = tuple(map(value, range(40)))
SEQUENCE = Sequence(
    id="A999999",
    name=f"Weights up to {TERMS[30]} and on.",
    terms=TERMS,
    offset=0,
    comments=(f"The last one known is a(39) = {TERMS[39]}.", "All are odd or even."),
    examples=(f"{', '.join(map(str, TERMS))}",),
    programs=(f"a(20) = {TERMS[20]:,}",),
)
PLAIN = divide(SEQUENCE, 0)
assert PLAIN is not None
NEXT = "n = int(input()) + 1\nprint(54321 + 1777 * n * n)"
"""Prints the term after the one asked for: a hidden term that the model computed itself."""
RIGHT = "n = int(input())\nprint(54321 + 1777 * n * n)"


@dataclass
class Both:
    """Both models: the problem is right, the programs come in order."""

    programs: list[str]
    asked: list[tuple[str, str]] = field(default_factory=list)
    """(stage, text) of every request."""

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        text = "\n".join(message["content"] for message in request.messages)
        self.asked.append((stage_of(request.messages), text))
        schema: Any = request.json_schema
        answer = self._object(set(schema["properties"])) if schema else self._program()
        return ChatAnswer(text=answer, finish_reason="stop", model="both")

    async def close(self) -> None: ...

    def _object(self, fields: set[str]) -> str:
        assert PLAIN is not None
        shown = [(case.input, case.output) for case in PLAIN.examples]
        said: dict[str, Any] = {
            "plan": "Look for a rule.",
            "rule": "By squares.",
            "reason": "There is one.",
            "keep": True,
            "reflection": "It is there.",
            "description": "A stone weighs 54321 and grows by 1777 for each square. How heavy is it after n?",
            "input_format": "n",
            "output_format": "its weight",
            "examples": [{"input": n, "output": v, "explanation": "By the rule."} for n, v in shown],
            "answers": [{"input": n, "steps": "By the rule.", "output": v} for n, v in shown],
            "why_expected": "The rule says so.",
            "what_is_wrong": "It is one off.",
        }
        return json.dumps({name: said[name] for name in fields})

    def _program(self) -> str:
        return f"So:\n```python\n{self.programs.pop(0)}\n```"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxExecutor]:
    executor = SandboxExecutor()
    yield executor
    executor.close()


async def looped(sandbox: SandboxExecutor) -> tuple[SequenceRecord, Both]:
    both = Both([NEXT, NEXT, NEXT, RIGHT])
    record = await synthesise(
        Assignment(SEQUENCE, Split.SFT, "f"),
        LLMWorkingAgent(both, "both"),
        LLMGuidingAgent(both, "both"),
        sandbox,
        SynthesisSettings(fresh_start_after=1),
    )
    return record, both


async def test_no_request_of_a_loop_tells_its_reader_more_than_the_table_allows(
    sandbox: SandboxExecutor,
) -> None:
    record, both = await looped(sandbox)
    assert (record.outcome, record.corrections) == (Outcome.ACCEPTED, 3)
    assert [stage for stage, _ in both.asked] == [
        *("filter", "filter", "problem", "validation"),
        *("program", "analysis", "correction", "program", "analysis", "correction"),
    ]
    for stage, text in both.asked:
        assert leaks_of_record(record, stage, text) == []
        assert asks_about(record, stage, text)
        other = record.model_copy(
            update={
                "sequence": SEQUENCE.model_copy(update={"name": "Others", "terms": TERMS[1:]}),
                "problem": None,
            }
        )
        assert not asks_about(other, stage, text)


def careless_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visibility, "Mask", lambda cases: str)


def careless_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    def solver(self: Visibility, problem: Problem) -> SolverView:
        cases: Cases = self._cases
        told = f"{problem.input_format} (for {cases.hidden[3].input} the answer is {cases.hidden[3].output})"
        return SolverView(problem.model_copy(update={"input_format": told}))

    monkeypatch.setattr(Visibility, "solver", solver)


@pytest.mark.parametrize(
    ("careless", "stages"),
    [(careless_writer, {"filter", "problem"}), (careless_solver, {"program"})],
)
async def test_the_scan_finds_the_requests_of_a_careless_house(
    careless: Any, stages: set[str], sandbox: SandboxExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless(monkeypatch)
    record, both = await looped(sandbox)
    assert {stage for stage, text in both.asked if leaks_of_record(record, stage, text)} == stages
