"""Numbers in what a model writes: decoration taken off, digits kept as text whatever their length.

Every pattern of this package takes time linear in the text: quantifiers are possessive, bounded, or over disjoint
characters. Nothing is turned into an integer.
"""

from __future__ import annotations

import re

OPEN, CLOSE = "\ue000", "\ue001"
"""Around the number of a value that stands on lines of its own (private use: taken out of the text before)."""
DIGITS = r"[-+]?[0-9]++(?:_[0-9]{3})*+"
"""A number where a comma divides numbers."""
NUMBER = r"[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})++(?![0-9])|[0-9]++(?:_[0-9]{3})*+)"
VALUE = rf"(?:{OPEN}[0-9]++{CLOSE}|{NUMBER}(?![0-9A-Za-z_]|[.,][0-9]))"

_CHAIN = 24
"""Links of one chain of equations, `f(5) = 5 · f(4) = 5 · 24 = 120`, that are followed."""
_VALUE = re.compile(
    rf"[\s:=\"'(\[]{{0,4}}(?:(?:exactly|just|be|equal to|the (?:value|number|integer)) ?)?[\"'(]?({VALUE})"
)
_GOES_ON = re.compile(
    r"[)\]\"']? ?(?:[+/^%]|\*\*?(?= ?[\w(])|-(?= ?[0-9(]| ?[a-zA-Z]\b)|!(?= ?[-+*/=])"
    r"|,\s?-?[0-9]+(?:,|\.\.|[)\]]|\s?$|\s?and\b)|(?:times|plus|minus|mod|choose|divided|squared|cubed|factorial)\b"
    r"|(?:or|to|through) -?[0-9])"
)
"""After a number: it is only the beginning of an expression, a list or a range."""
_EQUALS = re.compile(r"[\"')\]]?\s?={1,2}(?!=)\s?")
_EXPRESSION = re.compile(
    r"[\s:\"'=]{0,3}(?>(?:[-+*/^%!()\[\]{} 0-9_]|\b(?:[A-Za-z]|mod|gcd|lcm|max|min|sum|floor|ceil|sqrt)\b)"
    r"{1,240})==?\s?"
)

_SINGLE = {
    "→": "->", "⇒": "->", "⟶": "->", "⟹": "->", "↦": "->", "➜": "->", "➡": "->", "➔": "->",
    "−": "-", "×": "*", "·": "*", "⋅": "*", "∗": "*", "…": "...", "\u00a0": " ", "\u202f": " ", "\u2009": " ",
    "’": "'", "‘": "'", "“": '"', "”": '"', "：": ":", "＝": "=",
    OPEN: "", CLOSE: "", "\ufe0f": "",
}  # fmt: skip
_LATEX = re.compile(
    r"\\(?:boxed|mathbf|textbf|text|mathrm|mathit|operatorname|mathtt|texttt|emph|underline)\s?\{([^{}]*+)\}"
)
_LATEX_WORDS = {
    "to": "->", "rightarrow": "->", "Rightarrow": "->", "longrightarrow": "->", "mapsto": "->", "implies": "->",
    "cdot": "*", "times": "*", "ldots": "...", "dots": "...", "cdots": "...", "quad": " ", "qquad": " ",
}  # fmt: skip
_INDEX = re.compile(r"_\{([^{}\n]{0,99})\}")
_LATEX_WORD = re.compile(r"\\([a-zA-Z]++|[^a-zA-Z0-9])")
_ARROWS = re.compile(r"-{2,}>|=+>")
_BOLD = re.compile(r"\*\*(?:(?![0-9])|(?<![0-9]\*\*))")
_ITALIC = re.compile(r"\*(?<![\w)*]\*)([^\s*][^*\n]{0,80})\*(?![\w*(])")
_BLANKS = re.compile(r"[ \t\r\f\v](?:[ \t\r\f\v]++|(?<! ))")
_EMPTY_LINES = re.compile(r"\n(?: ?\n)++")


def plain(text: str) -> str:
    """Prose without Markdown's and LaTeX's decoration, arrows and signs in ASCII, blanks single."""
    text = text.replace("`", "").replace("$", "").replace("\x00", "")
    if not text.isascii():
        for sign in set(text) & _SINGLE.keys():
            text = text.replace(sign, _SINGLE[sign])
    if "\\" in text:
        text = _LATEX.sub(r"\1", text)
        text = _LATEX_WORD.sub(_word, text)
    if "{" in text:
        text = _INDEX.sub(r"_\1", text.replace("{,}", ","))
    if "=>" in text or "-->" in text:
        text = _ARROWS.sub("->", text)
    if "*" in text:
        text = _ITALIC.sub(r"\1", _BOLD.sub("", text))
    return _EMPTY_LINES.sub("\n\n", _BLANKS.sub(" ", text))


def _word(found: re.Match[str]) -> str:
    word = found[1]
    if len(word) > 1 or word.isalpha():
        return _LATEX_WORDS.get(word, " ")
    return word if word in "_%#&{}" else ""


def canonical(number: str, kept: list[str]) -> str:
    """A `VALUE` as it is compared: without separators, plus signs and leading zeros."""
    if number[0] == OPEN:
        return kept[int(number[1:-1])]
    digits = number.lstrip("+-").replace(",", "").replace("_", "").lstrip("0") or "0"
    return f"-{digits}" if number[0] == "-" and digits != "0" else digits


def exact(text: str) -> str:
    """A value of a row, or what a program printed, as claims are compared with it."""
    lines = "\n".join(" ".join(line.split()) for line in text.strip().split("\n"))
    return canonical(lines, []) if re.fullmatch(NUMBER, lines) else lines


def value_at(text: str, at: int) -> tuple[str, int] | None:
    """The number that is said from `at` on, and where it ends: the last one of a chain of equations.

    None where something else stands, or a list, a range, or an expression that nobody works out.
    """
    found: tuple[str, int] | None = None
    for _ in range(_CHAIN):
        value = _VALUE.match(text, at)
        if value is not None and not _GOES_ON.match(text, value.end()):
            found = value[1], value.end()
            equals = _EQUALS.match(text, value.end())
            if equals is None:
                break
            at = equals.end()
            continue
        link = _EXPRESSION.match(text, at)
        if link is None:
            break
        at = link.end()
    return found


def only_integers(block: str) -> str | None:
    """What a fenced block holds if it holds nothing but integers: one, or several with line ends kept."""
    lines = [" ".join(line.split()) for line in block.strip().split("\n")]
    if not 0 < len(lines) <= 50 or not all(
        re.fullmatch(r"-?[0-9]++(?: -?[0-9]++)*+", line) for line in lines
    ):
        return None
    return "\n".join(lines)
