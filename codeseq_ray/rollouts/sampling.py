"""One rollout: a policy is asked once, and what it answers is judged. Nothing is repaired or asked again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codeseq_ray.agents.asking import Reply, ask
from codeseq_ray.agents.structured import last_code_block
from codeseq_ray.errors import InfrastructureError
from codeseq_ray.judging.verdicts import Manner, judge, normalised
from codeseq_ray.ports import ChatClient, ChatRequest, Executor
from codeseq_ray.records import Outcome, Program, Reason, Rollout, Verdict, VerdictKind
from codeseq_ray.rollouts.questions import Question, Task

STAGE = "rollout"

_ANSWER = re.compile(r"answer\s*(?:\*\*)?\s*(?:is|[:=：])\s*([^\n]*)", re.IGNORECASE)
_INTEGER = re.compile(r"(?<![\w.])[-−]?\d+(?:,\d{3})*(?![\w.]*\d)")
_LONGEST_LINE = 20_000
"""Characters of a line that are looked at for a number."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """How a policy is asked, and how its programs are run."""

    client: ChatClient
    executor: Executor
    manner: Manner
    temperature: float
    max_tokens: int

    async def sample(self, question: Question, number: int) -> Rollout:
        """Sample `number` of this question. Trouble around it (endpoint, sandbox) gives the outcome `failed`."""
        request = ChatRequest(
            ({"role": "user", "content": question.prompt},), self.max_tokens, self.temperature, sample=number
        )
        reply: Reply | None = None
        try:
            reply = await ask(self.client, STAGE, question.prompt_id, request)
            return await self._judged(question, number, reply)
        except InfrastructureError as trouble:
            return Rollout(
                sequence_id=question.sequence_id,
                sample=number,
                outcome=Outcome.FAILED,
                reason=Reason.INFRASTRUCTURE,
                detail=str(trouble),
                call=reply.call if reply else None,
            )

    async def _judged(self, question: Question, number: int, reply: Reply) -> Rollout:
        def ended(outcome: Outcome, reason: str, detail: str = "", **more: object) -> Rollout:
            facts = {"sequence_id": question.sequence_id, "sample": number, "call": reply.call, **more}
            return Rollout.model_validate({**facts, "outcome": outcome, "reason": reason, "detail": detail})

        found = _program(reply) if question.task is Task.GTG else _number(reply)
        if isinstance(found, tuple):
            return ended(Outcome.REJECTED, *found)
        if question.task is Task.GTG:
            verdict = await judge(self.executor, Program(source=found), question.cases, self.manner)
        else:
            verdict = _compared(found, question.cases[0].output)
        if verdict.ok:
            return ended(Outcome.ACCEPTED, "", answer=found, verdict=verdict)
        return ended(Outcome.REJECTED, verdict.kind.value, verdict.message, answer=found, verdict=verdict)


def broken(question: Question, number: int, trace: str) -> Rollout:
    """A rollout that a bug of ours ended."""
    return Rollout(
        sequence_id=question.sequence_id,
        sample=number,
        outcome=Outcome.FAILED,
        reason=Reason.INTERNAL_ERROR,
        detail=trace,
    )


def _program(reply: Reply) -> str | tuple[Reason, str]:
    """The last program of the answer, or why there is none."""
    if why := reply.unusable():
        return why
    block = last_code_block(reply.text)
    if block is None or (reply.truncated and not block.closed):
        return reply.misshapen("it holds no ```python block")
    return block.source


def _number(reply: Reply) -> str | tuple[Reason, str]:
    """The number that the answer ends with: after the last `Answer:`, else the last one of the text."""
    if why := reply.unusable():
        return why
    if reply.truncated:
        return reply.cut_off()
    said = _ANSWER.findall(reply.text)
    last_line = next((line for line in reversed(reply.text.splitlines()) if line.strip()), "")
    for line, which in ((said[-1] if said else "", 0), (last_line, -1)):
        if numbers := _INTEGER.findall(line[:_LONGEST_LINE]):
            return str(numbers[which]).replace(",", "").replace("−", "-")
    return reply.misshapen("it names no number")


def _compared(given: str, expected: str) -> Verdict:
    same = _canonical(given) == _canonical(expected)
    return Verdict(
        kind=VerdictKind.PASSED if same else VerdictKind.WRONG_ANSWER,
        passed=int(same),
        total=1,
        failing_case=None if same else 0,
        got="" if same else given[:2000],
        message="" if same else "another number comes next",
    )


def _canonical(number: str) -> str:
    text = normalised(number)
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    digits = digits.lstrip("0") or "0"
    return "0" if digits == "0" else sign + digits
