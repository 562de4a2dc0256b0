"""One schema of settings for YAML (`--config`), environment (`CODESEQ_…`) and command line, in rising order.

Each room declares the settings that it reads (a small class beside its code); they are joined here. A setting
marked `row=True` changes what a row *is* and belongs to a run's fingerprint: a run id stands for one fingerprint.
All others (limits, pool sizes, addresses, intervals) may differ from one start of a run to the next.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, overload

import yaml
from pydantic import BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    CliSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from codeseq_ray import crashpoints
from codeseq_ray.errors import RunMismatchError, UsageError
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
from codeseq_ray.store.settings import Selectors, StoreSettings
from codeseq_ray.synthesis.settings import SynthesisSettings
from codeseq_ray.telling.settings import ShowingSettings
from codeseq_ray.training.settings import ReinforcementTraining, SupervisedTraining, TrainingSettings

PREFIX = "CODESEQ_"
NOT_SETTINGS = {"CODESEQ_TEST_DATA", crashpoints.VARIABLE}
"""Environment names with our prefix that belong to the tests."""


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


class OutputSettings(BaseModel):
    """Where a run's objects go, what it may spend, and on which Ray it works."""

    output: str | None = Field(
        None,
        min_length=1,
        description="Folder or s3://bucket/prefix under which the run's folder lies. Default: runs.",
    )
    run_id: str | None = Field(
        None,
        description="Name of the run; giving it again goes on with it. Default: a new one from the clock.",
    )
    cap_tokens: int | None = Field(
        None, ge=1, description="End cleanly once the run, all its starts together, paid for so many tokens."
    )
    cap_requests: int | None = Field(
        None, ge=1, description="End cleanly once the run, all its starts together, sent so many requests."
    )
    cap_minutes: float | None = Field(
        None, gt=0, description="End cleanly after so many minutes of this start."
    )
    answer_cache: bool = Field(
        True,
        description="Keep every model answer under <output>/cache, and ask nothing twice that is there.",
    )
    local_cpus: int | None = Field(
        None, ge=1, description="CPUs of the local Ray that is started where no cluster runs. Default: all."
    )
    output_is_shared: bool = Field(
        False, description="The output folder is one shared disk on every node of the cluster."
    )


class PipelineSettings(BaseModel):
    """How the work is spread over the cluster, and how it ends. None of it changes a row."""

    loop_actors_min: int = Field(1, ge=1, description="Fewest actors that run loops.")
    loop_actors_max: int | None = Field(
        None,
        ge=1,
        description="Most actors that run loops (each takes 0.01 CPU; at most 15 per CPU start). Default: 2; with "
        "models as many as the fewest, since every actor has its own --requests-in-flight.",
    )
    records_in_flight: int | None = Field(
        None,
        ge=1,
        description="Most sequences that one loop actor has open. Default: 256, or eight times its requests in "
        "flight at all model servers if that is more.",
    )
    loop_resource: str | None = Field(
        None,
        min_length=1,
        description="Custom Ray resource of which each loop actor takes one: keeps them on nodes that have it, such "
        "as those that are not taken away.",
    )
    cluster_cpus: int | None = Field(
        None,
        ge=1,
        description="CPUs that an autoscaler may bring the cluster to. Without it the run reckons with those that "
        "are there when it starts, which may be none.",
    )
    tasks_in_flight: int | None = Field(
        None,
        ge=1,
        description="Most CPU tasks (fits, sandbox runs) of a kind that one loop actor has out. Default: 4, or its "
        "share of the cluster's CPUs if that is more.",
    )
    task_batch: int = Field(32, ge=1, description="Most fits or programs that one CPU task takes.")
    flush_every: int = Field(64, ge=1, description="Outcomes after which a loop actor writes a segment.")
    flush_seconds: float = Field(2.0, gt=0, description="Seconds after which it writes what it has.")
    grace_seconds: float = Field(
        20.0,
        ge=0,
        description="Seconds that open sequences have to end when the run is told to stop (SIGTERM, Ctrl-C). Below "
        "the pod's terminationGracePeriodSeconds.",
    )
    wait_for_run: bool = Field(
        False, description="Where another driver works on the run, wait for its end instead of refusing."
    )
    progress: Literal["auto", "live", "lines"] = Field(
        "auto",
        description="How a run is shown: a live view, or a line every --log-seconds. auto: the view on a terminal, "
        "lines in files, pipes and Ray jobs.",
    )
    log_seconds: float = Field(30.0, gt=0, description="Seconds between two progress lines.")


_CONFIG = SettingsConfigDict(
    env_prefix=PREFIX,
    extra="forbid",
    frozen=True,
    cli_kebab_case=True,
    cli_implicit_flags=True,
    cli_hide_none_type=True,
    cli_avoid_json=True,
)


class _Sourced(BaseSettings):
    """What the settings of every job have in common."""

    model_config = _CONFIG

    config: str | None = Field(None, description="YAML file with settings by these names.")

    def public(self) -> dict[str, Any]:
        """All settings as plain JSON values, without secrets: what may be stored and shown."""
        secret = {name for name in type(self).model_fields if isinstance(getattr(self, name), SecretStr)}
        return self.model_dump(mode="json", exclude=secret)

    def marked(self) -> set[str]:
        """Names of the settings that say `row=True`.

        The profile counts only where it is not the usual one: before there was a choice, runs did without it.
        """
        names = {
            name
            for name, field in type(self).model_fields.items()
            if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("row")
        }
        return names - {"profile"} if getattr(self, "profile", None) == "standard" else names


class WorkSettings(PipelineSettings, StoreSettings, OutputSettings):
    """What every job that keeps outcomes in a run has in common."""

    @property
    def keeps_answers(self) -> bool:
        """Whether model answers go to the response cache."""
        return self.answer_cache


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
    _Sourced,
):
    """All settings of the main job: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = _CONFIG

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
    _Sourced,
):
    """What jobs that sample a policy have in common."""

    model_config = _CONFIG

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

    model_config = _CONFIG

    @property
    def stops_early(self) -> tuple[Band, int] | None:
        return (self.band, self.early_stop_window) if self.early_stop else None


class EvaluateSettings(EvaluationSettings, SamplingSettings):
    """All settings of the evaluation: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = _CONFIG

    split: Literal["sft", "rl", "eval"] = Field(
        "eval", description="Split of a release whose problems are asked.", json_schema_extra={"row": True}
    )

    @property
    def asked(self) -> Task:
        return self.task


class JudgeSettings(SandboxSettings, JudgingSettings, _Sourced):
    """All settings of the judge: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = _CONFIG

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


class VerifySettings(StoreSettings, SandboxSettings, _Sourced):
    """All settings of the check of a release: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = _CONFIG

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


class ExportSettings(StoreSettings, ExportingSettings, _Sourced):
    """All settings of an export: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = _CONFIG


class MixSettings(StoreSettings, MixingSettings, _Sourced):
    """All settings of a mix: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = _CONFIG

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


class EstimateSettings(StoreSettings, EstimatingSettings, _Sourced):
    """All settings of an estimate: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = _CONFIG


class ReportSettings(StoreSettings, _Sourced):
    """All settings of a report: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = _CONFIG

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


class ShowSettings(StoreSettings, ShowingSettings, _Sourced):
    """All settings of the look into a run: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = SettingsConfigDict(**_CONFIG, cli_shortcuts={"json-lines": "json"})


class TrainSettings(StoreSettings, TrainingSettings, _Sourced):
    """What both kinds of training have in common, as a job."""

    model_config = _CONFIG

    def row_settings(self) -> dict[str, Any]:
        """The settings that change what the model becomes, by name, as plain JSON values."""
        public = self.public()
        return {name: public[name] for name in sorted(self.marked())}


class SftSettings(SupervisedTraining, TrainSettings):
    """All settings of supervised fine-tuning: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = _CONFIG


class GrpoSettings(ReinforcementTraining, SandboxSettings, TrainSettings):
    """All settings of GRPO: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = _CONFIG


class SweepSettings(StoreSettings, _Sourced):
    """All settings of the sweeper: YAML (--config), environment (CODESEQ_…), flags, in rising order."""

    model_config = _CONFIG

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


SCHEMAS: tuple[type[_Sourced], ...] = (
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
Schema = TypeVar("Schema", bound=_Sourced)


def fingerprint(row_settings: dict[str, Any], input_digest: str) -> str:
    """What a run id stands for: the settings that change a row, and the input's content."""
    text = json.dumps({"settings": row_settings, "input": input_digest}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def refuse_other(
    what: str, stored: dict[str, Any], given: dict[str, Any], *, instead: str = "--run-id"
) -> None:
    """Raise RunMismatchError, naming each setting that differs from those that `what` was begun with."""
    differing = [
        f"  {name}: was {stored.get(name)!r}, is now {given.get(name)!r}"
        for name in sorted({*stored, *given})
        if stored.get(name) != given.get(name)
    ]
    if differing:
        raise RunMismatchError(
            f"{what} was begun with other settings that change its rows:\n"
            + "\n".join(differing)
            + f"\nGive these as they were, or another {instead}."
        )


@overload
def load(argv: Sequence[str] | None = None, *, program: str = "synthesize.py") -> Settings: ...


@overload
def load(argv: Sequence[str] | None = None, *, schema: type[Schema], program: str) -> Schema: ...


def load(
    argv: Sequence[str] | None = None,
    *,
    schema: type[_Sourced] = Settings,
    program: str = "synthesize.py",
) -> _Sourced:
    """Settings from the command line, the environment and the YAML file named by `--config`.

    A name of another job's settings in the environment is passed over: both may share one. Raises UsageError that
    names the key, its source and what is expected; `--help` prints and exits.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _refuse_unknown_environment(schema)
    from_file = _yaml(_config_path(arguments), schema)

    def sources(
        cls: type[BaseSettings],
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        cli: CliSettingsSource[Any] = CliSettingsSource(
            settings_cls, cli_parse_args=arguments, cli_prog_name=program
        )
        return cli, EnvSettingsSource(settings_cls), init_settings

    sourced = type(
        "Sourced",
        (schema,),
        {
            "__module__": __name__,
            "__doc__": schema.__doc__,
            "settings_customise_sources": classmethod(sources),
        },
    )
    try:
        values = sourced(**from_file)
    except ValidationError as error:
        raise UsageError(_explained(error)) from None
    except SettingsError as error:
        raise UsageError(f"settings: {error}") from None
    return schema.model_construct(**{name: getattr(values, name) for name in schema.model_fields})


def _config_path(arguments: list[str]) -> str | None:
    for position, word in enumerate(arguments):
        if word == "--config" and position + 1 < len(arguments):
            return arguments[position + 1]
        if word.startswith("--config="):
            return word.split("=", 1)[1]
    return os.environ.get(PREFIX + "CONFIG")


def _yaml(path: str | None, schema: type[_Sourced]) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--config {path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path}: is not YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"--config {path}: expected `name: value` lines, found a {type(content).__name__}")
    named = {str(key).replace("-", "_"): value for key, value in content.items()}
    unknown = sorted(set(named) - set(schema.model_fields))
    if unknown:
        raise UsageError(f"--config {path}: unknown settings {', '.join(unknown)}; --help lists all")
    return named


def _refuse_unknown_environment(schema: type[_Sourced]) -> None:
    names = {name for each in (*SCHEMAS, schema) for name in each.model_fields}
    known = {PREFIX + name.upper() for name in names} | NOT_SETTINGS
    unknown = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name not in known)
    if unknown:
        raise UsageError(f"environment: unknown settings {', '.join(unknown)}; --help lists all")


def _explained(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"])
        said = problem["msg"].removeprefix("Value error, ")
        lines.append(f"  --{name.replace('_', '-')}: {said}" if name else f"  {said}")
    return "settings that cannot be used:\n" + "\n".join(lines)
