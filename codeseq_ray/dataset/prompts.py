"""The user's turn: what a model that is trained or measured on our problems reads. One text for all of them."""

from __future__ import annotations

import hashlib

from codeseq_ray.records import Problem

INSTRUCTION = """\
Write a Python 3 program that reads the input from standard input and prints the output, and nothing else. \
Before you settle on it, make up inputs of your own, work out what each of them should give, and check your program \
against them. End with the whole program in one ```python block."""
"""Follows the problem. It asks for self-made cases because the reward counts them (METHOD 3)."""

INSTRUCTION_ID = f"solve@{hashlib.blake2b(INSTRUCTION.encode(), digest_size=6).hexdigest()}"
"""Stands for the instruction in rows and cards."""


def solver_prompt(problem: Problem) -> str:
    """The problem, and what is asked of whoever solves it."""
    return f"{problem.text()}\n\n{INSTRUCTION}"
