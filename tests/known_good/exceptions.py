"""Sequences whose terms are not what their names say in the plain reading. The test shows that they still differ.

Offsets that do not fit the name need no entry: where the name is not defined at the first index, nothing is tied.
"""

from __future__ import annotations

_TWO = "the Kronecker symbol at p = 2 is meant: modulo 2 everything is a square"
_ITSELF = "zero is not counted as a square: the modulus itself is left out"
_SHIFTED = "the entry counts from 0, the data says 1"
_BEFORE = "lists the convergent 1/0 first"

EXCEPTIONS: dict[str, str] = {
    **dict.fromkeys(
        [
            "A038884",
            "A038892",
            "A038894",
            "A038901",
            "A038902",
            "A038911",
            "A038912",
            "A038913",
            "A038914",
            "A038923",
            "A038924",
            "A038942",
        ],
        _TWO,
    ),
    **dict.fromkeys(
        ["A191021", "A191022", "A191024", "A191031", "A191033", "A191039", "A191044", "A191050", "A191053"],
        _ITSELF,
    ),
    **dict.fromkeys(["A001076", "A001077", "A005667", "A005668"], _BEFORE),
    **dict.fromkeys(["A066975", "A069226"], _SHIFTED),
    "A158938": "begins with -3, and goes on from there",
    "A191276": "the name says 9, the terms say 8",
}
