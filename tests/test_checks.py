from __future__ import annotations

import time

import pytest

from codeseq_ray.cases import divide
from codeseq_ray.checks import check
from codeseq_ray.records import Example, Problem, Reason, Sequence

SQUARES = Sequence(
    id="A000290", name="The square numbers of all integers", terms=tuple(n * n for n in range(40)), offset=0
)
PLAIN = divide(SQUARES, 0)
assert PLAIN is not None


def problem(shift: int = 0, description: str = "A tile floor.", **changes: object) -> Problem:
    assert PLAIN is not None
    examples = tuple(
        Example(input=str(int(c.input) + shift), output=c.output, explanation="so it is")
        for c in PLAIN.examples
    )
    values = {
        "description": description,
        "input_format": "n",
        "output_format": "the count",
        "examples": examples,
        **changes,
    }
    return Problem.model_validate(values)


def refused(p: Problem) -> str:
    assert PLAIN is not None
    return check(p, SQUARES, PLAIN).reason


@pytest.mark.parametrize("shift", [-3, 0, 1, 100])
def test_one_shift_moves_all_cases(shift: int) -> None:
    assert PLAIN is not None
    checked = check(problem(shift), SQUARES, PLAIN)
    assert checked.cases is not None
    assert checked.cases.shift == shift
    assert [int(c.input) - shift for c in checked.cases.far] == [int(c.input) for c in PLAIN.far]


def test_two_shifts_are_refused() -> None:
    a, b = problem().examples
    assert refused(problem(examples=(a, b.model_copy(update={"input": "77"})))) == Reason.SHIFT_INCONSISTENT


def test_an_input_that_is_no_integer_is_refused() -> None:
    a, b = problem().examples
    assert refused(problem(examples=(a.model_copy(update={"input": "two"}), b))) == Reason.SHIFT_INCONSISTENT


def test_a_wrong_example_is_refused() -> None:
    a, b = problem().examples
    assert refused(problem(examples=(a, b.model_copy(update={"output": "5"})))) == Reason.EXAMPLE_WRONG


@pytest.mark.parametrize("count", [0, 1, 3])
def test_any_number_of_examples_but_two_is_refused(count: int) -> None:
    examples = (problem().examples * 2)[:count]
    assert refused(problem(examples=examples)) == Reason.EXAMPLE_COUNT


@pytest.mark.parametrize(
    "text", ["This is A000290.", "see A290", "the SQUARE numbers of all integers, that is"]
)
def test_a_text_that_names_the_sequence_is_refused(text: str) -> None:
    assert refused(problem(description=text)) == Reason.NAMES_THE_SEQUENCE


@pytest.mark.parametrize("text", ["A 290 cm board", "BA000290X", "square numbers"])
def test_a_text_that_only_looks_like_it_is_not(text: str) -> None:
    assert refused(problem(description=text)) == ""


@pytest.mark.parametrize(
    "form", ["f({n}) = {v}", "n = {n} gives {v}", "for {n}: {v}", "input {n} -> {v}", "t[{n}] → {v}"]
)
def test_a_hidden_pair_in_the_text_is_refused_in_any_common_form(form: str) -> None:
    assert PLAIN is not None
    case = PLAIN.hidden[2]
    assert refused(problem(description=form.format(n=case.input, v=case.output))) == Reason.SHOWS_HIDDEN_CASE


@pytest.mark.parametrize(
    "text", ["f(n) = 4 for 5 days", "There are 25 tiles of 36 kinds.", "t(5) = 5 * t(4)"]
)
def test_numbers_that_are_no_pair_are_not(text: str) -> None:
    assert refused(problem(description=text)) == ""


def test_a_hidden_term_of_four_digits_is_refused_also_with_separators() -> None:
    sequence = Sequence(id="A000001", name="x", terms=tuple(3**n + 5000 for n in range(30)), offset=0)
    plain = divide(sequence, 0)
    assert plain is not None
    examples = tuple(Example(input=c.input, output=c.output, explanation="") for c in plain.examples)
    secret = plain.hidden[1].output
    for form in (secret, f"{int(secret):,}", f"-{secret}"):
        text = problem(description=f"Take {form} steps.", examples=examples)
        assert check(text, sequence, plain).reason == Reason.SHOWS_HIDDEN_CASE
    # A far term or an example's own output is no hidden term.
    for allowed in (plain.far[3].output, plain.examples[0].output):
        assert (
            check(problem(description=f"Take {allowed} steps.", examples=examples), sequence, plain).reason
            == ""
        )


@pytest.mark.parametrize(
    "text",
    [
        "When n equals {n}, the answer is {v}.",
        "a_{n} = {v}",
        "{n} -> {v}",
        "n={n} output {v}",
        "| {n} | {v} |",
        "For n = {n} it gives {v}.",
        "The first values are {all}.",
        "They are {all_semicolons}",
    ],
)
def test_the_ways_in_which_models_give_hidden_values_away_are_known(text: str) -> None:
    assert PLAIN is not None
    case = PLAIN.hidden[3]
    outputs = [c.output for c in PLAIN.hidden]
    told = text.format(
        n=case.input, v=case.output, all=", ".join(outputs), all_semicolons="; ".join(outputs[2:])
    )
    assert refused(problem(description=told)) == Reason.SHOWS_HIDDEN_CASE


@pytest.mark.parametrize("text", ["{v} 100 times", "{v},343 and so on", "({v})"])
def test_neighbouring_numbers_do_not_hide_a_long_term(text: str) -> None:
    sequence = Sequence(id="A000420", name="x", terms=tuple(7**n for n in range(3, 30)), offset=3)
    plain = divide(sequence, 0)
    assert plain is not None
    examples = tuple(Example(input=c.input, output=c.output, explanation="") for c in plain.examples)
    told = problem(description=text.format(v=plain.hidden[0].output), examples=examples)
    assert check(told, sequence, plain).reason == Reason.SHOWS_HIDDEN_CASE


@pytest.mark.parametrize(
    ("name", "reason"), [("Fibonacci numbers", Reason.NAMES_THE_SEQUENCE), ("Even numbers.", "")]
)
def test_short_names_count_unless_they_are_everyday_words(name: str, reason: str) -> None:
    assert PLAIN is not None
    named = SQUARES.model_copy(update={"name": name})
    told = problem(description=f"The {name.lower()} are wanted.")
    assert check(told, named, PLAIN).reason == reason


def test_a_description_that_answers_its_example_is_refused() -> None:
    assert PLAIN is not None
    case = PLAIN.examples[1]
    told = problem(description=f"For n = {case.input} the answer is {case.output}.")
    assert refused(told) == Reason.SHOWS_EXAMPLE


REPEATED = [
    *(" ", "\t", "\n", "\r\n", "\u00a0", "\n ", " \n\n", "\n- ", "\n-7:"),
    *(".", ",", "-", "|", ":", "=", "(", "[", '"', "'", "a", "_", "A0"),
    *("7", "1.", "7 ", "7,", "7, ", "7 and ", "-7", "1,234,", "7 -> ", "7->", "| 7 "),
    *("a(1", "a(1) ", "a(1)=", "a(1)=7", "a_1 ", "a_{1", "n", "n ", "n 1 ", "n="),
    *("for ", "for 1 is ", "is ", "equals"),
]


@pytest.mark.parametrize("repeated", REPEATED, ids=repr)
@pytest.mark.parametrize("before", ["", "n", "a(1", "a(1) = 7", "for 1", "7"])
def test_no_text_takes_a_check_longer_than_its_length_explains(repeated: str, before: str) -> None:
    assert PLAIN is not None
    # With a hidden output, as pairs are looked for only then; and an end that lets a run match nothing.
    text = f"Among {PLAIN.hidden[0].output} {before}{repeated * (20_000 // len(repeated))}*x"
    began = time.process_time()
    refused(problem(description=text))
    assert time.process_time() - began < 2
    assert refused(
        problem(description=f"{text}\nf(1) = 7 and f({PLAIN.hidden[2].input}) = {PLAIN.hidden[2].output}")
    )


@pytest.mark.parametrize("lines", ["\n\n\n", "\r\n", "\n   \n", "\n" * 30 + " " * 30 + "* "])
def test_empty_lines_and_deep_indents_hide_no_row(lines: str) -> None:
    assert PLAIN is not None
    case = PLAIN.hidden[2]
    told = problem(description=f"Rows:{lines}\n | {case.input} | {case.output}")
    assert refused(told) == Reason.SHOWS_HIDDEN_CASE
    told = problem(description=f"Rows:\n{lines}{case.input}: {case.output}")
    assert refused(told) == Reason.SHOWS_HIDDEN_CASE
