"""What became of a sequence or a rollout, how, and what it cost."""

from __future__ import annotations

from enum import StrEnum

from codeseq_ray.records.judging import Acceptance, Round, Verdict
from codeseq_ray.records.problems import Cases, Problem, Program
from codeseq_ray.records.sequences import Screening, Sequence, Split
from codeseq_ray.records.values import Value


class Call(Value):
    """One question to an agent, and what it cost."""

    stage: str
    agent: str
    """Model name with revision, or `builtin`."""
    round: int = 0
    """The round whose program it asked for or explained; 0 before and with the first program."""
    prompt_id: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt's tokens, those that the engine's prefix cache held."""
    reasoning_tokens: int = 0
    """Of the completion's tokens, those of thoughts, where the server counts them."""
    attempts: int = 1
    """Requests sent for it; 0 when it was replayed."""
    seconds: float = 0.0
    replayed: bool = False
    """Its answer came from the response cache: an earlier run or start paid for it."""
    answer: str = ""
    reasoning: str = ""
    """Thoughts that the model or its server keeps apart from the answer."""


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    """Infrastructure: the sequence was not judged and may be tried again."""


class Stage(StrEnum):
    """Where in the loop an outcome was decided."""

    CASES = "cases"
    FILTER = "filter"
    PROBLEM = "problem"
    CHECKS = "checks"
    VALIDATION = "validation"
    PROGRAM = "program"
    REFLECTION = "reflection"
    ACCEPTANCE = "acceptance"
    PARAPHRASE = "paraphrase"
    """After it: an accepted problem told in other words."""
    ROLLOUT = "rollout"
    """Not of the loop: a policy's answer to a finished problem."""


class Reason(StrEnum):
    """Why a selected sequence was not accepted. (Rule drops have their codes in `selection.rules`.)"""

    FILTERED_OUT = "filtered_out"
    NO_RULE_FOUND = "no_rule_found"
    TOO_FEW_TERMS_LEFT = "too_few_terms_left"
    CASES_ALIKE = "cases_alike"
    UNUSABLE_ANSWER = "unusable_answer"
    ANSWER_TRUNCATED = "answer_truncated"
    ANSWER_EMPTY = "answer_empty"
    ANSWER_REFUSED = "answer_refused"
    ANSWER_UNREADABLE = "answer_unreadable"
    PROMPT_TOO_LONG = "prompt_too_long"
    CONTEXT_TOO_SHORT = "context_too_short"
    """Of a rollout: the server's context ended the answer before its bound of tokens did."""
    EXAMPLE_WRONG = "example_wrong"
    SHIFT_INCONSISTENT = "shift_inconsistent"
    EXAMPLE_COUNT = "example_count"
    NAMES_THE_SEQUENCE = "names_the_sequence"
    SHOWS_HIDDEN_CASE = "shows_hidden_case"
    SHOWS_EXAMPLE = "shows_example"
    NOT_VALIDATED = "not_validated"
    REPEATS_ANOTHER = "repeats_another"
    ROUNDS_USED_UP = "rounds_used_up"
    FAR_CASE_FAILED = "far_case_failed"
    TOO_FEW_FAR_CASES = "too_few_far_cases"
    LOOKUP_TABLE = "lookup_table"
    NONDETERMINISTIC = "nondeterministic"
    INFRASTRUCTURE = "infrastructure"
    INTERNAL_ERROR = "internal_error"


class Solution(Value):
    """A program for a paraphrase, and the way to it; `reason` is empty where it was accepted."""

    number: int
    """Which of the answers to this paraphrase, from 1."""
    stage: Stage
    reason: str = ""
    detail: str = ""
    rounds: tuple[Round, ...] = ()
    acceptance: Acceptance | None = None


class Paraphrase(Value):
    """An accepted problem told in other words, and the answers to it; `reason` is why it was left out, or empty.

    Only the description is another: formats, examples and cases are the problem's own.
    """

    number: int
    """Which of the paraphrases of this problem, from 1."""
    stage: Stage
    reason: str = ""
    detail: str = ""
    problem: Problem | None = None
    validated: tuple[str, ...] = ()
    answers: tuple[Solution, ...] = ()


class Earlier(Value):
    """A pair of agents that tried a sequence before the pair that its outcome is from (`--agents hybrid`)."""

    agents: str
    stage: Stage
    reason: str
    detail: str = ""


class SequenceRecord(Value):
    """Everything that happened to one sequence in one attempt. Every export is a view of it."""

    sequence: Sequence
    split: Split
    family: str
    attempt: int
    agents: str
    """Who worked: the names of both agents, joined by `+` where they differ (`builtin`, or model names)."""
    outcome: Outcome
    stage: Stage
    reason: str = ""
    detail: str = ""
    earlier: tuple[Earlier, ...] = ()
    screening: Screening | None = None
    cases: Cases | None = None
    problem: Problem | None = None
    validated: tuple[str, ...] = ()
    """The guiding agent's outputs for the example inputs, as it last gave them."""
    rounds: tuple[Round, ...] = ()
    acceptance: Acceptance | None = None
    paraphrases: tuple[Paraphrase, ...] = ()
    """Of an accepted problem of the split `sft`, where they are asked for."""
    calls: tuple[Call, ...] = ()

    @property
    def sequence_id(self) -> str:
        return self.sequence.id

    @property
    def program(self) -> Program | None:
        return self.rounds[-1].program if self.rounds else None

    @property
    def corrections(self) -> int:
        """Rounds of correction up to the last program, those that brought none included; 0 when it was the first."""
        return self.rounds[-1].number if self.rounds else 0

    @property
    def tokens(self) -> int:
        return sum(c.prompt_tokens + c.completion_tokens for c in self.calls)


class Rollout(Value):
    """One sampled answer of a policy to a question about a sequence, and what the judge says of it (METHOD 3)."""

    sequence_id: str
    sample: int
    """Which of the samples of this question, from 0."""
    outcome: Outcome
    """Accepted: all cases hold. Rejected: not. Failed: not judged, and to be tried again."""
    reason: str = ""
    """Why not: the verdict's kind, or what was wrong with the answer (`Reason`). Empty when accepted."""
    detail: str = ""
    answer: str = ""
    """What was judged: the last program of the text, or the number that it gives."""
    verdict: Verdict | None = None
    """None where there was nothing to judge."""
    call: Call | None = None
    """The model's whole text and what it cost; None where it gave no answer."""

    @property
    def attempt(self) -> int:
        """In the ledger a rollout is an attempt at its sequence: sample 0 the first."""
        return self.sample + 1

    @property
    def stage(self) -> Stage:
        return Stage.ROLLOUT

    @property
    def corrections(self) -> int:
        return 0

    @property
    def calls(self) -> tuple[Call, ...]:
        return () if self.call is None else (self.call,)

    @property
    def tokens(self) -> int:
        return sum(c.prompt_tokens + c.completion_tokens for c in self.calls)
