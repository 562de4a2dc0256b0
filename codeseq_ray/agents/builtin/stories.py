"""Settings around a definition. Which one a rule gets follows from the rule alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from codeseq_ray.agents.builtin.rules import Rule


@dataclass(frozen=True)
class Story:
    """A setting, the letter of the values in it (none that a definition uses otherwise), and what is asked."""

    symbol: str
    setting: str
    question: str


_PLACES = (
    (
        "h",
        "Above a harbour stands a signal mast. Watch after watch the crew hoists flags that spell one whole number; "
        "in watch n they spell h(n). The harbour master keeps no list of the numbers, only the rule behind them.",
        "A ship asks for the signal of watch n. Work out h(n).",
    ),
    (
        "b",
        "A bakery settles its account with the mill once a day. The balance on day n is b(n), a whole number that "
        "may fall below zero. The books burnt, but the contract that fixes every balance was saved.",
        "For a given day n, find the balance b(n).",
    ),
    (
        "t",
        "In a tower an old machine with brass wheels turns out one number at each strike of its bell. At the strike "
        "with number n it shows t(n). Its maker engraved how the number comes about on the frame.",
        "Given the number n of a strike, tell what the machine shows: t(n).",
    ),
    (
        "v",
        "A research vessel drops its probe at stations along a line. The station with number n reports v(n), and "
        "the readings obey a law that the crew knows exactly. The radio fails often, so readings must be computed.",
        "Compute the reading v(n) of station n.",
    ),
    (
        "w",
        "The weavers of a valley pass a pattern on from loom to loom. Loom n is set to the whole number w(n); "
        "nobody writes the settings down, for every apprentice learns by heart how they are worked out.",
        "An apprentice is sent to loom n. Which number w(n) must be set?",
    ),
    (
        "q",
        "A puzzle park has numbered gates. Gate n opens to exactly one code, the whole number q(n). "
        "Visitors get a leaflet that explains how each code is formed.",
        "You stand in front of gate n. Find its code q(n).",
    ),
    (
        "u",
        "A gardener plans the beds of an endless garden. For bed n the plan calls for u(n) units of water, where a "
        "negative amount means water drained off. The plan is a rule, not a list.",
        "How much is planned for bed n? Compute u(n).",
    ),
    (
        "z",
        "Two astronomers test an antenna by sending one whole number in each time slot. In slot n they send z(n). "
        "The receiver knows the rule and compares what it hears with what it computes.",
        "Do the receiver's part: for slot n, compute z(n).",
    ),
    (
        "y",
        "A board game is played on a track of numbered squares. Whoever reaches square n scores y(n) points, which "
        "can be a penalty when it is negative. The rule book fixes every score.",
        "For square n, work out the score y(n).",
    ),
)

_BRIDGES = (
    "",
    " All numbers here are whole numbers, and they can grow large.",
    " In what follows, * is multiplication and ^ is a power.",
    " The values are exact whole numbers without any limit on their size.",
)


def story_of(rule: Rule) -> Story:
    """Drawn from the rule by a hash, the same on every machine."""
    chance = int.from_bytes(hashlib.blake2b(repr(rule).encode(), digest_size=8).digest(), "big")
    symbol, setting, question = _PLACES[chance % len(_PLACES)]
    bridge = _BRIDGES[chance // len(_PLACES) % len(_BRIDGES)]
    return Story(symbol, setting + bridge, question)
