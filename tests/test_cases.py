from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codeseq_ray.agents.masking import MASK
from codeseq_ray.agents.visibility import Visibility, fit_window
from codeseq_ray.cases import divide, shifted
from codeseq_ray.records import Sequence

sequences = st.builds(
    Sequence,
    id=st.integers(1, 999_999).map(lambda n: f"A{n:06d}"),
    name=st.just("some numbers"),
    terms=st.lists(st.integers(-(10**30), 10**30), max_size=60).map(tuple),
    offset=st.none() | st.integers(-50, 2000),
    more_terms=st.lists(st.integers(), max_size=10).map(tuple),
)


@given(sequences, st.integers(0, 5))
def test_every_known_term_past_the_dropped_ones_is_in_exactly_one_group(
    sequence: Sequence, seed: int
) -> None:
    cases = divide(sequence, seed)
    if cases is None:
        assert len(sequence.terms) < 10
        return
    groups = (*cases.examples, *cases.hidden, *cases.far)
    known = (*sequence.terms, *sequence.more_terms)
    dropped = len(known) - len(groups)
    assert 0 <= dropped <= 3
    assert [int(c.output) for c in groups] == list(known[dropped:])
    first = 1 if sequence.offset is None else sequence.offset
    assert [int(c.input) for c in groups] == [first + dropped + i for i in range(len(groups))]
    assert len(cases.examples) == 2
    assert 5 <= len(cases.hidden) <= 8
    # Hidden cases are listed terms; what a b-file adds is only ever far.
    assert len(cases.far) >= len(sequence.more_terms)


@given(sequences)
def test_the_division_depends_on_seed_and_sequence_alone(sequence: Sequence) -> None:
    assert divide(sequence, 7) == divide(sequence.model_copy(), 7)


def test_the_third_of_trivial_beginnings_that_lose_more_is_about_a_third() -> None:
    more = 0
    for number in range(3000):
        cases = divide(Sequence(id=f"A{number:06d}", name="", terms=tuple(range(1, 30)), offset=1), 0)
        assert cases is not None
        more += cases.examples[0].input != "2"
    assert 900 <= more <= 1100


@given(sequences, st.integers(-100, 100))
def test_a_shift_moves_every_input_and_can_be_taken_back(sequence: Sequence, shift: int) -> None:
    cases = divide(sequence, 0)
    if cases is not None:
        assert shifted(shifted(cases, shift), -shift) == cases
        assert shifted(cases, shift).shift == shift


# ------------------------------------------------------------------------------------------ visibility


@given(sequences)
@example(Sequence(id="A000001", name="x", terms=(0, 1000000, 0, 0, 0, 0, 0, -1000000)))
def test_no_far_term_of_four_digits_is_left_in_what_the_writer_reads(sequence: Sequence) -> None:
    texts = tuple(f"a({i}) = {t}; then {t}." for i, t in enumerate(sequence.terms))
    entry = sequence.model_copy(
        update={"comments": texts, "formulas": texts, "examples": texts, "programs": texts}
    )
    cases = divide(entry, 0)
    if cases is None:
        return
    view = Visibility(entry, cases, fitter=False).writer()
    shown = {c.output for c in (*cases.examples, *cases.hidden)}
    secret = {c.output for c in cases.far if len(c.output.lstrip("-")) >= 4 and c.output not in shown}
    read = " ".join((*view.comments, *view.formulas, *view.entry_examples, *view.programs))
    words = set(read.replace(";", " ").replace(".", " ").split())
    assert not secret & words


@pytest.mark.parametrize(
    "form", ["{}, {}, {}, {}", "a(30)..a(33): {}; {}; {}; {}", "{{{} {} {} {}}}", "{}|{}|{}|{}"]
)
def test_short_far_terms_in_a_row_are_masked_in_any_list(form: str) -> None:
    terms = tuple(n * n % 100 for n in range(40))
    line = form.format(*terms[30:34])
    entry = Sequence(
        id="A123456", name="Primes below 10007", terms=terms, offset=0, comments=(line, "from 25 to 36")
    )
    cases = divide(entry, 0)
    assert cases is not None
    view = Visibility(entry, cases, fitter=False).writer()
    assert view.comments[0].count(MASK) == 4
    assert view.comments[1] == "from 25 to 36"
    assert view.name == entry.name


@given(sequences)
def test_only_the_fitter_gets_a_window_and_never_the_last_third(sequence: Sequence) -> None:
    cases = divide(sequence, 0)
    if cases is None:
        return
    assert Visibility(sequence, cases, fitter=False).writer().window == ()
    window = Visibility(sequence, cases, fitter=True).writer().window
    assert window == fit_window(sequence) == sequence.terms[: len(window)]
    assert len(window) == min(len(sequence.terms), max(10, 2 * len(sequence.terms) // 3))
