"""How much of each side is taken: exactly the ratio, and as much as there is."""

from __future__ import annotations

from array import array
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codeseq_ray.errors import UsageError
from codeseq_ray.mixing.drawing import Draw, Usable
from codeseq_ray.mixing.ratio import CODESEQ, GENERAL, Ratio, shares
from codeseq_ray.settings import MixSettings, load

sizes = st.integers(0, 3000)
parts = st.integers(1, 40)


@given(parts, parts, sizes, sizes, st.none() | st.integers(2, 4000))
def test_shares_are_exact_and_the_largest(
    a: int, b: int, general: int, codeseq: int, total: int | None
) -> None:
    ratio = Ratio.parse(f"{a}:{b}")
    size = ratio.general + ratio.codeseq
    portions = min(general // ratio.general, codeseq // ratio.codeseq)
    wanted = portions if total is None else total // size
    if not 0 < wanted <= portions:
        with pytest.raises(UsageError):
            shares(ratio, general, codeseq, total)
        return
    found = shares(ratio, general, codeseq, total)
    assert Fraction(found.general, found.codeseq) == Fraction(a, b)
    assert found.general <= general
    assert found.codeseq <= codeseq
    if total is None:  # one more portion is not there
        assert found.general + ratio.general > general or found.codeseq + ratio.codeseq > codeseq
        limits = {
            GENERAL: general - found.general < ratio.general,
            CODESEQ: codeseq - found.codeseq < ratio.codeseq,
        }
        assert limits[found.limited_by]
    else:
        assert total - size < found.total <= total


@given(st.lists(st.integers(0, 9), max_size=60), st.data())
def test_so_many_are_drawn_even_where_keys_are_equal(samples: list[int], data: st.DataObject) -> None:
    assume(samples)
    wanted = data.draw(st.integers(1, len(samples)))
    usable = Usable(samples={GENERAL: array("Q", samples), CODESEQ: array("Q", [5])})
    draw = Draw(usable, shares(Ratio(wanted, 1), len(samples), 1), dedup=True)
    numbers = np.array(samples, np.uint64)
    cut = data.draw(st.integers(0, len(samples)))  # however the rows come in tables
    taken = np.concatenate([draw._bounds[GENERAL].takes(part) for part in (numbers[:cut], numbers[cut:])])
    assert sorted(numbers[taken]) == sorted(samples)[:wanted]


@pytest.mark.parametrize("text", ["5", "0:1", "5:0", "-1:2", "1.5:1", "a:b", "5:1:1", ""])
def test_a_ratio_is_two_positive_integers(text: str) -> None:
    with pytest.raises(UsageError, match="ratio"):
        load(
            ["--codeseq", "a", "--general", "b", "--output", "c", f"--ratio={text}"],
            schema=MixSettings,
            program="mix.py",
        )


def test_settings_from_the_command_line() -> None:
    given = [
        "--codeseq",
        "a",
        "--general",
        "b",
        "--output",
        "c",
        "--ratio",
        "10:2",
        "--drop-sources",
        "*X*, y",
    ]
    settings = load(
        [*given, "--against", "one.jsonl,two.parquet", "--no-dedup"], schema=MixSettings, program="mix.py"
    )
    assert settings.ratio == "5:1"
    assert settings.drop_sources == ("*x*", "y")
    assert settings.against == ("one.jsonl", "two.parquet")
    assert not settings.dedup
    again = load(
        [*given, "--against", "1", "--against", "2", "--drop-sources", ""], schema=MixSettings, program="m"
    )
    assert again.against == ("1", "2")


def test_no_source_is_dropped_by_an_empty_pattern() -> None:
    given = ["--codeseq", "a", "--general", "b", "--output", "c", "--drop-sources", ""]
    assert load(given, schema=MixSettings, program="mix.py").drop_sources == ()


def test_a_bound_in_tokens_needs_a_tokenizer() -> None:
    with pytest.raises(UsageError, match="--max-tokens needs --tokenizer"):
        load(
            ["--codeseq", "a", "--general", "b", "--output", "c", "--max-tokens", "9"],
            schema=MixSettings,
            program="mix.py",
        )
