"""What the built-in agent's rules find, what they cost, and how often they are wrong.

    python -m benchmarks.builtin_fits --input FOLDER [--terms terms80.gz] [--every 10] [--show]

Reads a folder in the official bulk formats, selects as the main job does, fits the window of every selected
sequence, states the rule, reads it back, and compares it with the remaining listed terms (what the judge does) and
with a longer terms file that the fit never saw. One process; programs are not run here.
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections import Counter
from pathlib import Path

from codeseq_ray.agents.builtin.agent import tell
from codeseq_ray.agents.builtin.fitting import FitRequest, fit
from codeseq_ray.agents.builtin.reading import read_rule
from codeseq_ray.agents.visibility import fit_window
from codeseq_ray.cases import divide
from codeseq_ray.checks import check
from codeseq_ray.judging.acceptance import FEWEST_FAR
from codeseq_ray.oeis import open_source
from codeseq_ray.records import Sequence
from codeseq_ray.selection.plan import make_plan, screen_record
from codeseq_ray.selection.rules import SelectionSettings


def selected(folder: str, every: int) -> list[Sequence]:
    settings = SelectionSettings()
    records = {
        record.id: record
        for shard in open_source(folder).shards()
        for record in shard.read()
        if isinstance(record, Sequence)
    }
    plan = make_plan((screen_record(record, settings) for record in records.values()), settings)
    return [records[row.sequence_id] for row in plan if row.selected][::every]


def longer(path: Path | None) -> dict[str, tuple[int, ...]]:
    if path is None:
        return {}
    with gzip.open(path, "rt") as lines:
        return {
            line.split(" ", 1)[0]: tuple(map(int, line.split(",")[1:-1])) for line in lines if line[0] == "A"
        }


def outcome(sequence: Sequence, further: tuple[int, ...], spent: list[float]) -> tuple[str, str]:
    """(family, what became of it); the CPU seconds of the fit go into `spent`."""
    cases = divide(sequence, 0)
    window = fit_window(sequence)
    if cases is None or len(sequence.terms) - len(window) < FEWEST_FAR:
        return "-", "too few terms"
    began = time.process_time()
    rule = fit(FitRequest(window, sequence.first_index, int(cases.examples[0].input)))
    spent.append(time.process_time() - began)
    if rule is None:
        return "-", "no rule"
    family = type(rule).__name__
    problem = tell(rule, cases.examples, cases.hidden)
    if problem is None:
        return family, "would show a hidden term"
    checked = check(problem, sequence, cases)
    if checked.cases is None:
        return family, checked.reason
    rule = read_rule(problem.description)
    known = {int(c.input): int(c.output) for c in (*cases.examples, *cases.hidden, *cases.far)}
    values = dict(enumerate(rule.values(max(known)), rule.start))
    if any(values[n] != term for n, term in known.items()):
        return family, "refuted by listed terms"
    further_terms = dict(enumerate(further, sequence.first_index))
    if further_terms:
        values = dict(enumerate(rule.values(max(further_terms)), rule.start))
        if any(values[n] != term for n, term in further_terms.items() if n > max(known)):
            return family, "WRONG"
    return family, "accepted"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--input", required=True)
    parser.add_argument("--terms", type=Path, help="longer terms in the format of stripped.gz")
    parser.add_argument("--every", type=int, default=1, help="take each k-th selected sequence only")
    parser.add_argument("--show", action="store_true", help="print the sequences whose rule is wrong")
    arguments = parser.parse_args()
    sequences = selected(arguments.input, arguments.every)
    further = longer(arguments.terms)
    found: Counter[tuple[str, str]] = Counter()
    spent: list[float] = []
    for sequence in sequences:
        family, what = outcome(sequence, further.get(sequence.id, ()), spent)
        found[family, what] += 1
        if arguments.show and what == "WRONG":
            print(f"{sequence.id} {family}: {sequence.name}")
    total = len(sequences)
    for (family, what), count in sorted(found.items()):
        print(f"{count:7d}  {100 * count / total:6.2f} %  {family:20} {what}")
    wrong = sum(count for (_, what), count in found.items() if what == "WRONG")
    accepted = sum(count for (_, what), count in found.items() if what == "accepted") + wrong
    print(f"{total} selected; accepted {accepted} ({100 * accepted / total:.2f} %), of these wrong {wrong}")
    print(
        f"fit CPU: mean {1000 * sum(spent) / total:.2f} ms per selected sequence, "
        f"longest {1000 * max(spent, default=0):.0f} ms, all {sum(spent):.0f} s"
    )


if __name__ == "__main__":
    main()
