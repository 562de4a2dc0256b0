"""What holds the recorded parts of an SFT turn together, in several ways of saying it.

A place is drawn by a hash of the problem: rows differ, and the same problem is always told alike. Values come in as
they were recorded; no phrase holds a number of its own. Each test is said in words that the reward reads as a claim
(`reward.extraction`), so that a model that learns them is understood; none says so of a wrong output.
"""

from __future__ import annotations

from collections.abc import Mapping

from codeseq_ray.cases import draw

PLACES: Mapping[str, tuple[str, ...]] = {
    "test": (
        "Let me test it on input {input}: it should give {expected}.",
        "A test: on input {input} it should print {expected}.",
        "Before I trust this, I try a case. For input {input} the output should be {expected}.",
        "I make up a case: input {input}, expected output {expected}.",
        "To be sure, one case by hand: for input {input} the answer should be {expected}.",
        "Does it hold? On input {input} the expected output is {expected}.",
        "Let me not stop here. Test case: input {input}, expected output {expected}.",
    ),
    "wrong": (
        "But it prints {got}.",
        "The program prints {got} instead.",
        "What it prints is {got}.",
        "Instead it prints {got}.",
        "My program prints {got} there, which is wrong.",
        "It fails: it prints {got}.",
    ),
    "silent": (
        "But it prints nothing.",
        "The program prints nothing there.",
        "What it prints is nothing at all.",
        "Instead it prints nothing.",
        "It ends without any output.",
        "It fails: there is no output.",
    ),
    "stopped": (
        "But {what}",
        "Here {what}",
        "There {what}",
        "On this input {what}",
        "Instead {what}",
        "No: {what}",
    ),
    "revised": (
        "Here is the revised program.",
        "So I change the program.",
        "With that mended:",
        "The next version:",
        "Let me write it anew with that in mind.",
        "Corrected:",
        "That is what I change.",
    ),
    "again": (
        "Final check: on input {input} the revised program prints {expected}, as it should.",
        "Once more: on input {input} it now prints {expected}, as it should.",
        "I run the case again. On input {input} the program now prints {expected}, which is right.",
        "The case that failed is right now: on input {input} it prints {expected}, as it should.",
        "Checked again: for input {input} the output is {expected}.",
        "This time it holds: on input {input} it should give {expected}, and it does.",
    ),
    "example": (
        "Let me check it on input {input}: it should give {expected}.{why} The program follows the same steps.",
        "A check against the problem: for input {input} the output should be {expected}.{why} So does the program.",
        "First the example: on input {input} it should print {expected}.{why} The program does the same.",
        "Compare it with the example: input {input}, expected output {expected}.{why} That is what it computes.",
        "I go through input {input}, which should give {expected}.{why} The program takes the same way.",
        "Is that what the examples say? On input {input} the answer should be {expected}.{why} It is.",
    ),
    "own": (
        "And a case that the problem does not show: on input {input} it should give {expected}, and it does.",
        "One of my own: for input {input} the output should be {expected}. It holds.",
        "I try another one: on input {input} it prints {expected}, as it should.",
        "Beyond the examples: input {input}, expected output {expected}. The program agrees.",
        "A further test: on input {input} the answer is {expected}, and the program prints it.",
        "To be sure, input {input}: it should give {expected}. So it does.",
    ),
    "final": (
        "The final program:",
        "So this is the program:",
        "This is the program that I settle on:",
        "It stands. The whole program:",
        "My answer:",
        "The program, then:",
    ),
}


def phrase(place: str, key: str, at: int = 0, **values: str) -> str:
    """One way of saying it, drawn by the key and by which of the turn's places of this kind it is."""
    ways = PLACES[place]
    return ways[draw(at, "phrase", place, key) % len(ways)].format(**values)
