"""What the house talks about: frozen values, no I/O, no Ray.

Integers of sequences may have any size. In JSON they are always strings, so that no reader rounds them
(28 % of OEIS sequences hold a term that does not fit in 64 bits or a double).
"""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

# A term can have thousands of digits; CPython's default guard (4,300 digits) would turn it into a ValueError.
sys.set_int_max_str_digits(0)


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, str) else value


Integer = Annotated[int, BeforeValidator(_integer), PlainSerializer(str, return_type=str, when_used="json")]
"""An exact integer of any size; a string in JSON."""


class Value(BaseModel):
    """Base of all records: immutable, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# ---------------------------------------------------------------------------------------------- sequences


class Sequence(Value):
    """An OEIS entry as far as the source knows it. `None` means *unknown*, never *none*."""

    id: str
    """A-number, `A` and at least six digits."""
    name: str
    terms: tuple[Integer, ...]
    """The terms that the entry lists, in order; `terms[0]` is a(offset)."""
    offset: int | None = None
    """Index of the first term; None if the source does not say (positions are then counted from 1)."""
    keywords: tuple[str, ...] | None = None
    comments: tuple[str, ...] = ()
    formulas: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    more_terms: tuple[Integer, ...] = ()
    """Known terms that follow `terms` (from a b-file or a longer terms file); only ever used as far cases."""

    @property
    def number(self) -> int:
        """The A-number as an integer: the sort key of everything stored."""
        return int(self.id[1:])

    @property
    def first_index(self) -> int:
        """Index of `terms[0]`: the offset, or 1 where the offset is unknown."""
        return 1 if self.offset is None else self.offset

    @property
    def url(self) -> str:
        return f"https://oeis.org/{self.id}"


LICENSE = "CC-BY-SA-4.0"
ATTRIBUTION = "The OEIS Foundation Inc. and contributors, https://oeis.org"


class Split(StrEnum):
    """What a family's problems are for; decided before anything else is made of them."""

    SFT = "sft"
    RL = "rl"
    EVAL = "eval"


class PlanRow(Value):
    """What the plan says of one input sequence. Every input id has exactly one."""

    sequence_id: str
    family: str
    split: Split
    selected: bool
    reason: str
    """Empty when selected, else the rule's reason code."""


class Screening(Value):
    """The working agent's view of an entry (v1 §2: a plan, an answer, one reflection on it)."""

    plan: str
    """What makes an entry dense in information."""
    kept_at_first: bool
    first_reason: str
    reflection: str
    keep: bool
    reason: str


# ------------------------------------------------------------------------------------- problems and cases


class Case(Value):
    """One test: the text given on stdin and the text expected on stdout, both exact."""

    input: str
    output: str


class Example(Case):
    """A case that the problem shows, with an explanation that follows from the description."""

    explanation: str


class Problem(Value):
    """A self-contained algorithmic story around a sequence."""

    description: str
    input_format: str
    output_format: str
    examples: tuple[Example, ...]

    def text(self) -> str:
        """The problem as a solver reads it."""
        shown = "\n\n".join(
            f"Example {i}\nInput:\n{e.input}\nOutput:\n{e.output}\nExplanation: {e.explanation}"
            for i, e in enumerate(self.examples, 1)
        )
        return f"{self.description}\n\nInput\n{self.input_format}\n\nOutput\n{self.output_format}\n\n{shown}"


class Program(Value):
    """Python 3 that reads n from stdin and prints a(n), with the reasoning that led to it."""

    source: str
    process: str = ""


class Cases(Value):
    """A sequence's terms, divided (METHOD: two examples, 5–8 hidden cases, everything further far).

    All inputs already carry the problem's one shift: input = index + shift.
    """

    shift: int
    examples: tuple[Case, ...]
    hidden: tuple[Case, ...]
    far: tuple[Case, ...]


# ------------------------------------------------------------------------------------------------ judging


class VerdictKind(StrEnum):
    PASSED = "passed"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    SECURITY_VIOLATION = "security_violation"
    NONDETERMINISTIC = "nondeterministic"
    """Passed, and did not pass when it was run again (`judging.confirmation`)."""
    INFRASTRUCTURE = "infrastructure"


class Verdict(Value):
    """What the judge says of a program on a list of cases."""

    kind: VerdictKind
    passed: int
    total: int
    failing_case: int | None = None
    """0-based position of the first case that failed; None when all passed."""
    got: str = ""
    """What the program printed on the failing case (capped)."""
    message: str = ""
    """Why it failed, short, fit to show a model."""
    stderr: str = ""
    """The end of what the program wrote to stderr on the failing case (capped)."""
    cpu_ms: float = 0.0
    walls: tuple[str, ...] = ()
    """The walls that stood around the run, for example ("landlock:7", "seccomp", "rlimits")."""

    @property
    def ok(self) -> bool:
        return self.kind is VerdictKind.PASSED


class FailingCase(Value):
    """The one case of a round that analyst and corrector may see."""

    input: str
    expected: str
    got: str
    kind: VerdictKind
    message: str


class Analysis(Value):
    """The guiding agent's reasons (v1 §3: why the case gives the expected output, what is wrong)."""

    why_expected: str
    what_is_wrong: str


class Candidate(Value):
    """A program that was judged beside the one that a round goes on with."""

    program: Program
    verdict: Verdict


class Round(Value):
    """One program and its verdict; `analysis` is what the guiding agent said of the failure, if asked."""

    number: int
    program: Program
    verdict: Verdict
    failing: FailingCase | None = None
    analysis: Analysis | None = None
    fresh: bool = False
    """Written anew from the problem alone, after corrections that failed, instead of corrected."""
    others: tuple[Candidate, ...] = ()
    """The other candidates of this round, where more than one was sampled."""


class Acceptance(Value):
    """Checks beyond the paper: far cases, look-up table, determinism."""

    far_checked: int
    far_total: int
    far_unseen: int = 0
    """Checked far cases that no agent saw: outside the built-in fitter's window."""
    far: Verdict | None = None
    lookup_table: str = ""
    """Empty, or why the program is taken for a table of values."""
    rerun: Verdict | None = None
    """The second run: one process per case, shuffled order, another hash seed."""
    mutants: int = 0
    """Of the accepted program, that were run on the hidden cases (`judging.mutants`); 0: none were."""
    mutants_killed: int = 0
    """Those that the hidden cases found."""


# --------------------------------------------------------------------------------------- agents' accounts


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


# ----------------------------------------------------------------------------------------------- outcomes


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
