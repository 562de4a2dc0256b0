"""Cases in code: assertions, tables of tests, remarks behind calls, sessions with the interpreter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from codeseq_ray.reward.claims import NAMES, Claim
from codeseq_ray.reward.values import DIGITS, NUMBER

_WORDS = """int str sum len max min abs pow round sorted list map set next range bin hex format repr divmod bool
float tuple input"""
_BUILTINS = frozenset(_WORDS.split())
_COMMENT = re.compile(r"#+(?<![\"'\w]#)[!:]?\s?([^\n]*)")
_NAME = r"([A-Za-z_]\w{0,40}+)"
_GIVEN = rf"\(\s?[\"']?({NUMBER})(?:\\n)?[\"']?\s?\)"
_EQUATED = re.compile(rf"{_NAME}{_GIVEN}\s?(?:==|,)\s?[\"']?({NUMBER})(?![\w.*+/%-])")
_REMARK = (
    r"(?:->|==?>?|→|(?:should|must|will|would) (?:be|print|give|return)|[Ee]xpect(?:ed|s)?:?|[Oo]utputs?:?|prints?"
    r"|gives)"
)
_PRINTED = re.compile(rf"{_NAME}{_GIVEN}\)?(?:[ \t]*+#\s?{_REMARK}?|\n)\s?({NUMBER})\s?(?=\n|$|[,.;(])")
_TABLE = re.compile(r"(?:tests?|cases|examples|samples|checks|expected|known)\w{0,20}\s?=\s?[\[{(]")
_TEXT = rf"\s?[\"']?({DIGITS})[\"']?\s?"
_ENTRY = re.compile(rf"[\s,]{{0,60}}(?:[(\[]{_TEXT},{_TEXT}[)\]]|{_TEXT}:{_TEXT})")
_PRINTS = re.compile(r"print\(\s?([A-Za-z_]\w*)\(")


def names_of(program: str) -> Set[str]:
    """`NAMES`, and what the program's own answers come from: `print(catalan(n))`."""
    return NAMES | set(_PRINTS.findall(program)).difference(_BUILTINS)


def in_code(code: str, names: Set[str] = NAMES) -> Iterator[Claim]:
    """The claims that a program, or a session with one, holds; those in its comments apart."""
    for pattern in (_EQUATED, _PRINTED):
        for name, given, said in pattern.findall(code):
            if name in names:
                yield Claim(given, said, name)
    for table in _TABLE.finditer(code):
        at = table.end()
        while entry := _ENTRY.match(code, at):
            yield Claim(entry[1] or entry[3], entry[2] or entry[4])
            at = entry.end()


def comments(code: str) -> str:
    return "\n".join(_COMMENT.findall(code)) if "#" in code else ""
