"""Rules that drop a sequence before any agent sees it (METHOD 1, *Filter*), each with a reason code.

A rule drops only on what the entry says. Unknown keywords are neither passed nor failed: where they are unknown,
the name may still say outright that an entry is dead, a constant's digits, a fraction's part or a table.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from codeseq_ray.records import Sequence

VALUES_WINDOW = 12
"""`min_distinct` counts the different values among this many first terms."""
LONGEST_NAME = 300
"""Characters of a name. Longer ones are constructions told in full, hardly ever a rule for one n."""


class Drop(StrEnum):
    """Reason codes of the plan, in the order in which the rules are tried; the first that applies is stored."""

    DEAD = "dead"
    UNEDITED = "unedited"
    OBSCURE = "obscure"
    WORDS = "words"
    HARD = "hard"
    CONSTANT = "constant"
    FINITE = "finite"
    TABLE = "table"
    KEYWORD = "keyword"
    NO_DEFINITION = "no_definition"
    CITES_SEQUENCE = "cites_sequence"
    ARRAY_COUNT = "array_count"
    NAME_TOO_LONG = "name_too_long"
    TOO_FEW_TERMS = "too_few_terms"
    TOO_FEW_VALUES = "too_few_values"
    TOO_MANY_DIGITS = "too_many_digits"
    FAMILY_CAP = "family_cap"


EXPLANATIONS: dict[Drop, str] = {
    Drop.DEAD: "withdrawn, a duplicate, or a number without an entry",
    Drop.UNEDITED: "not yet edited by the OEIS",
    Drop.OBSCURE: "unimportant or not understood, says the OEIS",
    Drop.WORDS: "depends on the words of a language",
    Drop.HARD: "no known way to go on, or too few terms known",
    Drop.CONSTANT: "digits or continued fraction of a constant, or one part of a fraction",
    Drop.FINITE: "ends: there is no n-th term for every n",
    Drop.TABLE: "a triangle or table read entry by entry",
    Drop.KEYWORD: "has a keyword that the settings drop",
    Drop.NO_DEFINITION: "nothing in the entry says how to compute it",
    Drop.CITES_SEQUENCE: "the name refers to another sequence by its A-number",
    Drop.ARRAY_COUNT: "one of the thousands of counts of arrays under local conditions",
    Drop.NAME_TOO_LONG: f"a name of more than {LONGEST_NAME} characters",
    Drop.TOO_FEW_TERMS: "fewer usable terms than the settings ask for",
    Drop.TOO_FEW_VALUES: f"too few different values among the first {VALUES_WINDOW} terms",
    Drop.TOO_MANY_DIGITS: "a listed term has more digits than the settings allow",
    Drop.FAMILY_CAP: "enough other members of its family are kept",
}
"""One line per reason, for summaries and cards."""

TABLE_KEYWORDS = ("tabl", "tabf")
FINITE_KEYWORDS = ("fini", "full")

_REASON_OF_KEYWORD = {
    **dict.fromkeys(("dead", "dupe", "allocated", "recycled"), Drop.DEAD),
    **dict.fromkeys(("uned", "probation"), Drop.UNEDITED),
    **dict.fromkeys(("dumb", "less", "obsc", "unkn"), Drop.OBSCURE),
    "word": Drop.WORDS,
    **dict.fromkeys(("hard", "more", "bref"), Drop.HARD),
    **dict.fromkeys(("cons", "cofr", "frac"), Drop.CONSTANT),
    **dict.fromkeys(FINITE_KEYWORDS, Drop.FINITE),
    **dict.fromkeys(TABLE_KEYWORDS, Drop.TABLE),
}


class SelectionSettings(BaseModel):
    """What is worth working on. Every field changes which rows a run makes: all belong to its fingerprint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_terms: int = Field(
        default=10,
        ge=7,
        description="Fewest listed terms; 7 is the least that yields 2 examples and 5 hidden cases.",
    )
    min_distinct: int = Field(
        default=3, ge=1, le=VALUES_WINDOW, description="Fewest different values among the first 12 terms."
    )
    max_digits: int = Field(default=100, ge=1, description="Most decimal digits that a listed term may have.")
    drop_keywords: tuple[str, ...] = Field(
        default=(
            *("dead", "dupe", "allocated", "recycled", "uned", "probation", "dumb", "less", "obsc", "unkn"),
            *("word", "hard", "more", "bref", "cons", "cofr", "frac"),
        ),
        description="OEIS keywords that drop a sequence (tables and finite ones have their own switches).",
    )
    allow_tables: bool = Field(
        default=False, description="Keep triangles and tables read by rows (keywords tabl, tabf)."
    )
    allow_finite: bool = Field(default=False, description="Keep finite sequences (keywords fini, full).")
    family_cap: int = Field(default=3, ge=1, description="Most members of one family that are kept.")
    split_sft: float = Field(default=0.6, ge=0, description="Relative share of families for SFT data.")
    split_rl: float = Field(default=0.35, ge=0, description="Relative share of families for RL data.")
    split_eval: float = Field(
        default=0.05, ge=0, description="Relative share of families held out for evaluation."
    )
    seed: int = Field(default=0, description="Seed of every draw: splits, kept members, limits, cases.")

    @model_validator(mode="after")
    def _some_share(self) -> Self:
        if self.split_sft + self.split_rl + self.split_eval <= 0:
            raise ValueError(
                "split_sft, split_rl and split_eval are all 0: give at least one of them a share"
            )
        return self


A_NUMBER = re.compile(r"\bA\d{6,}\b", re.IGNORECASE)

_DEAD_NAME = re.compile(
    r"\b(erroneous|incorrect|incomplete)\s+(version|duplicate|generali[sz]ation)\b"
    r"|\bduplicate of A\d|^essentially (a duplicate|(the )?same)\b"
    r"|^(allocated|allocating|reserved) for\b|^recycled\b|\bwithdrawn\b",
    re.IGNORECASE,
)
_CONSTANT_NAME = re.compile(
    r"^((the )?(decimal|binary|ternary|octal|hexadecimal|base[- ]\d+)( (expansion|digits)|-expansion) (of|for)\b"
    r"(?! ([nkm]|a\(n\)|(the )?n-th)\b)"
    r"|expansion of .* in base \d+"
    r"|(simple |regular |generali[sz]ed )*continued fraction\b"
    r"|(engel|pierce|sylvester|egyptian)\b.* expansion"
    r"|((a\(n\) *(=|is) *)?(the )?(reduced )?|.*\ba\(n\) *(=|is) *(the )?)(numerators?|denominators?)\b)",
    re.IGNORECASE,
)
_TABLE_NAME = re.compile(
    r"\bread by\b|\bby (rows|(up|down)?wards? antidiagonals|antidiagonals)\b"
    r"|^[TA]\(\w, ?\w\)|\brow n (lists|gives|contains)\b|\btriangular array\b"
    # At most a few words before it: "Square array", not "Determinant of the matrix".
    r"|^(?:(?!(?:of|in|for|from|by)\b)[\w'-]+ ){0,3}(triangle|array|table|tableau|matrix|tetrahedron)\b"
    r"(?! (inequality|numbers?)\b)",
    re.IGNORECASE,
)
_ARRAY_COUNT_NAME = re.compile(r"\bnumber of .*\barrays?\b", re.IGNORECASE)
_ELSEWHERE_NAME = re.compile(
    r"\bsee (the )?(comments?|comment lines?|references?|links?|illustration|definition|paper)\b",
    re.IGNORECASE,
)
# A formula sign, a variable of one letter, or a noun that a definition can rest on.
_MATHEMATICAL = re.compile(
    r"[0-9=^+*/()\[\]<>]|\b[a-z]\b(?<!\ba)|\b(n-th|numbers?|primes?|powers?|sums?|differences?|products?|digits?"
    r"|integers?|naturals?|divisors?|multiples?|factorials?|squares?|cubes?|roots?|logarithms?|expansions?"
    r"|transforms?|convolutions?|coordination|partitions?|permutations?|compositions?|words?|paths?|trees?|graphs?|groups?|matri(x|ces)"
    r"|polynomials?|coefficients?|triples?|palindrom\w*|binary|decimal|base|concatenat\w*|squarefree|semiprimes?"
    r"|terms?|totals?|counts?|counting|functions?|zeros?|ones|minus|plus|halves|half|one|two|three|four|five|six|ten"
    r"|odious|evil|composites?|fibonacci|lucas|theta series|periodic|repeat\w*)\b",
    re.IGNORECASE,
)


def screen(sequence: Sequence, settings: SelectionSettings) -> str:
    """Reason code of the first rule that drops the sequence, or "" to keep it.

    Families are not seen here: `family_cap` is given by the plan.
    """
    return (
        _by_keywords(sequence, settings)
        or _by_name(sequence, settings)
        or _by_terms(sequence.terms, settings)
        or ""
    )


def _by_keywords(sequence: Sequence, settings: SelectionSettings) -> Drop | None:
    if _DEAD_NAME.search(sequence.name):
        return Drop.DEAD
    if not sequence.keywords:
        return None
    dropping = set(settings.drop_keywords)
    for keywords, allowed in (
        (TABLE_KEYWORDS, settings.allow_tables),
        (FINITE_KEYWORDS, settings.allow_finite),
    ):
        if not allowed:
            dropping.update(keywords)
    found = {_REASON_OF_KEYWORD.get(k, Drop.KEYWORD) for k in sequence.keywords if k in dropping}
    return next((reason for reason in Drop if reason in found), None) if found else None


def _by_name(sequence: Sequence, settings: SelectionSettings) -> Drop | None:
    name = sequence.name
    # With keywords at hand, they decide; a name only stands in for keywords that are unknown.
    if sequence.keywords is None:
        if _CONSTANT_NAME.search(name):
            return Drop.CONSTANT
        if not settings.allow_tables and _TABLE_NAME.search(name):
            return Drop.TABLE
    if not _has_definition(sequence):
        return Drop.NO_DEFINITION
    if A_NUMBER.search(name):
        return Drop.CITES_SEQUENCE
    if _ARRAY_COUNT_NAME.search(name):
        return Drop.ARRAY_COUNT
    return Drop.NAME_TOO_LONG if len(name) > LONGEST_NAME else None


def _has_definition(sequence: Sequence) -> bool:
    """Whether a name, formula or program could tell how to compute a(n).

    Short names are no fault ("n-3." defines a sequence); what counts is that something mathematical is said
    here. A name that only points elsewhere needs the rest of the entry, which bulk files do not have.
    """
    if sequence.formulas or sequence.programs:
        return True
    if not sequence.name.strip():
        return False
    if sequence.comments or sequence.examples:
        return True
    return bool(_MATHEMATICAL.search(sequence.name)) and not _ELSEWHERE_NAME.search(sequence.name)


def _by_terms(terms: tuple[int, ...], settings: SelectionSettings) -> Drop | None:
    if len(terms) < settings.min_terms:
        return Drop.TOO_FEW_TERMS
    if len(set(terms[:VALUES_WINDOW])) < settings.min_distinct:
        return Drop.TOO_FEW_VALUES
    largest = max(max(terms), -min(terms))
    return Drop.TOO_MANY_DIGITS if largest >= 10**settings.max_digits else None
