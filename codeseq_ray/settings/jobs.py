"""A schema for each job, joined from what the rooms declare.

A setting marked `row=True` changes what a row *is* and belongs to a run's fingerprint: a run id stands for one
fingerprint. All others (limits, pool sizes, addresses, intervals) may differ from one start of a run to the next.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_settings import SettingsConfigDict

from codeseq_ray.estimating.settings import EstimatingSettings
from codeseq_ray.exporting.settings import ExportingSettings
from codeseq_ray.judging.settings import JudgingSettings
from codeseq_ray.llm.settings import LLMSettings, PolicyServerSettings
from codeseq_ray.mixing.settings import MixingSettings
from codeseq_ray.rollouts.questions import Task
from codeseq_ray.rollouts.settings import (
    EvaluationSettings,
    ProblemsSettings,
    RunLimitSettings,
    SamplesSettings,
    SolvabilitySettings,
)
from codeseq_ray.rollouts.solvability import Band
from codeseq_ray.sandbox.settings import SandboxSettings
from codeseq_ray.selection.rules import SelectionSettings
from codeseq_ray.settings.shared import (
    CONFIG,
    OutputSettings,
    PipelineSettings,
    PlaceSettings,
    Sourced,
    WorkSettings,
)
from codeseq_ray.store.settings import Selectors, StoreSettings
from codeseq_ray.synthesis.settings import SynthesisSettings
from codeseq_ray.telling.settings import ShowingSettings
from codeseq_ray.training.settings import ReinforcementTraining, SupervisedTraining, TrainingSettings

ONLY_MODELS = frozenset(
    {"agent_filter", "fresh_start_after", "candidates", "paraphrases", "paraphrase_answers"}
)
"""Settings of the loop that change nothing where no model is asked."""


class RunSettings(BaseModel):
    """What to work on, and who works."""

    input: str | None = Field(
        None,
        min_length=1,
        description="OEIS data: a folder with stripped.gz and names.gz, a clone of oeisdata, or a JSON(L) file. "
        "Default: the bundled sample.",
    )
    more_terms: str | None = Field(
        None,
        min_length=1,
        description="Further known terms: a longer file in the format of stripped.gz, or a folder of b-files.",
    )
    agents: Literal["builtin", "llm", "hybrid"] = Field(
        "builtin",
        description="Who works: rules fitted to the terms (no model), models behind the two URLs, or hybrid: the "
        "rules first, and the models for what they do not solve.",
        json_schema_extra={"row": True},
    )
    limit: int | None = Field(
        None, ge=1, description="Work on this many of the selected sequences only, drawn by the seed."
    )
    retry: Selectors = Field(
        None,
        description="Do outcomes of this run again: rejected or rejected:REASON, several separated by commas. Models "
        "are asked anew; the old trace is kept. What failed is tried again in any case, from what was answered.",
    )
    preview: int = Field(
        0,
        ge=0,
        description="Show this many sequences step by step, prompts and answers included; store and publish nothing.",
    )
    partial: bool = Field(
        False, description="Publish although some selected sequences have no outcome yet; the card says so."
    )


# In reverse: pydantic lists the fields of the last base first, and --help should begin with the run.
class Settings(
    WorkSettings,
    PipelineSettings,
    StoreSettings,
    SandboxSettings,
    LLMSettings,
    SynthesisSettings,
    SelectionSettings,
    RunSettings,
    OutputSettings,
    Sourced,
):
    """All settings of the main job: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = CONFIG

    @property
    def asks_models(self) -> bool:
        return self.agents != "builtin"

    @property
    def keeps_answers(self) -> bool:
        return self.asks_models and self.answer_cache

    @model_validator(mode="after")
    def _who_paraphrases(self) -> Self:
        if self.paraphrases and not self.asks_models:
            raise ValueError(
                "paraphrases are written by models: give --agents llm or hybrid with --paraphrases"
            )
        return self

    def row_settings(self) -> dict[str, Any]:
        """The settings that change what a row is, by name, as plain JSON values."""
        names = {*SelectionSettings.model_fields, *SynthesisSettings.model_fields, *self.marked()}
        if not self.asks_models:
            names -= {*LLMSettings.model_fields, *ONLY_MODELS}
        public = self.public()
        return {name: public[name] for name in sorted(names)}


class SamplingSettings(
    WorkSettings,
    PipelineSettings,
    StoreSettings,
    SandboxSettings,
    PolicyServerSettings,
    RunLimitSettings,
    SamplesSettings,
    ProblemsSettings,
    OutputSettings,
    Sourced,
):
    """What jobs that sample a policy have in common."""

    model_config = CONFIG

    @property
    def asked(self) -> Task:
        return Task.GTG

    @property
    def stops_early(self) -> tuple[Band, int] | None:
        """The band that decides, and how many samples are asked side by side; None: all samples are asked."""
        return None

    def row_settings(self) -> dict[str, Any]:
        """The settings that change what a rollout is, by name, as plain JSON values."""
        public = self.public()
        return {"task": self.asked.value, **{name: public[name] for name in sorted(self.marked())}}


class RolloutSettings(SolvabilitySettings, SamplingSettings):
    """All settings of the rollouts: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = CONFIG

    @property
    def stops_early(self) -> tuple[Band, int] | None:
        return (self.band, self.early_stop_window) if self.early_stop else None


class EvaluateSettings(EvaluationSettings, SamplingSettings):
    """All settings of the evaluation: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = CONFIG

    split: Literal["sft", "rl", "eval"] = Field(
        "eval", description="Split of a release whose problems are asked.", json_schema_extra={"row": True}
    )

    @property
    def asked(self) -> Task:
        return self.task


class JudgeSettings(SandboxSettings, JudgingSettings, Sourced):
    """All settings of the judge: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = CONFIG

    @model_validator(mode="after")
    def _one_format(self) -> Self:
        named = Path(self.output).suffix.removeprefix(".")
        if self.format and named in ("jsonl", "parquet") and named != self.format:
            raise ValueError(f"--format {self.format} does not go with --output {self.output}")
        return self

    def row_settings(self) -> dict[str, Any]:
        """The settings that change an answer, by name, as plain JSON values."""
        public = self.public()
        return {name: public[name] for name in sorted(self.marked())}


class VerifySettings(StoreSettings, SandboxSettings, Sourced):
    """All settings of the check of a release: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = CONFIG

    dataset: str = Field(
        min_length=1,
        description="The release: a folder or s3://bucket/prefix with a manifest.json; or a run's, for its latest.",
    )
    sample: int | None = Field(
        None,
        ge=0,
        description="Run only so many programs again, drawn by the seed. All else is checked whole.",
    )
    seed: int = Field(0, description="Seed of the sample.")
    report: str | None = Field(
        None, min_length=1, description="Local file for all differences and notes, a JSON line each."
    )
    local_cpus: int | None = Field(
        None, ge=1, description="CPUs of the local Ray that is started where no cluster runs. Default: all."
    )
    log_seconds: float = Field(30.0, gt=0, description="Seconds between two progress lines.")


class ExportSettings(StoreSettings, ExportingSettings, Sourced):
    """All settings of an export: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = CONFIG


class MixSettings(StoreSettings, MixingSettings, Sourced):
    """All settings of a mix: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = CONFIG

    @model_validator(mode="after")
    def _tokens_need_a_tokenizer(self) -> Self:
        if self.max_tokens is not None and self.tokenizer is None:
            raise ValueError("--max-tokens needs --tokenizer")
        if self.min_chars > self.max_chars:
            raise ValueError(f"--min-chars {self.min_chars} is more than --max-chars {self.max_chars}")
        return self

    def row_settings(self) -> dict[str, Any]:
        """The settings that change the mix, by name, as plain JSON values."""
        public = self.public()
        return {name: public[name] for name in sorted(self.marked())}


class EstimateSettings(StoreSettings, EstimatingSettings, Sourced):
    """All settings of an estimate: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = CONFIG


class ReportSettings(StoreSettings, Sourced):
    """All settings of a report: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = CONFIG

    run: str = Field(
        min_length=1, description="The run to tell: <output>/<run-id>, a folder or s3://bucket/prefix."
    )
    output: str = Field("report.html", min_length=1, description="Local file for the page.")
    compare: str | None = Field(
        None, min_length=1, description="Another run of the same sequences, shown side by side with it."
    )
    rollouts: str | None = Field(
        None,
        min_length=1,
        description="A run of jobs/rollouts.py, for how hard the problems are for a policy.",
    )
    records: int = Field(
        1500,
        ge=0,
        description="Most records that can be opened in the page, as far as 2 MB go; all are in its list.",
    )
    seed: int = Field(0, description="Seed by which these are drawn.")


class ShowSettings(StoreSettings, ShowingSettings, Sourced):
    """All settings of the look into a run: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = SettingsConfigDict(**CONFIG, cli_shortcuts={"json-lines": "json"})


class TrainSettings(StoreSettings, TrainingSettings, PlaceSettings, Sourced):
    """What both kinds of training have in common, as a job."""

    model_config = CONFIG

    def row_settings(self) -> dict[str, Any]:
        """The settings that change what the model becomes, by name, as plain JSON values."""
        public = self.public()
        return {name: public[name] for name in sorted(self.marked())}


class SftSettings(SupervisedTraining, TrainSettings):
    """All settings of supervised fine-tuning: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = CONFIG


class GrpoSettings(ReinforcementTraining, SandboxSettings, TrainSettings):
    """All settings of GRPO: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = CONFIG


class SweepSettings(StoreSettings, Sourced):
    """All settings of the sweeper: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = CONFIG

    output: str = Field(
        min_length=1, description="Folder or s3://bucket/prefix under which the runs' folders lie."
    )
    run_id: str | None = Field(
        None, description="Only this run. Default: all, and the cache that they share."
    )
    grace_hours: float = Field(
        24.0,
        ge=1,
        description="Spare what is younger: a writer may still be about to name it, a reader to read it.",
    )
    dry_run: bool = Field(True, description="Show what would be deleted; --no-dry-run deletes it.")


def sandbox_of(settings: SandboxSettings) -> SandboxSettings:
    """The sandbox's own part of a job's settings: small, hashable, equal where it is the same sandbox."""
    return SandboxSettings(**{name: getattr(settings, name) for name in SandboxSettings.model_fields})


def store_of(settings: StoreSettings) -> StoreSettings:
    """The store's own part of a job's settings: holds no secret, and is small to send."""
    return StoreSettings(**{name: getattr(settings, name) for name in StoreSettings.model_fields})


SCHEMAS: tuple[type[Sourced], ...] = (
    Settings,
    RolloutSettings,
    EvaluateSettings,
    JudgeSettings,
    VerifySettings,
    ExportSettings,
    SweepSettings,
    MixSettings,
    EstimateSettings,
    ReportSettings,
    ShowSettings,
    SftSettings,
    GrpoSettings,
)
