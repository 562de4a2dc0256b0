"""What the calls of records cost, by stage and round: the bill of a release."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from codeseq_ray.records import Call

STAGES = ("filter", "problem", "validation", "program", "analysis", "correction")
"""In the order of the loop; what belongs to a stage (`problem.repair`) comes after it."""


OF_ONE_START = ("replayed", "requests", "cached_tokens", "seconds")
"""Figures that another start with the same outcomes would not repeat: no part of a release."""


@dataclass
class Usage:
    """Of a number of calls. Tokens as the servers count them; what was replayed had been paid for before."""

    calls: int = 0
    replayed: int = 0
    """Of the calls, those answered from the response cache."""
    requests: int = 0
    """As sent, further tries included."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompts' tokens, those that an engine's prefix cache held."""
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    """Of the answers' tokens, those of thoughts, where the server counts them."""
    seconds: float = 0.0
    """Of the requests that were answered, one after the other; they ran side by side."""

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(**{name: value + getattr(other, name) for name, value in asdict(self).items()})

    def add(self, call: Call) -> None:
        self.calls += 1
        self.replayed += call.replayed
        self.requests += call.attempts
        self.prompt_tokens += call.prompt_tokens
        self.cached_tokens += call.cached_tokens
        self.completion_tokens += call.completion_tokens
        self.reasoning_tokens += call.reasoning_tokens
        self.seconds += call.seconds


@dataclass
class Bill:
    """Usage by stage and round."""

    lines: dict[tuple[str, int], Usage] = field(default_factory=dict)

    def add(self, calls: Iterable[Call]) -> None:
        """Take calls over; those without a prompt are the built-in agents', which cost nothing."""
        for call in calls:
            if call.prompt_id or call.prompt_tokens:
                self.lines.setdefault((call.stage, call.round), Usage()).add(call)

    def add_lasting(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Take over what `lasting` told."""
        for line in lines:
            figures = {name: value for name, value in line.items() if name not in ("stage", "round")}
            key = line["stage"], line["round"]
            self.lines[key] = self.lines.get(key, Usage()) + Usage(**figures)

    def __add__(self, other: Bill) -> Bill:
        both = dict(self.lines)
        for key, usage in other.lines.items():
            both[key] = both.get(key, Usage()) + usage
        return Bill(both)

    @property
    def tokens(self) -> int:
        return sum(usage.tokens for usage in self.lines.values())

    def in_order(self) -> Iterator[tuple[str, int, Usage]]:
        """(stage, round, usage), by round and then as the loop goes."""
        for stage, number in sorted(self.lines, key=lambda key: (key[1], _place(key[0]))):
            yield stage, number, self.lines[stage, number]

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {"stage": stage, "round": number, **asdict(usage), "seconds": round(usage.seconds, 3)}
            for stage, number, usage in self.in_order()
        ]

    def lasting(self) -> list[dict[str, Any]]:
        """Only what belongs to the outcomes, whoever made them and when."""
        return [{k: v for k, v in line.items() if k not in OF_ONE_START} for line in self.as_json()]


def _place(stage: str) -> tuple[int, str]:
    first, _, rest = stage.partition(".")
    if first == "paraphrase":
        # Of paraphrases: after all that the problem itself took, in the same order.
        inner, of_it = _place(rest) if rest.partition(".")[0] in STAGES else (-1, rest)
        return (len(STAGES) + 1 + inner, of_it)
    return (STAGES.index(first) if first in STAGES else len(STAGES), stage)
