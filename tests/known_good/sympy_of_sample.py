"""What sympy says a(n) is, for sequences of the bundled sample that its functions define."""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy.functions.combinatorial import numbers as nt
from sympy.ntheory import residue_ntheory as residues
from sympy.utilities.iterables import partitions

I = sympy.I  # noqa: E741
X = sympy.Symbol("x")


def _totalled(function: Callable[[int], int]) -> Callable[[int], int]:
    return lambda n: sum(function(k) for k in range(1, n + 1))


def _member(test: Callable[[int], object], least: int) -> Callable[[int], int]:
    """The n-th (from 1) of the integers from `least` on that pass."""

    def nth(n: int) -> int:
        k = least - 1
        while n:
            k += 1
            n -= bool(test(k))
        return k

    return nth


def _unitary(n: int) -> int:
    return sum(d for d in sympy.divisors(n) if sympy.gcd(d, n // d) == 1)


def _pisano(n: int) -> int:
    period = 1
    while sympy.fibonacci(period) % n or sympy.fibonacci(period + 1) % n != 1 % n:
        period += 1
    return period


def _next_primes(n: int) -> int:
    return sympy.prod(sympy.nextprime(p) ** e for p, e in sympy.factorint(n).items())


def _largest_exponent(n: int) -> int:
    return max(sympy.factorint(n).values(), default=0)


def _linear(*start: int, by: tuple[int, ...]) -> Callable[[int], int]:
    """Linear recurrence by a power of its companion matrix; `by` gives the last term's factor first."""
    size = len(start)

    def term(n: int) -> int:
        step = sympy.zeros(size, size)
        for i in range(size - 1):
            step[i, i + 1] = 1
        for i, factor in enumerate(reversed(by)):
            step[size - 1, i] = factor
        return int((step**n * sympy.Matrix(start))[0])

    return term


SYMPY: dict[str, Callable[[int], int]] = {
    "A000005": sympy.divisor_count,
    "A000009": lambda n: sum(1 for p in partitions(n) if max(p.values(), default=1) == 1),
    "A000010": nt.totient,
    "A000032": sympy.lucas,
    "A000040": sympy.prime,
    "A000041": sympy.partition,
    "A000045": sympy.fibonacci,
    "A000069": _member(lambda k: sympy.ntheory.count_digits(k, 2)[1] % 2, 0),
    "A000073": lambda n: sympy.tribonacci(n - 1) if n else 0,
    "A000078": _linear(0, 0, 0, 1, by=(1, 1, 1, 1)),
    "A000085": lambda n: int(((-I) ** n * sympy.hermite_prob(n, I)).expand()),
    "A000108": sympy.catalan,
    "A000110": sympy.bell,
    "A000111": sympy.andre,
    "A000120": lambda n: sympy.ntheory.count_digits(n, 2)[1],
    "A000129": _linear(0, 1, by=(2, 1)),
    "A000142": sympy.factorial,
    "A000165": lambda n: sympy.factorial2(2 * n),
    "A000166": sympy.subfactorial,
    "A000196": lambda n: sympy.floor(sympy.sqrt(n)),
    "A000201": lambda n: sympy.floor(n * sympy.GoldenRatio),
    "A000203": nt.divisor_sigma,
    "A000213": _linear(1, 1, 1, by=(1, 1, 1)),
    "A000254": lambda n: nt.stirling(n + 1, 2, kind=1),
    "A000265": lambda n: n >> sympy.multiplicity(2, n),
    "A000292": lambda n: sympy.binomial(n + 2, 3),
    "A000332": lambda n: sympy.binomial(n, 4),
    "A000330": lambda n: sympy.summation(X**2, (X, 0, n)),
    "A000537": lambda n: sympy.summation(X**3, (X, 0, n)),
    "A000538": lambda n: sympy.summation(X**4, (X, 0, n)),
    "A000539": lambda n: sympy.summation(X**5, (X, 0, n)),
    "A000587": lambda n: sum((-1) ** k * nt.stirling(n, k) for k in range(n + 1)),
    "A000670": lambda n: sum(sympy.factorial(k) * nt.stirling(n, k) for k in range(n + 1)),
    "A000720": nt.primepi,
    "A000796": lambda n: sympy.floor(sympy.pi * 10 ** (n - 1)) % 10,
    "A000984": lambda n: sympy.binomial(2 * n, n),
    "A001006": lambda n: nt.motzkin(n + 1),
    "A001008": lambda n: sympy.numer(sympy.harmonic(n)),
    "A001045": _linear(0, 1, by=(1, 2)),
    "A001065": lambda n: nt.divisor_sigma(n) - n,
    "A001147": lambda n: sympy.factorial2(2 * n - 1),
    "A001157": lambda n: nt.divisor_sigma(n, 2),
    "A001175": _pisano,
    "A001221": nt.primenu,
    "A001222": nt.primeomega,
    "A001223": lambda n: sympy.prime(n + 1) - sympy.prime(n),
    "A001227": lambda n: sum(d % 2 for d in sympy.divisors(n)),
    "A001248": lambda n: sympy.prime(n) ** 2,
    "A001353": _linear(0, 1, by=(4, -1)),
    "A001358": _member(lambda k: nt.primeomega(k) == 2, 1),
    "A001359": _member(lambda k: sympy.isprime(k) and sympy.isprime(k + 2), 2),
    "A001399": lambda n: sum(1 for _ in partitions(n, m=3)),
    "A001400": lambda n: sum(1 for _ in partitions(n, m=4)),
    "A001405": lambda n: sympy.binomial(n, n // 2),
    "A001414": lambda n: sum(p * e for p, e in sympy.factorint(n).items()),
    "A001608": _linear(3, 0, 2, by=(0, 1, 1)),
    "A001615": lambda n: sympy.prod((p + 1) * p ** (e - 1) for p, e in sympy.factorint(n).items()),
    "A001850": lambda n: sympy.legendre(n, 3),
    "A001951": lambda n: sympy.floor(n * sympy.sqrt(2)),
    "A002088": _totalled(nt.totient),
    "A002110": lambda n: sympy.primorial(n) if n else 1,
    "A002113": _member(lambda k: sympy.ntheory.is_palindromic(k), 0),
    "A002144": _member(lambda k: k % 4 == 1 and sympy.isprime(k), 2),
    "A002193": lambda n: sympy.floor(sympy.sqrt(2) * 10 ** (n - 1)) % 10,
    "A002203": _linear(2, 2, by=(2, 1)),
    "A002321": _totalled(nt.mobius),
    "A002326": lambda n: residues.n_order(2, 2 * n + 1) if n else 1,
    "A002426": lambda n: sympy.Poly((1 + X + X**2) ** n, X).coeff_monomial(X**n) if n else 1,
    "A002605": _linear(0, 1, by=(2, 2)),
    "A002720": lambda n: sympy.factorial(n) * sympy.laguerre(n, -1),
    "A002805": lambda n: sympy.denom(sympy.harmonic(n)),
    "A002808": lambda n: sympy.composite(n),
    "A003188": lambda n: int(sympy.combinatorics.graycode.bin_to_gray(format(n, "b")), 2),
    "A003417": lambda n: next(q for i, q in enumerate(sympy.continued_fraction_iterator(sympy.E)) if i == n),
    "A003418": lambda n: sympy.ilcm(*range(1, n + 1)) if n > 1 else 1,
    "A003422": lambda n: sum(sympy.factorial(k) for k in range(n)),
    "A003557": lambda n: n // sympy.prod(sympy.primefactors(n)),
    "A003961": _next_primes,
    "A004018": lambda n: 4 * sum(nt.kronecker_symbol(-4, d) for d in sympy.divisors(n)) if n else 1,
    "A004086": lambda n: int("".join(map(str, reversed(sympy.ntheory.digits(n)[1:])))),
    "A005117": _member(lambda k: nt.mobius(k) != 0, 1),
    "A005101": _member(lambda k: sympy.ntheory.is_abundant(k), 1),
    "A005384": _member(lambda k: sympy.isprime(k) and sympy.isprime(2 * k + 1), 2),
    "A006093": lambda n: sympy.prime(n) - 1,
    "A006094": lambda n: sympy.prime(n) * sympy.prime(n + 1),
    "A006190": _linear(0, 1, by=(3, 1)),
    "A006218": _totalled(sympy.divisor_count),
    "A006530": lambda n: max(sympy.primefactors(n), default=1),
    "A007434": lambda n: sum(nt.mobius(n // d) * d * d for d in sympy.divisors(n)),
    "A007504": lambda n: sum(sympy.prime(k) for k in range(1, n + 1)),
    "A007814": lambda n: sympy.multiplicity(2, n),
    "A007947": lambda n: sympy.prod(sympy.primefactors(n)),
    "A007953": lambda n: sum(sympy.ntheory.digits(n)[1:]),
    "A008472": lambda n: sum(sympy.primefactors(n)),
    "A008683": nt.mobius,
    "A009545": lambda n: sympy.im(sympy.expand((1 + I) ** n)),
    "A010051": lambda n: sympy.isprime(n),
    "A014963": lambda n: (sympy.primefactors(n) or [1])[0] if nt.primenu(n) < 2 else 1,
    "A018804": lambda n: sum(d * nt.totient(n // d) for d in sympy.divisors(n)),
    "A020639": lambda n: min(sympy.primefactors(n), default=1),
    "A023416": lambda n: sympy.ntheory.count_digits(n, 2)[0],
    "A023900": lambda n: sympy.prod(1 - p for p in sympy.primefactors(n)),
    "A024916": _totalled(nt.divisor_sigma),
    "A033879": lambda n: -sympy.abundance(n),
    "A034444": lambda n: nt.udivisor_sigma(n, 0) if n else 0,
    "A034448": _unitary,
    "A051903": _largest_exponent,
    "A053767": lambda n: sum(sympy.composite(k) for k in range(1, n + 1)),
    "A055615": lambda n: n * nt.mobius(n),
    "A146559": lambda n: sympy.re(sympy.expand((1 + I) ** n)),
}
