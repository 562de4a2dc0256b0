"""What the reason codes of a run mean, in words."""

from __future__ import annotations

from codeseq_ray.records import Reason, VerdictKind
from codeseq_ray.selection.rules import EXPLANATIONS

REASONS: dict[str, str] = {
    Reason.FILTERED_OUT: "the working agent found the entry not worth a problem",
    Reason.NO_RULE_FOUND: "the built-in agents found no rule that fits the terms",
    Reason.TOO_FEW_TERMS_LEFT: "fewer terms than 2 examples and 5 hidden cases need",
    Reason.CASES_ALIKE: "all examples and hidden cases have one output: printing it would pass",
    Reason.UNUSABLE_ANSWER: "an agent gave no answer that can be used",
    Reason.ANSWER_TRUNCATED: "a model's answer was cut off by its limit of tokens",
    Reason.ANSWER_EMPTY: "a model answered nothing",
    Reason.ANSWER_REFUSED: "a model or its server's filter declined to answer",
    Reason.ANSWER_UNREADABLE: "a model's answer had not the form asked for, also when asked again",
    Reason.PROMPT_TOO_LONG: "a prompt did not fit the model's context",
    Reason.CONTEXT_TOO_SHORT: "the model's context cut an answer short",
    Reason.EXAMPLE_WRONG: "the written problem shows an example that is not true",
    Reason.SHIFT_INCONSISTENT: "the problem's examples count positions in two ways",
    Reason.EXAMPLE_COUNT: "the problem does not have exactly two examples",
    Reason.NAMES_THE_SEQUENCE: "the problem's text names the sequence",
    Reason.SHOWS_HIDDEN_CASE: "the problem's text gives a hidden case away",
    Reason.SHOWS_EXAMPLE: "the description answers its own example, so that validation would prove nothing",
    Reason.NOT_VALIDATED: "the guiding agent could not work the examples out from the text",
    Reason.REPEATS_ANOTHER: "it says nothing that another telling or answer does not say",
    Reason.ROUNDS_USED_UP: "no program passed the hidden cases after all corrections",
    Reason.FAR_CASE_FAILED: "the program passed the hidden cases but failed a later term",
    Reason.TOO_FEW_FAR_CASES: "too few further terms to prove a fitted rule by",
    Reason.LOOKUP_TABLE: "the program spells the values out",
    Reason.NONDETERMINISTIC: "a second run printed something else",
    Reason.INFRASTRUCTURE: "not judged: an endpoint, sandbox or store gave out; the next start tries again",
    Reason.INTERNAL_ERROR: "not judged: a bug of ours; its traceback is in the record",
}
"""By `records.Reason`."""

RULES: dict[str, str] = {code.value: words for code, words in EXPLANATIONS.items()}
"""By the code of the rule that dropped a sequence from the plan."""

VERDICTS: dict[str, str] = {
    VerdictKind.PASSED: "all cases hold",
    VerdictKind.WRONG_ANSWER: "the program printed something else than expected",
    VerdictKind.RUNTIME_ERROR: "the program ended with an error",
    VerdictKind.TIME_LIMIT: "the program used up its CPU time",
    VerdictKind.MEMORY_LIMIT: "the program used up its memory",
    VerdictKind.OUTPUT_LIMIT: "the program printed more than it may",
    VerdictKind.SECURITY_VIOLATION: "the program tried something that it may not do",
    VerdictKind.NONDETERMINISTIC: "the program passed once and not when it was run again",
    VerdictKind.INFRASTRUCTURE: "the sandbox gave no judgement",
}


def words(reason: str) -> str:
    """What a reason code says, whoever gave it; empty for one that this version does not know, and for none."""
    return REASONS.get(reason) or RULES.get(reason) or VERDICTS.get(reason, "")
