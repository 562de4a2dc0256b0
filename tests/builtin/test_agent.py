"""The pair at work: a text is all that passes between the roles, and a failing case becomes a term to fit."""

from __future__ import annotations

from rule_strategies import printed

from codeseq_ray.agents.builtin.agent import BuiltinGuidingAgent, BuiltinWorkingAgent
from codeseq_ray.agents.builtin.fitting import FitRequest, fit
from codeseq_ray.agents.builtin.rules import Rule
from codeseq_ray.agents.visibility import (
    AnalystView,
    CorrectorView,
    SolverView,
    ValidatorView,
    Visibility,
    WriterView,
)
from codeseq_ray.cases import divide
from codeseq_ray.checks import check
from codeseq_ray.records import Analysis, FailingCase, Problem, Program, Reason, Sequence, VerdictKind


async def fit_here(request: FitRequest) -> Rule | None:
    return fit(request)


def views(terms: list[int], offset: int = 0) -> tuple[Sequence, WriterView]:
    sequence = Sequence(id="A999999", name="A made-up sequence for tests", terms=tuple(terms), offset=offset)
    cases = divide(sequence, 0)
    assert cases is not None
    return sequence, Visibility(sequence, cases, fitter=True).writer()


def validator(problem: Problem) -> ValidatorView:
    return ValidatorView(
        problem.description,
        problem.input_format,
        problem.output_format,
        tuple(e.input for e in problem.examples),
    )


CATALAN = [1]
for _n in range(29):
    CATALAN.append(CATALAN[-1] * (4 * _n + 2) // (_n + 2))


async def test_from_terms_to_a_program_that_goes_on() -> None:
    working, guiding = BuiltinWorkingAgent(fit_here), BuiltinGuidingAgent()
    assert (working.name, guiding.name, working.fits_terms) == ("builtin", "builtin", True)
    sequence, view = views(CATALAN)
    told = await working.write_problem(view)
    assert told.value is not None
    cases = divide(sequence, 0)
    assert cases is not None
    assert check(told.value, sequence, cases).reason == ""
    validated = await guiding.validate(validator(told.value))
    assert validated.value == tuple(c.output for c in cases.examples)
    program = await working.write_program(SolverView(told.value))
    assert program.value is not None
    for case in (*cases.hidden, *cases.far):
        assert printed(program.value.source, int(case.input)) == case.output
    assert [c.stage for a in (told, validated, program) for c in a.calls] == [
        "problem",
        "validation",
        "program",
    ]
    assert all(c.agent == "builtin" for a in (told, validated, program) for c in a.calls)


async def test_the_window_is_all_that_the_fitter_gets() -> None:
    seen: list[FitRequest] = []

    async def watching(request: FitRequest) -> Rule | None:
        seen.append(request)
        return None

    _, view = views(CATALAN, offset=5)
    answer = await BuiltinWorkingAgent(watching).write_problem(view)
    assert (answer.value, answer.reason) == (None, Reason.NO_RULE_FOUND)
    assert seen == [FitRequest(tuple(CATALAN[:20]), 5, int(view.examples[0].input))]


async def test_a_guide_that_cannot_read_the_text_says_so() -> None:
    view = ValidatorView("Count the flowers of a garden with n beds.", "n", "a number", ("1", "2"))
    answer = await BuiltinGuidingAgent().validate(view)
    assert answer.value is None
    assert answer.why_none
    text = Problem(description=view.description, input_format="n", output_format="m", examples=())
    assert (await BuiltinWorkingAgent(fit_here).write_program(SolverView(text))).value is None


async def test_inputs_outside_of_the_rule_are_no_crash() -> None:
    _, view = views([n * n + 40 for n in range(30)])
    problem = (await BuiltinWorkingAgent(fit_here).write_problem(view)).value
    assert problem is not None
    for wrong in ("-1", "zero", "", "1000000000000"):
        answer = await BuiltinGuidingAgent().validate(
            ValidatorView(problem.description, "", "", (wrong, "1"))
        )
        assert answer.value is None


async def _refuted() -> tuple[BuiltinWorkingAgent, Problem, Program]:
    working = BuiltinWorkingAgent(fit_here)
    _, view = views([n * n for n in range(15)])
    problem = (await working.write_problem(view)).value
    assert problem is not None
    program = (await working.write_program(SolverView(problem))).value
    assert program is not None
    return working, problem, program


async def test_a_refuted_rule_is_fitted_again_with_the_failing_case_and_told_anew() -> None:
    # 0, 1, 4, 9, … agrees with n² on the window 0..9; the truth is n² + C(n, 10), which a longer window shows.
    working, problem, program = await _refuted()

    async def with_choice(request: FitRequest) -> Rule | None:
        requests.append(request)
        return fit(FitRequest(tuple(n * n + 3 * (n // 10) for n in range(60)), 0, 0))

    requests: list[FitRequest] = []
    failing = FailingCase(
        input="12", expected="147", got="144", kind=VerdictKind.WRONG_ANSWER, message="differs"
    )
    view = CorrectorView(
        problem,
        program,
        failing,
        Analysis(why_expected="", what_is_wrong=""),
        window=tuple(n * n for n in range(10)),
        window_index=0,
    )
    answer = await BuiltinWorkingAgent(with_choice).correct(view)
    # Cases before the failing one were passed: they count as known.
    assert requests[0].window == (*(n * n for n in range(12)), 147)
    assert answer.value is not None
    assert answer.value.problem is not None
    assert printed(answer.value.program.source, 12) == "147"
    assert [e.output for e in answer.value.problem.examples] == [e.output for e in problem.examples]
    # With the honest fitter no rule explains a single exception.
    assert (await working.correct(view)).reason == Reason.NO_RULE_FOUND


async def test_a_failing_case_inside_the_window_replaces_the_term_there() -> None:
    _, problem, program = await _refuted()
    seen: list[FitRequest] = []

    async def watching(request: FitRequest) -> Rule | None:
        seen.append(request)
        return None

    failing = FailingCase(input="7", expected="50", got="49", kind=VerdictKind.WRONG_ANSWER, message="")
    view = CorrectorView(
        problem,
        program,
        failing,
        Analysis(why_expected="", what_is_wrong=""),
        window=tuple(n * n for n in range(10)),
        window_index=0,
    )
    await BuiltinWorkingAgent(watching).correct(view)
    assert seen[0].window == (0, 1, 4, 9, 16, 25, 36, 50, 64, 81)


async def test_time_limits_and_far_cases_are_not_fitted_away() -> None:
    working, problem, program = await _refuted()
    analysis = Analysis(why_expected="", what_is_wrong="")
    slow = FailingCase(input="12", expected="144", got="", kind=VerdictKind.TIME_LIMIT, message="4 s")
    far = FailingCase(input="99999", expected="1", got="2", kind=VerdictKind.WRONG_ANSWER, message="")
    for failing in (slow, far):
        answer = await working.correct(CorrectorView(problem, program, failing, analysis, (0, 1, 4), 0))
        assert answer.value is None
        assert answer.why_none


async def test_an_analysis_says_only_what_is_true() -> None:
    _, problem, program = await _refuted()
    guiding = BuiltinGuidingAgent()
    wrong_program = FailingCase(
        input="12", expected="144", got="143", kind=VerdictKind.WRONG_ANSWER, message=""
    )
    answer = (await guiding.analyse(AnalystView(problem, program, wrong_program))).value
    assert answer is not None
    assert "144" in answer.why_expected
    assert "143" in answer.what_is_wrong
    assert "as expected" in answer.what_is_wrong
    wrong_rule = FailingCase(input="12", expected="147", got="144", kind=VerdictKind.WRONG_ANSWER, message="")
    answer = (await guiding.analyse(AnalystView(problem, program, wrong_rule))).value
    assert answer is not None
    assert "refuted" in answer.what_is_wrong
    crash = FailingCase(
        input="12", expected="144", got="", kind=VerdictKind.RUNTIME_ERROR, message="ValueError"
    )
    answer = (await guiding.analyse(AnalystView(problem, program, crash))).value
    assert answer is not None
    assert "ValueError" in answer.what_is_wrong
