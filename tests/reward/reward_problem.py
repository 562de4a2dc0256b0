"""One problem that everything here is scored against: n!, for the day n of a queue that grows."""

from __future__ import annotations

import json
from math import factorial

from codeseq_ray.reward import RewardTask

SOLVABILITY = 0.25
FIRST_UNKNOWN = 16
"""Terms are known from 2 to 15; the reference program knows more."""

REFERENCE = """\
n = int(input())
if n < 0:
    raise ValueError("no such day")
value = 1
for k in range(2, n + 1):
    value *= k
print(value)
"""


def cases(first: int, last: int) -> str:
    numbers = range(first, last + 1)
    return json.dumps({"inputs": [str(n) for n in numbers], "outputs": [str(factorial(n)) for n in numbers]})


COLUMNS = {
    "ground_truth": cases(4, 9),
    "examples": cases(2, 3),
    "known_cases": cases(2, FIRST_UNKNOWN - 1),
    "reference_program": REFERENCE,
}
TASK = RewardTask.of(**COLUMNS, solvability=SOLVABILITY)

ROW = {
    "problem_id": "A000142-0123456789ab",
    "sequence_id": "A000142",
    "prompt": [{"role": "user", "content": "A queue grows. Given n, print the number of its orders."}],
    "data_source": "codeseq",
    **COLUMNS,
    "solvability": SOLVABILITY,
    "reward_model": {"style": "rule", "ground_truth": COLUMNS["ground_truth"]},
    "extra_info": {"split": "train", "index": 0, **COLUMNS, "solvability": SOLVABILITY},
}


def block(program: str) -> str:
    return f"```python\n{program}\n```"


RIGHT = block("from math import factorial\nprint(factorial(int(input())))")
WRONG = block("print(int(input()) * 2)")
