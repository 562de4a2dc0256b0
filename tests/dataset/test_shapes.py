"""What makes two programs, or two names, alike."""

from __future__ import annotations

import pytest

from codeseq_ray.dataset.shapes import name_template, program_shape

SOURCE = "def f(n):\n    return 3 * n + 1\n\nprint(f(int(input())))\n"


@pytest.mark.parametrize(
    "alike",
    [
        SOURCE.replace("3", "17").replace("+ 1", "+ 4"),
        SOURCE.replace("f(", "term("),
        "def g(x):\n    return 9 * x + 9\n\nprint(g(int(input())))\n",
        "# another remark\n" + SOURCE,
    ],
)
def test_names_constants_and_remarks_make_no_shape(alike: str) -> None:
    assert program_shape(alike) == program_shape(SOURCE)


@pytest.mark.parametrize("other", [SOURCE.replace("+", "-"), SOURCE.replace("3 * n", "n"), "print(1)\n"])
def test_what_is_built_otherwise_has_another_shape(other: str) -> None:
    assert program_shape(other) != program_shape(SOURCE)


@pytest.mark.parametrize("source", ["print(", "\x00", "(" * 1000])
def test_what_cannot_be_read_has_none(source: str) -> None:
    assert program_shape(source) == ""


def test_names_that_differ_in_numbers_share_a_template() -> None:
    assert name_template("a(n) = 3*n + 2.") == name_template("a(n) = 5*n + 1.")
    assert name_template("Primes.") != name_template("Squares.")
