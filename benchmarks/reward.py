"""The reward: how many completions a core reads, and judges, beside a plain subprocess for each case.

    python -m benchmarks.reward [--completions 200] [--rounds 5] [--result FILE.md]

Reading is extraction and known terms, no program. Judging runs each completion's program on eight cases, and the
reference program on one that is not known. Times are CPU seconds of this process and all its children, ways
interleaved, medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.sandbox.programs import INPUTS, MIX, Small
from codeseq_ray.reward import RewardSettings, RewardTask, Scorer
from codeseq_ray.reward.extraction import read

CHARACTERS = 10_500
"""Of a completion of some 3,000 tokens."""

PROSE = """\
We need the value for every day n. Let me look at the first few by hand before any code. The problem says that the
count starts on day 1, and that what happens on day n depends only on the two days before.

Wait, I should be careful with the offset: the loop runs n - 1 times, not n, because the first day is given. If I
start with a, b = 0, 1 and swap them each time, then after k steps b holds the value of day k + 1.

Consider the cost. For n = 10^5 a quadratic loop would need 10^10 steps, far beyond 2 seconds, so a recurrence in O(n)
is the way to go; memory stays at O(1) since 2 variables are enough.

Hmm, what about the edge cases? When the list is empty the sum is 0, and max() of an empty list raises an error. So I
guard that with an if. Also the numbers grow: after 90 steps they pass 2**63, but Python integers do not overflow.

Another way would be a formula with square roots, (1 + 5 ** 0.5) / 2 to the power of n, but floats lose digits from
about n = 70 on, so I would rather stay with whole numbers.

Let me think about the invariant once more. Before step k the pair is (x, y); afterwards it is (y, x + y). By
induction the first component is always the value that we want. The induction starts with (0, 1), which is right.

I could also precompute everything up to the bound with a sieve: mark multiples of 2, 3, 5, 7, 11 and so on up to the
square root, and count what is left. That takes n log log n steps, about 3 * 10^6 for 10^6.

The difference between consecutive values is 1, 2, 3, 5, 8, which hints at the same recurrence again. It is nice that
both views agree, though the second is harder to turn into a program.
"""
CLAIMS = (
    "Let me test it on input {n}: it should give {value}.",
    "For n = {n} the expected output is {value}, so the loop has to run {n} times.",
    "f({n}) = {value}, which is what I get by hand.",
    "Input: {n}\nOutput: {value}",
)


def completion(small: Small, number: int, claims: int) -> str:
    """Paragraphs in another order each time, so many claims among them, a draft and the program."""
    chance = random.Random(f"{small.name} {number}")
    paragraphs: list[str] = []
    while sum(map(len, paragraphs)) < CHARACTERS - len(small.source):
        round_ = PROSE.split("\n\n")
        chance.shuffle(round_)
        paragraphs += round_
    for _ in range(claims):
        at = chance.randrange(len(INPUTS))
        said = chance.choice(CLAIMS).format(n=INPUTS[at], value=small.outputs[at])
        paragraphs.insert(chance.randrange(len(paragraphs)), said)
    text = "\n\n".join(paragraphs)
    return f"<think>\n{text}\n</think>\n\n```python{small.source.rstrip()}\n```\n"


def task(small: Small) -> RewardTask:
    cases = {"inputs": list(map(str, INPUTS)), "outputs": list(map(str, small.outputs))}
    none: dict[str, list[str]] = {"inputs": [], "outputs": []}
    return RewardTask.of(json.dumps(cases), json.dumps(none), json.dumps(cases), small.source, 0.25)


def cpu_seconds() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def reading(texts: Sequence[str]) -> None:
    for text in texts:
        read(text)


def plain(small: Small, inputs: Sequence[int]) -> None:
    """One interpreter for each case, and nothing around it."""
    for given in inputs:
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", small.source],
            input=f"{given}\n",
            capture_output=True,
            text=True,
            check=True,
        )


def judged(texts: Sequence[tuple[RewardTask, str]]) -> tuple[float, float]:
    """CPU and wall seconds of a batch, the sandbox's end included: only then its children's time is known."""
    cpu, wall = cpu_seconds(), time.monotonic()
    with Scorer(RewardSettings(workers=1)) as scorer:
        scores = scorer.score_batch(texts)
    assert all(score.passed and score.n_true == score.n_cases >= 1 for score in scores)
    return cpu_seconds() - cpu, time.monotonic() - wall


def unconfined(programs: Sequence[Small]) -> tuple[float, float]:
    cpu, wall = cpu_seconds(), time.monotonic()
    for small in programs:
        plain(small, (*INPUTS, 7))
    return cpu_seconds() - cpu, time.monotonic() - wall


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--completions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()

    programs = [MIX[i % len(MIX)] for i in range(options.completions)]
    lines = [
        "| reading, no program run | characters | distinct cases | completions / s / core (median) | slowest round |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, claims in (("no claim", 0), ("5 claims", 5), ("40 claims", 40)):
        texts = [completion(small, i, claims) for i, small in enumerate(programs)]
        found = statistics.mean(len(read(text).cases) for text in texts)
        rates = [len(texts) / timed(partial(reading, texts)) for _ in range(options.rounds)]
        size = statistics.mean(map(len, texts))
        lines.append(
            f"| {name} | {size:,.0f} | {found:.1f} | {statistics.median(rates):,.0f} | {min(rates):,.0f} |"
        )

    batch = [
        (task(small), completion(small, i, 4) + f"\n\n# {i}\nInput 7 is a case of mine.")
        for i, small in enumerate(programs)
    ]
    # The same programs are judged once in a batch: a remark makes each its own.
    batch = [(t, text.replace("```python", f"```python\n# {i}", 1)) for i, (t, text) in enumerate(batch)]
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(judged(batch))
        theirs.append(unconfined(programs))
    lines += [
        "",
        "| judging eight cases of each program | CPU ms a completion | completions / s by the wall |",
        "|---|---:|---:|",
    ]
    for name, found_ in (
        ("this reward, `workers=1`, behind all walls", ours),
        ("a plain subprocess a case", theirs),
    ):
        cpu = statistics.median(cpu for cpu, _ in found_) / len(batch) * 1000
        wall = len(batch) / statistics.median(wall for _, wall in found_)
        lines.append(f"| {name} | {cpu:.1f} | {wall:.1f} |")
    by_cpu, by_wall = (
        statistics.median(other[i] / own[i] for own, other in zip(ours, theirs, strict=True)) for i in (0, 1)
    )
    lines += [
        "",
        f"Plain ÷ ours, median over the rounds: {by_cpu:.1f} by CPU, {by_wall:.1f} by the wall.",
        "",
        f"{options.completions} completions, {options.rounds} rounds; {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, load average {os.getloadavg()[0]:.1f} at the end.",
    ]
    told = "\n".join(lines)
    print(told)
    if options.result:
        options.result.write_text(told + "\n")


if __name__ == "__main__":
    main()
