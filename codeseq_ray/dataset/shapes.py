"""How much alike accepted sequences are: what programs and names have in common when their details are blanked."""

from __future__ import annotations

import ast
import warnings

from codeseq_ray.cases import draw
from codeseq_ray.selection.families import template_key


def program_shape(source: str) -> str:
    """A digest of the program with its names and constants blanked: equal where two are built alike.

    Empty where it cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes
            tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant):
                node.value, node.kind = 0, None
                continue
            for name, value in ast.iter_fields(node):
                if isinstance(value, str):
                    setattr(node, name, "")
        return f"{draw(0, 'shape', ast.dump(tree)):016x}"
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def name_template(name: str) -> str:
    """A digest of the name with its numbers masked, by which families are made too."""
    return f"{template_key(name):016x}"
