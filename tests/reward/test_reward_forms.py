"""Properties of the formula, whatever its form and constants."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codeseq_ray.errors import UsageError
from codeseq_ray.reward import Cssr, Form
from codeseq_ray.reward.forms import UNKNOWN_WEIGHT

shares = st.floats(0, 1)
forms = st.builds(
    Cssr,
    form=st.sampled_from(Form),
    epsilon=st.floats(1e-6, 0.4),
    case_weight=st.floats(0, 3),
    rollouts=st.integers(2, 256),
)


def worth(form: Cssr, passed: bool, s: float | None, c: float) -> float:
    return form.reward(passed=passed, solvability=s, case_share=c)


@given(forms, st.booleans(), shares, shares)
def test_bounds(form: Cssr, passed: bool, s: float, c: float) -> None:
    most = 1.0 if form.form is Form.NORMALISED else -math.log(form.epsilon)
    best = most * (1 + form.case_weight) if form.form is Form.MULTIPLICATIVE else most + form.case_weight
    assert 0 <= worth(form, passed, s, c) <= best * (1 + 1e-12)


@given(forms, st.booleans(), shares, shares)
def test_what_program_and_cases_earn_makes_up_the_reward(
    form: Cssr, passed: bool, s: float, c: float
) -> None:
    for_pass, for_cases = form.parts(passed=passed, solvability=s, case_share=c)
    assert form.reward(passed=passed, solvability=s, case_share=c) == for_pass + for_cases
    assert min(for_pass, for_cases) >= 0
    assert passed or for_pass == 0
    assert c > 0 or for_cases == 0


@given(forms, shares, shares, shares)
def test_a_pass_of_a_harder_problem_is_never_worth_less(form: Cssr, s: float, other: float, c: float) -> None:
    hard, easy = sorted((s, other))
    assert worth(form, True, hard, c) >= worth(form, True, easy, c)


@given(shares, shares, shares)
def test_a_pass_of_a_harder_problem_is_worth_more(s: float, other: float, c: float) -> None:
    hard, easy = sorted((s, other))
    assume(easy - hard > 1e-6 and easy < 0.99)
    for form in Form:
        if form is Form.NORMALISED and hard < 1 / 32:
            continue  # both weigh no more than the smallest share that was measured
        assert worth(Cssr(form), True, hard, c) > worth(Cssr(form), True, easy, c)


@given(forms, st.none() | shares, shares)
def test_at_equal_cases_a_pass_is_never_worth_less_than_a_failure(
    form: Cssr, s: float | None, c: float
) -> None:
    assert worth(form, True, s, c) >= worth(form, False, s, c)


@given(st.sampled_from([Form.ADDITIVE, Form.NORMALISED]), shares, shares, shares)
def test_with_a_case_weight_below_the_least_weight_every_pass_beats_every_failure(
    form: Form, s: float, c: float, other: float
) -> None:
    assume(s <= 0.46)
    safe = Cssr(form, case_weight=Cssr(form).weight(0.46))
    assert worth(safe, True, s, c) >= worth(safe, False, s, other)


@given(forms, shares, shares, shares)
def test_more_true_cases_are_never_worth_less(form: Cssr, s: float, c: float, other: float) -> None:
    fewer, more = sorted((c, other))
    for passed in (True, False):
        assert worth(form, passed, s, more) >= worth(form, passed, s, fewer)


@given(shares, shares, shares)
def test_a_failure_with_true_cases_is_worth_more_than_one_with_false_ones(
    s: float, c: float, other: float
) -> None:
    fewer, more = sorted((c, other))
    assume(more > fewer)
    for form in (Form.ADDITIVE, Form.NORMALISED):
        assert worth(Cssr(form), False, s, more) > worth(Cssr(form), False, s, fewer)
    assert worth(Cssr(Form.MULTIPLICATIVE), False, s, more) == 0


def test_figures_by_hand() -> None:
    quarter = -math.log(0.251)
    assert worth(Cssr(), True, 0.25, 0.5) == pytest.approx(quarter + 0.5)
    assert worth(Cssr(Form.MULTIPLICATIVE), True, 0.25, 0.5) == pytest.approx(quarter * 1.5)
    assert worth(Cssr(Form.NORMALISED), True, 0.25, 0.5) == pytest.approx(
        quarter / -math.log(1 / 32 + 1e-3) + 0.5
    )
    assert worth(Cssr(Form.NORMALISED), True, 1 / 32, 0) == 1
    assert worth(Cssr(Form.NORMALISED), True, 0, 0) == 1
    assert worth(Cssr(), True, 0, 0) == pytest.approx(-math.log(1e-3))


@pytest.mark.parametrize("form", Form)
def test_a_problem_that_everybody_solves_weighs_nothing_and_not_less(form: Form) -> None:
    assert Cssr(form).weight(1.0) == 0


@pytest.mark.parametrize("form", Form)
def test_where_nobody_was_asked_a_pass_weighs_one(form: Form) -> None:
    assert Cssr(form).weight(None) == UNKNOWN_WEIGHT == 1


@pytest.mark.parametrize("s", [-0.01, 1.01, math.nan, math.inf, -math.inf, 32])
def test_what_is_no_share_is_refused(s: float) -> None:
    with pytest.raises(UsageError, match="solvability"):
        Cssr().weight(s)


@pytest.mark.parametrize(
    "constants",
    [
        {"form": "squared"},
        {"epsilon": 0.0},
        {"epsilon": 1.0},
        {"epsilon": math.nan},
        {"case_weight": -1.0},
        {"case_weight": math.inf},
        {"rollouts": 0},
        {"rollouts": 1},
    ],
)
def test_constants_that_make_no_reward_are_refused(constants: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Cssr(**constants)  # type: ignore[arg-type]


def test_forms_are_known_by_name() -> None:
    assert Cssr("normalised").weight(1 / 32) == 1  # type: ignore[arg-type]
