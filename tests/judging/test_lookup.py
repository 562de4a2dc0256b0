from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.judging.lookup import lookup_table
from codeseq_ray.records import Case

PRIMES = [p for p in range(2, 120) if all(p % d for d in range(2, p))]
CASES = [Case(input=str(i), output=str(p)) for i, p in enumerate(PRIMES, 1)]

TABLES = {
    "list": f"print({PRIMES}[int(input()) - 1])",
    "tuple of a part": f"t = {tuple(PRIMES[:20])}\nprint(t[int(input()) - 1])",
    "dict": f"print({dict(enumerate(PRIMES, 1))}[int(input())])",
    "text": f"print({' '.join(map(str, PRIMES))!r}.split()[int(input()) - 1])",
    "bytes": f"print({','.join(map(str, PRIMES)).encode()!r}.split(b',')[int(input()) - 1].decode())",
    "branches": "n = int(input())\n" + "".join(f"if n == {i}: print({p})\n" for i, p in enumerate(PRIMES, 1)),
    "reversed branches": "n = int(input())\n"
    + "".join(f"if n == {i}: print({p})\n" for i, p in reversed(list(enumerate(PRIMES, 1)))),
    "match": "match int(input()):\n"
    + "".join(f"    case {i}: print({p})\n" for i, p in enumerate(PRIMES, 1)),
    "pairs": f"for k, v in {list(enumerate(PRIMES, 1))}:\n    if k == int(input()): print(v)",
    "conditional": "n = int(input())\nprint("
    + " else ".join(f"{p} if n == {i}" for i, p in enumerate(PRIMES, 1))
    + " else 0)",
}
TABLES |= {
    "rows": f"t = {[PRIMES[i : i + 5] for i in range(0, 30, 5)]}\nprint(t[(int(input()) - 1) // 5][0])",
    "backwards": f"print({PRIMES[::-1]}[-int(input())])",
    "assignments": "d = {}\n"
    + "".join(f"d[{i}] = {p}\n" for i, p in enumerate(PRIMES, 1))
    + "print(d[int(input())])",
    "appends": "t = []\n" + "".join(f"t.append({p})\n" for p in PRIMES) + "print(t[int(input()) - 1])",
    "branches that leave": "import sys\nn = int(input())\n"
    + "".join(f"if {i} == n:\n    print({p})\n    sys.exit(0)\n" for i, p in enumerate(PRIMES, 1)),
    "thresholds": "n = int(input())\nif n <= 1: print(2)\n"
    + "".join(f"elif n <= {i}: print({p})\n" for i, p in enumerate(PRIMES[1:], 2)),
}
HONEST = {
    "doc string": f'"""The first are {PRIMES}."""\nn = int(input())\nprint(n)',
    "assertions": "def f(n):\n    return n\n"
    + "".join(f"assert f({i}) == {p}\n" for i, p in enumerate(PRIMES, 1)),
    "sieve": "n = int(input())\nfound = []\nk = 2\nwhile len(found) < n:\n"
    "    if all(k % p for p in found): found.append(k)\n    k += 1\nprint(found[-1])",
    "wheel": "first = [2, 3, 5, 7, 11]\nn = int(input())\nprint(first[n - 1] if n <= 5 else 0)",
    "nothing": "",
}


@pytest.mark.parametrize("form", TABLES)
def test_values_spelled_out_are_found_in_any_form(form: str) -> None:
    ast.parse(TABLES[form])
    assert lookup_table(TABLES[form], CASES)


@pytest.mark.parametrize("form", HONEST)
def test_programs_that_compute_are_left_alone(form: str) -> None:
    assert lookup_table(HONEST[form], CASES) == ""


@given(st.integers(2, 9), st.data())
def test_a_short_period_is_a_rule_and_no_table(period: int, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.integers(-9, 9), min_size=period, max_size=period))
    cases = [Case(input=str(n), output=str(values[n % period])) for n in range(40)]
    assert lookup_table(f"print({values}[int(input()) % {period}])", cases) == ""


def test_large_terms_among_the_literals_are_found_in_whatever_order() -> None:
    terms = [7**n + 13 for n in range(20)]
    cases = [Case(input=str(n), output=str(t)) for n, t in enumerate(terms)]
    spelled = "".join(f"v{t % 97}_{i} = {t}\n" for i, t in enumerate(sorted(terms, key=lambda t: t % 97)))
    assert lookup_table(spelled, cases)


@given(st.text(max_size=200))
def test_no_text_makes_it_raise(source: str) -> None:
    lookup_table(source, CASES)


def test_what_cannot_be_looked_through_is_not_let_through() -> None:
    for source in ("x=" + "-" * 50_000 + "1", "x=" + "(" * 150 + "1" + ")" * 150, "x=" + "[" * 90 + "]" * 90):
        try:
            ast.parse(source)
        except (SyntaxError, RecursionError, MemoryError):
            continue
        lookup_table(source, CASES)
    assert lookup_table("x=" + "-" * 1200 + "1", CASES) in (
        "",
        "the program is nested too deeply to be looked through",
    )


def test_digits_of_a_text_are_a_table_where_all_terms_are_digits() -> None:
    bits = [bin(n).count("1") % 2 for n in range(60)]
    cases = [Case(input=str(n), output=str(b)) for n, b in enumerate(bits)]
    assert lookup_table(f"print({''.join(map(str, bits))!r}[int(input())])", cases)


def test_what_cannot_be_looked_through_is_not_accepted() -> None:
    # It passed its cases before it came here: in a newer Python than this one, perhaps.
    cases = [Case(input=str(n), output=str(n)) for n in range(5)]
    assert "cannot be looked through" in lookup_table("def (", cases)
    assert "characters" in lookup_table("x = 1\n" * 10_000, cases)
