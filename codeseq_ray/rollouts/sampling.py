"""One rollout: a policy is asked once, and what it answers is judged. Nothing is repaired or asked again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codeseq_ray.agents.asking import Reply, ask
from codeseq_ray.agents.structured import last_code_block
from codeseq_ray.errors import InfrastructureError, StoreError
from codeseq_ray.judging.verdicts import Manner, judge, normalised
from codeseq_ray.ports import ChatClient, ChatRequest, Executor
from codeseq_ray.records import Outcome, Program, Reason, Rollout, Verdict, VerdictKind
from codeseq_ray.rollouts.questions import Question, Task

STAGE = "rollout"

_STATED = re.compile(
    r"^[^\w\n]*(?:the\s+|my\s+)?(?:final\s+)?answer[\s*_]*(?:is\s*)?[:=：][\s*_]*([^\n]*)", re.I | re.M
)
"""A line that begins with `Answer:`, as it was asked for; the number may stand on the next one."""
_MENTIONED = re.compile(r"answer[\s*_]*(?:is|[:=：])\s*([^\n]*)", re.I)
_BOXED = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}")
_ASIDE = re.compile(r"\([^()]*\)")
_NUMBER = r"(?<![\w.])[-−]?\d+(?:,\d{3})*(?!\w|\.\d|,\d{3})"
_ALONE = rf"({_NUMBER})(?!\s*(?:\*\*|[\^*/+×·−-]|\\times|\\cdot)\s*[\d({{])"
"""A number that is no part of a product, sum or power."""
_INTEGER = re.compile(_NUMBER)
_FIRST = re.compile(rf"^[^\w+−-]*\+?{_ALONE}\s*(?:$|[^\w\s]|(?:is|since|as|because|which)\b)")
_EQUALS = re.compile(rf"(?:=|\bis\b)[^\w=+−-]*{_ALONE}")
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
        """Sample `number` of this question. Trouble around it (endpoint, sandbox) gives the outcome `failed`.

        Raises StoreError when the response cache cannot be read: so would the next one.
        """
        request = ChatRequest(
            ({"role": "user", "content": question.prompt},), self.max_tokens, self.temperature, sample=number
        )
        reply: Reply | None = None
        try:
            reply = await ask(self.client, STAGE, question.prompt_id, request)
            return await self._judged(question, number, reply)
        except StoreError:
            raise
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
            reason, detail = found
            if reason is Reason.ANSWER_TRUNCATED and reply.finish_reason == "context_length":
                reason = Reason.CONTEXT_TOO_SHORT  # says something of the server, not of the policy
            return ended(Outcome.REJECTED, reason, detail)
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
    """The number that the last `Answer:` gives, else the last one of the last line."""
    if why := reply.unusable():
        return why
    if reply.truncated:
        return reply.cut_off()
    said = _STATED.findall(reply.text) or _MENTIONED.findall(reply.text) or [""]
    last_line = next((line for line in reversed(reply.text.splitlines()) if line.strip()), "")
    number = _given(said[-1]) or next(reversed(_INTEGER.findall(last_line[:_LONGEST_LINE])), "")
    return number.replace(",", "").replace("−", "-") or reply.misshapen("it names no number")


def _given(line: str) -> str:
    """The number that such a line gives, among others in it; empty if none.

    A box holds it. Else it stands first, or after the last `=` or `is`, or last; what is in brackets is an aside.
    """
    line = line[:_LONGEST_LINE].replace("{,}", ",").replace("\\,", "")
    line = next(reversed(_BOXED.findall(line)), line)
    without = _ASIDE.sub(" ", line)
    line = without if _INTEGER.search(without) else line
    found = (pattern.findall(line) for pattern in (_FIRST, _EQUALS, _INTEGER))
    return next((numbers[-1] for numbers in found if numbers), "")


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
