"""What was wrong with a program, or with an answer, in words that many of them share."""

from __future__ import annotations

import re
from collections.abc import Mapping

from codeseq_ray.records import Round, VerdictKind

NEIGHBOURS = 3
"""A value that belongs so many inputs away counts as a slip of the index."""
_WORDS = {
    VerdictKind.TIME_LIMIT: "time limit",
    VerdictKind.MEMORY_LIMIT: "memory limit",
    VerdictKind.OUTPUT_LIMIT: "output limit",
    VerdictKind.SECURITY_VIOLATION: "security violation",
    VerdictKind.NONDETERMINISTIC: "not the same twice",
    VerdictKind.INFRASTRUCTURE: "not judged",
}
_EXCEPTION = re.compile(r"^([A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Iteration))\b", re.MULTILINE)
_INTEGER = re.compile(r"[-+]?\d+")

_MASKS = (
    (re.compile(r"A\d{6,}"), "A#"),
    (re.compile(r"'[^'\n]{0,200}'|\"[^\"\n]{0,200}\"|`[^`\n]{0,200}`"), "“…”"),
    (re.compile(r"[-+]?\d[\d,.]*"), "#"),
    (re.compile(r"\[\s*(?:(?:“…”|#)[\s,]*)*\]"), "[…]"),
    (re.compile(r"\s+"), " "),
)
SIGNATURE = 120


def signature(detail: str) -> str:
    """A detail without its numbers and quoted texts, one line, cut."""
    text = detail[:2000]
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text.strip()[:SIGNATURE]


def mistake(one: Round, known: Mapping[str, str]) -> str:
    """Of a round's program that did not pass; `known`: outputs by inputs, as far as they are known."""
    kind, failing = one.verdict.kind, one.failing
    if kind is VerdictKind.RUNTIME_ERROR:
        text = (failing.message if failing else "") or one.verdict.message or one.verdict.stderr
        names = _EXCEPTION.findall(text)
        return str(names[-1]) if names else "runtime error"
    if kind is not VerdictKind.WRONG_ANSWER or failing is None:
        return _WORDS.get(kind, kind.value.replace("_", " "))
    return _wrong(failing.input.strip(), failing.expected.strip(), failing.got.strip(), known)


def _wrong(given: str, expected: str, got: str, known: Mapping[str, str]) -> str:
    if not got:
        return "printed nothing"
    words = got.split()
    if len(words) > 1:
        return "printed more than the value" if expected in words else "printed something else than one value"
    if not _INTEGER.fullmatch(got):
        return "printed no integer"
    if (away := _away(given, got, known)) is not None:
        return away
    value, right = int(got), int(expected) if _INTEGER.fullmatch(expected) else None
    if right is not None and abs(value - right) == 1:
        return "one too many" if value > right else "one too few"
    if right is not None and value == -right:
        return "the wrong sign"
    if got == given:
        return "the input itself"
    return "another value"


def _away(given: str, got: str, known: Mapping[str, str]) -> str | None:
    if not _INTEGER.fullmatch(given):
        return None
    for step in range(1, NEIGHBOURS + 1):
        for sign in (1, -1):
            if known.get(str(int(given) + sign * step)) == got:
                return f"the value {step} {'further on' if sign > 0 else 'before'}"
    return None
