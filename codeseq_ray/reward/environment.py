"""The problems as an environment of the library `verifiers`: one turn, no tools, this reward.

    environment = load_environment("runs/first/releases/0001")        # in Python
    vf-eval codeseq-ray-env --env.taskset.dataset …                    # from the shell

Needs the extra `verifiers` (0.4: `verifiers.v1`). The completion is scored in the process that runs the environment,
behind this package's own walls; the agent's own runtime is not used for it.
"""

# The library is an extra: where it is not installed, its classes are Any.
# mypy: disable-error-code="misc,untyped-decorator,no-any-return,import-not-found"
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import verifiers.v1 as vf
from pydantic import Field

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.reward.rows import rl_rows
from codeseq_ray.reward.scoring import RewardSettings, scorer_here
from codeseq_ray.reward.tasks import RewardTask

PLUGIN = "codeseq-ray-env"
"""What `verifiers` finds the environment by: the module `codeseq_ray_env` (it takes no dotted names)."""


class CodeSeqData(vf.TaskData):
    """One row of the config `rl`, as far as prompt and reward need it."""

    sequence_id: str = ""
    ground_truth: str
    examples: str
    known_cases: str
    reference_program: str
    solvability: float | None = None


class CodeSeqTaskConfig(vf.TaskConfig):
    reward: dict[str, Any] = Field(default_factory=dict)
    """`RewardSettings`, by name."""


class CodeSeqTask(vf.Task[CodeSeqData, vf.State, CodeSeqTaskConfig]):
    """A problem; its reward is CSSR."""

    @property
    def key(self) -> str:
        return self.data.id or self.hash

    @vf.reward(weight=1.0)
    async def cssr(self, trace: vf.Trace) -> float:
        """Raises InfrastructureError where no judgement was possible: the rollout then has an error, no reward."""
        data = self.data
        task = RewardTask.of(
            data.ground_truth, data.examples, data.known_cases, data.reference_program, data.solvability
        )
        scorer = scorer_here(RewardSettings.of(self.config.reward))
        score = await scorer.score_async(task, _completion(trace))
        if score.reward is None:
            raise InfrastructureError(score.reason)
        trace.record_metrics(
            {
                "passed": score.passed,
                "case_share": score.case_share,
                "n_cases": score.n_cases,
                "n_true": score.n_true,
                "undecided": score.undecided,
            }
        )
        trace.info["codeseq"] = {"verdict": str(score.verdict), "reason": score.reason}
        return score.reward


def _completion(trace: vf.Trace) -> str:
    """What the model said, thoughts in their tags before the answer that they belong to."""
    said = []
    for message in trace.assistant_messages:
        if message.reasoning_content:
            said.append(f"<think>{message.reasoning_content}</think>")
        said.append(message.content or "")
    return "\n".join(said)


class CodeSeqConfig(vf.TasksetConfig):
    dataset: str = ""
    """A release (folder, run or s3://bucket/prefix), or a .parquet or .jsonl file with the columns of `rl`."""
    split: str = "train"
    """Split of a release's config `rl`."""
    task: CodeSeqTaskConfig = CodeSeqTaskConfig()


class CodeSeqTaskset(vf.Taskset[CodeSeqTask, CodeSeqConfig]):
    """The rows of the config `rl`."""

    def load(self) -> Iterator[CodeSeqTask]:
        for row in rl_rows(self.config.dataset, self.config.split):
            turns = [vf.UserMessage(content=turn["content"]) for turn in row["prompt"]]
            fields = {
                name: row[name] for name in CodeSeqData.model_fields if name in row and name != "prompt"
            }
            yield CodeSeqTask(CodeSeqData(id=row["problem_id"], prompt=turns, **fields), self.config.task)


def load_environment(dataset: str, *, split: str = "train", **settings: Any) -> vf.Env:
    """The environment over `dataset` (`CodeSeqConfig.dataset`), its reward set by `RewardSettings`' names.

    Raises UsageError for settings or a data set that are none.
    """
    RewardSettings.of(settings)
    taskset = CodeSeqConfig(id=PLUGIN, dataset=dataset, split=split, task=CodeSeqTaskConfig(reward=settings))
    agent = {"harness": {"id": "null"}, "runtime": {"type": "subprocess"}}
    return vf.load_environment(vf.resolve_env_config({"taskset": taskset.model_dump(), "agent": agent}))
