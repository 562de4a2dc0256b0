"""What correction rounds gain: problems that are true, programs, analyses and corrections by models.

    python -m benchmarks.reflection_gain --url http://host:8000/v1 --generator-model G --verifier-model V \\
        --records gain.jsonl --report benchmarks/results/reflection-gain.md [--input FOLDER] [--sequences 40]

The problems are the built-in pair's: each states a rule fitted to the terms, checked and validated as in any run. So
whatever fails is the model's program, and a model too weak to write problems can be measured all the same. Sequences
are drawn by the seed before the run. Every record is appended to --records as it ends; the same command goes on where
it was stopped, and with all records there it only writes the report.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import time
from collections import Counter
from pathlib import Path

from benchmarks.builtin_fits import selected
from codeseq_ray.agents.builtin.agent import BuiltinGuidingAgent, BuiltinWorkingAgent, tell
from codeseq_ray.agents.builtin.fitting import FitRequest, fit
from codeseq_ray.agents.builtin.rules import Rule
from codeseq_ray.agents.llm import LLMGuidingAgent, LLMWorkingAgent
from codeseq_ray.agents.mixed import MixedGuidingAgent, MixedWorkingAgent
from codeseq_ray.agents.prompting import Prompts
from codeseq_ray.agents.visibility import fit_window
from codeseq_ray.bundled import sample_path
from codeseq_ray.cases import divide, draw
from codeseq_ray.checks import check
from codeseq_ray.judging.acceptance import FEWEST_FAR
from codeseq_ray.llm.roles import clients
from codeseq_ray.llm.settings import LLMSettings
from codeseq_ray.records import Outcome, Sequence, SequenceRecord, Split
from codeseq_ray.sandbox.executor import SandboxExecutor
from codeseq_ray.synthesis.loop import Assignment, synthesise
from codeseq_ray.synthesis.settings import SynthesisSettings


async def fit_here(request: FitRequest) -> Rule | None:
    return fit(request)


def drawn(folder: str, count: int, seed: int) -> list[Sequence]:
    """The first sequences, by hash under the seed, that the built-in pair can tell as a problem."""
    chosen: list[Sequence] = []
    for sequence in sorted(selected(folder, 1), key=lambda s: draw(seed, "gain", s.id)):
        cases = divide(sequence, seed)
        if cases is None or len(sequence.terms) - len(fit_window(sequence)) < FEWEST_FAR:
            continue
        rule = fit(FitRequest(fit_window(sequence), sequence.first_index, int(cases.examples[0].input)))
        problem = tell(rule, cases.examples, cases.hidden) if rule is not None else None
        if problem is not None and check(problem, sequence, cases).cases is not None:
            chosen.append(sequence)
        if len(chosen) == count:
            break
    return chosen


async def measure(arguments: argparse.Namespace, sequences: list[Sequence], done: set[str]) -> None:
    """Work on what is not done yet; append each record that was judged."""
    generator, verifier = clients(
        LLMSettings(
            generator_url=arguments.url,
            generator_model=arguments.generator_model,
            verifier_url=arguments.verifier_url or arguments.url,
            verifier_model=arguments.verifier_model,
            request_timeout_seconds=arguments.timeout,
        )
    )
    prompts = Prompts(arguments.prompts)
    working = MixedWorkingAgent(
        BuiltinWorkingAgent(fit_here),
        LLMWorkingAgent(generator, generator.model, prompts, program_max_tokens=arguments.program_max_tokens),
    )
    guiding = MixedGuidingAgent(
        BuiltinGuidingAgent(),
        LLMGuidingAgent(verifier, verifier.model, prompts, analysis_max_tokens=arguments.analysis_max_tokens),
    )
    settings = SynthesisSettings(
        seed=arguments.seed,
        corrections=arguments.corrections,
        fresh_start_after=arguments.fresh_start_after,
        candidates=arguments.candidates,
    )
    executor = SandboxExecutor()
    open_records = asyncio.Semaphore(arguments.in_flight)

    async def work(sequence: Sequence) -> None:
        async with open_records:
            assignment = Assignment(sequence, Split.SFT, sequence.id)
            record = await synthesise(assignment, working, guiding, executor, settings)
        print(f"{sequence.id} {record.outcome.value} {record.reason} after {record.corrections} corrections")
        if record.outcome is not Outcome.FAILED:
            with arguments.records.open("a", encoding="utf-8") as file:
                file.write(record.model_dump_json() + "\n")

    try:
        await asyncio.gather(*(work(s) for s in sequences if s.id not in done))
    finally:
        executor.close()
        await generator.close()
        await verifier.close()


def read(path: Path) -> dict[str, SequenceRecord]:
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    records = (SequenceRecord.model_validate_json(line) for line in lines)
    return {record.sequence.id: record for record in records}


def report(records: list[SequenceRecord], arguments: argparse.Namespace) -> str:
    """Markdown: solved by round, how the rest ended, tokens and seconds by stage."""
    total = len(records)
    solved_at = Counter(r.rounds[-1].number for r in records if r.rounds and r.rounds[-1].verdict.ok)
    tried = Counter(round_.number for r in records for round_ in r.rounds)
    same = Counter(
        after.number
        for r in records
        for before, after in zip(r.rounds, r.rounds[1:], strict=False)
        if before.program.source.strip() == after.program.source.strip()
    )
    nearer = Counter(
        after.number
        for r in records
        for before, after in zip(r.rounds, r.rounds[1:], strict=False)
        if after.verdict.passed > before.verdict.passed
    )
    lines = [
        "# What correction rounds gain",
        "",
        f"Problems of the built-in pair for {total} sequences drawn by seed {arguments.seed} from "
        f"{'the bundled sample' if arguments.input is None else 'the OEIS data'}; programs by "
        f"`{arguments.generator_model}`, analyses by `{arguments.verifier_model}`. At most "
        f"{arguments.corrections} corrections; fresh start after: {arguments.fresh_start_after or 'never'}; "
        f"candidates per round: {arguments.candidates}; {arguments.program_max_tokens} tokens a program, "
        f"{arguments.analysis_max_tokens} an analysis. Prompts {Prompts(arguments.prompts).id}. "
        f"{platform.machine()}, Python {platform.python_version()}.",
        "",
        "*Solved* means all hidden cases passed. *Nearer*: more hidden cases passed than in the round before.",
        "",
        "| round | programs judged | solved in it | solved so far | nearer | the same program again |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    so_far = 0
    for number in range(arguments.corrections + 1):
        so_far += solved_at[number]
        share = f"{so_far} ({so_far / total:.0%})" if total else "–"
        again = f"{nearer[number]} | {same[number]}" if number else "– | –"
        lines.append(f"| {number} | {tried[number]} | {solved_at[number]} | {share} | {again} |")
    ends = Counter((r.outcome.value, r.stage.value, r.reason) for r in records)
    lines += ["", "| outcome | stage | reason | records |", "|---|---|---|---:|"]
    lines += [f"| {o} | {stage} | {reason or '–'} | {n} |" for (o, stage, reason), n in ends.most_common()]
    lines += [
        "",
        "| stage | round | calls | prompt tokens | of them cached | completion tokens | seconds per call |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    calls = [call for r in records for call in r.calls if call.prompt_tokens or call.completion_tokens]
    for stage, number in sorted({(call.stage, call.round) for call in calls}):
        those = [call for call in calls if (call.stage, call.round) == (stage, number)]
        seconds = sum(call.seconds for call in those) / len(those)
        lines.append(
            f"| {stage} | {number} | {len(those)} | {sum(c.prompt_tokens for c in those):,} | "
            f"{sum(c.cached_tokens for c in those):,} | {sum(c.completion_tokens for c in those):,} | "
            f"{seconds:.1f} |"
        )
    accepted = sum(r.outcome is Outcome.ACCEPTED for r in records)
    tokens = sum(r.tokens for r in records)
    lines += ["", f"{tokens:,} tokens in all, {tokens // max(1, accepted):,} per accepted row."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--verifier-url", help="default: --url")
    parser.add_argument("--generator-model", required=True)
    parser.add_argument("--verifier-model", required=True)
    parser.add_argument("--records", type=Path, required=True, help="JSONL that grows as records end")
    parser.add_argument("--report", type=Path, help="Markdown; default: printed")
    parser.add_argument("--input", help="folder in the official bulk formats; default: the bundled sample")
    parser.add_argument("--sequences", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corrections", type=int, default=5)
    parser.add_argument("--fresh-start-after", type=int)
    parser.add_argument("--candidates", type=int, default=1)
    parser.add_argument("--program-max-tokens", type=int, default=700)
    parser.add_argument("--analysis-max-tokens", type=int, default=500)
    parser.add_argument("--prompts", help="folder with prompt files of one's own")
    parser.add_argument("--in-flight", type=int, default=16, help="sequences open at a time")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds that one request may take")
    arguments = parser.parse_args()
    sequences = drawn(arguments.input or str(sample_path()), arguments.sequences, arguments.seed)
    print(f"{len(sequences)} sequences drawn")
    began = time.monotonic()
    asyncio.run(measure(arguments, sequences, set(read(arguments.records))))
    print(f"{time.monotonic() - began:.0f} s")
    records = read(arguments.records)
    text = report([records[s.id] for s in sequences if s.id in records], arguments)
    if arguments.report is None:
        print(text)
    else:
        arguments.report.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
