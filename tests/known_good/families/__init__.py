"""Kinds of names that say a sequence of number theory in full: for each, a program, and sympy's own answer.

Both are made from the name (and the index of the first term) alone. A name that leaves something open is not used,
or read in the one plain way; where the OEIS reads it in another, the sequence is listed in `exceptions`.
"""

from __future__ import annotations

from known_good.families import divisors, expansions, formulas, residues
from known_good.families.base import FAMILIES, FEWEST, Family, Tie

__all__ = ["FAMILIES", "FEWEST", "Family", "Tie", "divisors", "expansions", "formulas", "residues"]
