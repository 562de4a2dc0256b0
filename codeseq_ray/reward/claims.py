"""Which cases a text claims: pairs of an input and the output that the sequence has there.

A claim names its input (`input 5`, `n = 5`, `f(5)`, the left of an arrow) and says what it gives. What a program did
(`but it prints 7`) is no claim, unless the text goes on to approve of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import islice
from string import ascii_letters
from typing import NamedTuple

from codeseq_ray.reward.values import DIGITS, VALUE, value_at


class Claim(NamedTuple):
    """Input and output as they stand in the text, and how the sequence is called in it ("" where it is not)."""

    given: str
    said: str
    name: str = ""


_WORDS = """solve solution func function fn answer ans result output out seq sequence term value expected main compute
program check test nth"""
NAMES = frozenset([*_WORDS.split(), *ascii_letters]) - {"O"}
"""What a program or the sequence is called. Other functions (`phi(6) = 2`, `is_prime(7)`) are steps on the way."""
HELPERS = frozenset("cdfghp")
"""What helping functions are called: claims of these do not count beside claims of another letter."""

_FARTHEST = 400
"""Characters between an input and what is said of it, at most; a blank line ends it earlier."""
_LISTS = 50
"""Pairs of lists (`"inputs": […], "outputs": […]`) that are read, of so many characters at most: """
_LONGEST_LIST = 4000

_OUGHT = r"(?:should|must|would|will|ought to|has to|needs? to|expected to|supposed to)\s(?:also |then )?"
_GIVE = r"(?:give|print|be|output|return|yield|produce|equal|evaluate to|result in|display|answer|get)"
_NOUN = r"(?:[Oo]utput|[Aa]nswer|[Rr]esult|[Vv]alue)"
_RIGHT = r"(?:[Ee]xpect(?:ed|ing)|[Cc]orrect|[Rr]ight|[Tt]rue|[Dd]esired|[Ww]anted)"
# The look at the first letter spares most words the alternatives: four fifths of the time.
_CUE = re.compile(
    r"\b(?=[IinNfFoOwWgGaAsSmMuhIrReEcCtTdDvVpy])(?:"
    r"(?P<input>[Ii](?:nput|NPUT)s?(?: value| number| n)?[\"']?\s?(?:of|is|==?|:|->|being)?\s?[\"'(\[]{0,2}"
    rf"(?P<i>{VALUE}))"
    rf"|(?P<n>[nN][\"']?\s?(?:==?|:|is|of|equals|being)\s?[\"']?(?P<j>{VALUE}))"
    rf"|(?P<bare>(?:[Ff]or|[Oo]n|[Ww]ith|[Gg]iven|[Aa]t)\s(?P<k>{VALUE}))"
    rf"|(?P<strong>{_OUGHT}{_GIVE}(?: us| back| out)?\b"
    r"|[Ii]nstead of|[Rr]ather than|[Ww]e (?:should |would |must )?(?:get|expect|obtain)\b|I (?:get|expect)\b"
    r"|[Ee]xpects?\b"
    rf"|{_RIGHT}(?: (?:output|answer|result|value))?[\"']?(?: is\b|\s?==?|\s?:|\s?->| of\b|(?!\w))"
    rf"|(?:{_NOUN}|[Tt]otal|[Cc]ount|OUTPUT|ANSWER)[\"']?(?:\s?->|\s?==?|\s?:| is| equals)"
    rf"|{_NOUN}\b(?= for| on| at| when))"
    r"|(?P<report>(?:prints?|printed|outputs?|returns?|returned|gives?|gave|yields?|produces|displays|shows|[Gg]ot)"
    r"\b:?))"
)
_AT_ONCE = re.compile(r"[\"')\]}]{0,3},?\s?(->|:|(?:is|=|equals|(?:should|must|would|will) be)\b)")
_MORE = re.compile(r" ?(?:[-+*/^%!](?= ?[\w(])|,\s?-?[0-9]|\.\.|(?:to|through|or)\s-?[0-9])")
"""After an input: a list, a range or an expression, and not one input."""
_THAT = r"[\"')\]]{0,2}\s?[,;(]?\s?(?:which |that )?"
_NOT_SAID = re.compile(rf"{_THAT}(?:(?:is |was |looks )?(?:wrong|incorrect|not (?:right|correct))|[❌✗✘?])")
_CORRECTED = re.compile(rf"{_THAT}(?:instead of|rather than|but|while|whereas|when|not)\b")
_APPROVED = re.compile(
    r"[^.\n]{0,60}?(?:as it should|as (?:expected|required|desired|wanted|predicted)"
    r"|\b(?:correct|right|good|fine|OK|ok|PASS|passes|match(?:es|ing)?|agrees)\b|[✓✔✅])"
)
_ENDS = re.compile(r"[\"')\]}]{0,3}(?:\s?$|\s?\n|[.,;|](?:\s|$)|\s?[(#✓✔✅]|\s(?:and|since|because|as)\b)")
_FOR_INPUT = re.compile(
    r"[\"')]?,?\s(?:for|on|at|when|with|if|given)\s(?:the |an? )?(?:input|n|N)\s?(?:of|=|is|being|:)?\s?"
    rf"({VALUE})"
)
_ONLY_IT = re.compile(r"[\"')]?\s?[,:;]?\s?(?:it|we|this|that|the(?: program| code| function)?)?\s?")
_BY_PROGRAM = re.compile(
    r"\b(?:program|code|solution|function|script|it|implementation|version|attempt|this|my|our|actual|actually"
    r"|currently|but|wrongly)\b"
)
_NOT_THE_SEQUENCE = re.compile(
    r"(?:actual|program(?:'s)?|my|your|our|current|wrong|incorrect|obtained|observed|its|produced|buggy|not"
    r"|intermediate|partial)\s?$",
    re.IGNORECASE,
)

_RELATION = (
    r",?\s?(?:==?|->|:|(?:(?:should|must|would|will)\s(?:also )?(?:be|equal|give|return|print|output|yield)"
    r"|is|equals|gives|returns|yields|evaluates to)\b)"
)
_CALL = re.compile(rf"\(\s?[\"']?({VALUE})[\"']?\s?\){_RELATION}")
_CALLED = re.compile(r"(?<![-+*/^] )(?<![-+*/^\w.])([A-Za-z]\w{0,40}+)\s?$")
_LETTER = r"[abfghqstuvwyzABFSTU]"
_TERM = re.compile(rf"_(?<![\w.*+/^-]{_LETTER}_)(?<={_LETTER}_)\(?({VALUE})\)?{_RELATION}")
_ARROW = re.compile(
    rf"\(?[\"']?({VALUE})[\"']?\s?->\s?[\"']?({VALUE})[\"']?\)?(?! ?(?:->|[-+*/^!%=] ?[\w(]))"
)
_LINE_START = re.compile(r"(?:[-*•+>#/]+ |\d{1,3}[.)] )?(?:[^:\n>]{0,40}: ?)?")
_FURTHER = re.compile(r"[,;|]\s?")
_LIST = rf"\s?:\s?\[([^\]\[]{{0,{_LONGEST_LIST}}})\]"
_LISTED = re.compile(rf"inputs[\"']?{_LIST},?\s?[\"']?outputs[\"']?{_LIST}")
_IN_LIST = re.compile(rf"(?<![\w.]){DIGITS}")


def in_prose(text: str, names: Set[str] = NAMES) -> Iterator[Claim]:
    """The claims of a text that went through `values.plain`."""
    yield from _by_cue(text)
    for call in _CALL.finditer(text):
        at = call.start()
        called = _CALLED.search(text[max(0, at - 45) : at])
        if called and called[1] in names:
            yield from _equated(text, call, called[1])
    for term in _TERM.finditer(text):
        yield from _equated(text, term, text[term.start() - 1])
    if "->" in text:
        for line in text.split("\n"):
            if "->" in line:
                yield from _arrows(line)
    for inputs, outputs in islice(_LISTED.findall(text), _LISTS) if "inputs" in text else ():
        yield from map(Claim, _IN_LIST.findall(inputs), _IN_LIST.findall(outputs))


def _equated(text: str, term: re.Match[str], name: str) -> Iterator[Claim]:
    value = value_at(text, term.end())
    if value and not _NOT_SAID.match(text, value[1]):
        yield Claim(term[1], value[0], name)


@dataclass(slots=True)
class _Input:
    """An input that was named, and of which nothing was said yet."""

    value: str
    start: int
    end: int
    bare: bool


def _by_cue(text: str) -> Iterator[Claim]:
    pending: _Input | None = None
    noun = -_FARTHEST
    for cue in _CUE.finditer(text):
        start, at = cue.span()
        kind = cue.lastgroup
        if kind in ("input", "n", "bare"):
            value = cue["i"] or cue["j"] or cue["k"]
            pending = None if _MORE.match(text, at) else _Input(value, start, at, kind == "bare")
            if pending and (said := _at_once(text, pending, of_a_noun=start - noun < 40)):
                yield Claim(value, said)
                pending = None
            continue
        strong = kind == "strong"
        if strong and _NOT_THE_SEQUENCE.search(text, max(0, start - 14), start):
            continue
        value_said = value_at(text, at)
        if value_said is None:
            noun = at if strong else noun
            continue
        value, end = value_said
        if _NOT_SAID.match(text, end):
            continue
        if named := _FOR_INPUT.match(text, end):
            if strong and not _MORE.match(text, named.end()):
                yield Claim(named[1], value)
        elif pending and _belongs(text, pending, start, end, strong=strong):
            yield Claim(pending.value, value)
            pending = None


def _at_once(text: str, given: _Input, *, of_a_noun: bool) -> str | None:
    """What follows the input directly: `n = 5 -> 120`, `the answer for n = 5 is 120`."""
    link = _AT_ONCE.match(text, given.end)
    if link is None or (link[1] not in ("->", ":") and not of_a_noun):
        return None
    value = value_at(text, link.end())
    if (
        value is None
        or _NOT_SAID.match(text, value[1])
        or (link[1] == ":" and not _ENDS.match(text, value[1]))
    ):
        return None
    return None if text.startswith(("->", " ->"), value[1]) else value[0]


def _belongs(text: str, given: _Input, start: int, end: int, *, strong: bool) -> bool:
    """Whether the value that ends at `end`, with its cue at `start`, is said of this input, and of the sequence."""
    if start - given.end > _FARTHEST:
        return False
    gap = text[given.end : start]
    if ("\n\n" in gap and gap.strip()) or (given.bare and not _ONLY_IT.fullmatch(gap)):
        return False
    if strong:
        return True
    before = text[max(0, given.start - 50) : given.start].rpartition(".")[2].rpartition("\n")[2]
    if _BY_PROGRAM.search(gap) or _BY_PROGRAM.search(before):
        return _APPROVED.match(text, end) is not None and not _CORRECTED.match(text, end)
    return len(gap) <= 20 and "." not in gap and "\n" not in gap and not _CORRECTED.match(text, end)


def _arrows(line: str) -> Iterator[Claim]:
    """`5 -> 120, 6 -> 720` at the start of a line, after a bullet or a label."""
    at = _LINE_START.match(line)
    position = at.end() if at else 0
    while pair := _ARROW.match(line, position):
        if not _ENDS.match(line, pair.end()):
            return
        yield Claim(pair[1], pair[2])
        further = _FURTHER.match(line, pair.end())
        if further is None:
            return
        position = further.end()
