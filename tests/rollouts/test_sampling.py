"""What is made of one answer: the program or number in it, and a typed reason where there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from codeseq_ray.errors import InfrastructureError, InputError, StoreError
from codeseq_ray.judging.verdicts import Manner
from codeseq_ray.ports import ChatAnswer, ChatRequest, Execution, ExecutionReport, Run
from codeseq_ray.records import Outcome, Rollout, VerdictKind
from codeseq_ray.rollouts.questions import LISTED_CHARACTERS, Task, question
from codeseq_ray.rollouts.sampling import Sampler

ROW: dict[str, Any] = {
    "problem_id": "A000290-1",
    "sequence_id": "A000290",
    "description": "A field of n by n.",
    "input_format": "n",
    "output_format": "Its tiles.",
    "examples": [
        {"input": "1", "output": "1", "explanation": "one"},
        {"input": "2", "output": "4", "explanation": "four"},
    ],
    "cases": [{"input": str(n), "output": str(n * n)} for n in range(3, 9)],
    "far_cases": [{"input": str(n), "output": str(n * n)} for n in range(9, 60)],
}


@dataclass
class Says:
    """A policy that says one thing."""

    answer: ChatAnswer | InfrastructureError
    asked: list[ChatRequest] = field(default_factory=list)
    model: str = "policy"

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        self.asked.append(request)
        if isinstance(self.answer, InfrastructureError):
            raise self.answer
        return self.answer

    async def close(self) -> None: ...


class Squares:
    """A sandbox in which every program prints the square of its input, or fails to give a judgement."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.ran: list[str] = []

    async def execute(self, execution: Execution) -> ExecutionReport:
        self.ran.append(execution.source)
        if self.broken:
            raise InfrastructureError("killed")
        runs = tuple(Run(VerdictKind.PASSED, f"{int(text) ** 2}\n") for text in execution.inputs)
        return ExecutionReport(runs, ("seccomp",))


async def rollout(
    text: str, finish: str = "stop", task: Task = Task.GTG, executor: Squares | None = None, **row: Any
) -> Rollout:
    says = Says(ChatAnswer(text, finish, "policy", prompt_tokens=7, completion_tokens=5))
    sampler = Sampler(says, executor or Squares(), Manner(), 1.0, 100)
    return await sampler.sample(question({**ROW, **row}, task), 3)


CODE = "Squares.\n\n```python\nn = int(input())\nprint(n * n)\n```\n"


async def test_a_right_program_is_accepted_with_its_text_and_cost() -> None:
    made = await rollout(CODE)
    assert made.outcome is Outcome.ACCEPTED
    assert (made.reason, made.sample, made.attempt, made.tokens) == ("", 3, 4, 12)
    assert made.answer == "n = int(input())\nprint(n * n)\n"
    assert made.verdict is not None
    assert made.verdict.walls == ("seccomp",)


async def test_the_last_program_counts() -> None:
    sandbox = Squares()
    await rollout("```python\nfirst\n```\nNo:\n```python\nsecond\n```", executor=sandbox)
    assert sandbox.ran == ["second\n"]


async def test_a_program_in_thoughts_is_none() -> None:
    made = await rollout("<think>\n```python\nprint(1)\n```\n</think>\nI give up.")
    assert made.reason == "answer_unreadable"


async def test_a_wrong_program_says_how_far_it_came() -> None:
    cases = [*ROW["cases"][:2], {"input": "5", "output": "26"}, {"input": "6", "output": "36"}]
    made = await rollout(CODE, cases=cases)
    assert (made.outcome, made.reason) == (Outcome.REJECTED, "wrong_answer")
    assert made.verdict is not None
    assert (made.verdict.passed, made.verdict.total) == (3, 4)


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        ("", "stop", "answer_empty"),
        ("", "context_length", "prompt_too_long"),
        ("I'm sorry, but I cannot help with that.", "stop", "answer_refused"),
        ("blocked", "content_filter", "answer_refused"),
        ("Let me think about", "length", "answer_truncated"),
        ("Let me think about", "context_length", "context_too_short"),
        ("```python\nprint(", "context_length", "context_too_short"),
        ("```python\nprint(", "length", "answer_truncated"),
        ("The program adds one.", "stop", "answer_unreadable"),
    ],
)
async def test_an_answer_without_a_program_is_rejected_with_a_typed_reason(
    text: str, finish: str, reason: str
) -> None:
    says = Says(ChatAnswer(text, finish, "policy", completion_tokens=0 if reason == "prompt_too_long" else 5))
    made = await Sampler(says, Squares(), Manner(), 1.0, 100).sample(question(ROW, Task.GTG), 0)
    assert (made.outcome, made.reason) == (Outcome.REJECTED, reason)
    assert made.verdict is None


async def test_trouble_is_no_verdict() -> None:
    made = await Sampler(Says(InfrastructureError("gone")), Squares(), Manner(), 1.0, 9).sample(
        question(ROW, Task.GTG), 0
    )
    assert (made.outcome, made.tokens) == (Outcome.FAILED, 0)
    made = await rollout(CODE, executor=Squares(broken=True))
    assert made.outcome is Outcome.FAILED
    assert made.tokens == 12  # it was paid for


async def test_a_cache_that_cannot_be_read_ends_the_run() -> None:
    """Every further question would meet it too: that is no trouble of one rollout."""
    sampler = Sampler(Says(StoreError("cache/answers/x.parquet is missing")), Squares(), Manner(), 1.0, 9)
    with pytest.raises(StoreError, match="is missing"):
        await sampler.sample(question(ROW, Task.GTG), 0)


async def test_a_policy_is_asked_once_and_never_sees_a_case_that_is_judged() -> None:
    says = Says(ChatAnswer("no", "stop", "policy"))
    hidden = [{"input": str(n), "output": str(n + 987_000)} for n in range(3, 9)]
    far = [{"input": str(n), "output": str(n + 987_000)} for n in range(9, 30)]
    row = {**ROW, "cases": hidden, "far_cases": far}
    await Sampler(says, Squares(), Manner(), 0.5, 77).sample(question(row, Task.GTG), 9)
    (asked,) = says.asked
    text = "".join(message["content"] for message in asked.messages)
    assert not [case for case in (*hidden, *far) if case["output"] in text]
    assert (asked.sample, asked.max_tokens, asked.temperature, asked.json_schema) == (9, 77, 0.5, None)


@pytest.mark.parametrize(
    "text",
    [
        "Answer: 225",
        "So it is 15 * 15.\n\n**Answer: 225**",
        "The answer is 225.",
        "Answer: $\\boxed{225}$",
        "answer: 225 (since 15 * 15 = 225)",
        "Answer: 0225",
        "I think of squares.\n225",
        "Answer: 1\nNo, wait.\nAnswer: 225",
        "Answer: a(15) = 225",
        "Answer: a(15) = 225 = 15^2",
        "Answer: 15^2 = 225",
        "Answer: 15**2 = 225",
        "Answer: $15^{2} = 225$",
        "Answer: $15 \\times 15 = 225$.",
        "Answer: 225 = 15 * 15",
        "Answer: 15 squared is 225",
        "Answer: The 15th term is 225",
        "Answer: The 15th term is **225** (15 squared, and 14 + 1 = 15).",
        "Answer: term 15 comes to 225",
        "Answer: 225, since 15 * 15 = 225 and 14 + 1 = 15",
        "Answer: 225 is the 15th square",
        "Answer: +225",
        "Answer: **225**",
        "**Answer:** 225",
        "**Final answer**: `225`",
        "### Answer:\n\n225\n\nHere n is 15.",
        "Answer: \\(225\\)",
        "Answer: (225)",
        "Answer: \\boxed{a(15) = 225}, the square of 15",
        "Answer: 225\n\nThis answer is checked in 3 ways.",
        "The answer is: 225",
        "So the answer is $15^2 = 225$.",
    ],
)
async def test_the_next_number_is_read_where_the_answer_says_it(text: str) -> None:
    row = {"cases": ROW["cases"][:6], "far_cases": ROW["far_cases"][:7]}  # the last is 15
    made = await rollout(text, task=Task.NEXT_NUMBER, **row)
    assert made.outcome is Outcome.ACCEPTED, made


@pytest.mark.parametrize(
    "text", ["Answer: 1{,}024", "Answer: 1,024", "Answer: $1\\,024$", "Answer: \\boxed{1{,}024}"]
)
async def test_marks_between_thousands_are_no_end_of_a_number(text: str) -> None:
    made = await rollout(text, task=Task.NEXT_NUMBER, cases=[{"input": "3", "output": "1024"}], far_cases=[])
    assert made.outcome is Outcome.ACCEPTED, made


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Answer: 226",
            "Answer: -225",
            "225 squares, so 226",
            "Answer: 225.5",
            "Answer: 1,225",
            "Answer: 225th",
        ),
        *("Answer: 225 + 1 = 226", "Answer: 226 (not 225)", "Answer: a(225) = 226", "Answer: 225,000"),
        "Answer: 226\n\nThe answer is not 225",
    ],
)
async def test_another_number_is_wrong(text: str) -> None:
    row = {"cases": ROW["cases"][:6], "far_cases": ROW["far_cases"][:7]}
    made = await rollout(text, task=Task.NEXT_NUMBER, **row)
    assert made.outcome is Outcome.REJECTED


def test_all_but_the_last_of_the_listed_terms_are_shown() -> None:
    asked = question(ROW, Task.NEXT_NUMBER)
    (case,) = asked.cases
    shown = asked.prompt.split("\n\n")[1]
    assert len(shown) < LISTED_CHARACTERS
    assert shown.startswith("1, 4, 9, 16")
    assert case.output not in shown.split(", ")
    assert int(case.output) == (len(shown.split(", ")) + 1) ** 2


def test_long_numbers_leave_two_to_go_by() -> None:
    huge = [{"input": str(n), "output": str(10**400 + n)} for n in range(3, 9)]
    asked = question({**ROW, "cases": huge, "far_cases": []}, Task.NEXT_NUMBER)
    assert asked.prompt.split("\n\n")[1] == "1, 4"


@pytest.mark.parametrize("column", ["cases", "examples", "description"])
def test_a_row_that_lacks_a_column_is_said_with_its_name(column: str) -> None:
    row = {name: value for name, value in ROW.items() if name != column}
    with pytest.raises(InputError, match="A000290-1 is no problem"):
        question(row, Task.GTG)
