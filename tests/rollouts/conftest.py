"""Problems that the stand-in for a policy can read, and sometimes solves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeseq_ray.dataset.views import problem_id_of
from tests.model_server.answers.finding import find

RULES: tuple[Callable[[int], int], ...] = (
    lambda n: n * n,
    lambda n: 3 * n + 4,
    lambda n: n * (n + 1) // 2,
    lambda n: 2**n,
    lambda n: 5 * n - 2,
    lambda n: n * n + n + 1,
    lambda n: 7 * n,
    lambda n: 3**n,
    lambda n: 2 * n * n - 1,
    lambda n: 10 * n + 9,
)


def problem(number: int, rule: Callable[[int], int]) -> dict[str, Any]:
    """A row of the config `problems`, as far as rollouts read it."""
    values = tuple(rule(n) for n in range(1, 41))
    found = find(1, values[:12])
    assert found is not None
    cases = [{"input": str(n), "output": str(value)} for n, value in enumerate(values, 1)]
    told = (
        "A miller counts the sacks at the mill. W(n) is their number on day n, and the old rule is "
        f"{found.said('W')}. Given n, print W(n)."
    )
    sequence_id = f"A{number:06d}"
    return {
        "problem_id": problem_id_of(sequence_id, told),
        "sequence_id": sequence_id,
        "family": sequence_id,
        "name": "sacks",
        "description": told,
        "input_format": "One integer n, the number of the day.",
        "output_format": "One integer, the number of sacks.",
        "examples": [{**case, "explanation": "The rule says so."} for case in cases[:2]],
        "cases": cases[2:10],
        "far_cases": cases[10:],
        "program": "n = int(input())\n",
        "license": "CC-BY-SA-4.0",
        "attribution": "The OEIS Foundation Inc.",
        "source_url": f"https://oeis.org/{sequence_id}",
    }


@pytest.fixture(scope="session")
def problems() -> list[dict[str, Any]]:
    return [problem(1000 + i, rule) for i, rule in enumerate(RULES)]


@pytest.fixture(scope="session")
def problems_file(problems: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("problems") / "problems.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in problems), encoding="utf-8")
    return path
