"""Problems, their cases, and programs."""

from __future__ import annotations

from codeseq_ray.records.values import Value


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
