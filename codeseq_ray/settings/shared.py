"""Settings that several jobs have in common, and the form that all schemas have."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from codeseq_ray.store.settings import StoreSettings

PREFIX = "CODESEQ_"


class PlaceSettings(BaseModel):
    """Where a run lies, what it is called, and on which Ray it works."""

    output: str | None = Field(
        None,
        min_length=1,
        description="Folder or s3://bucket/prefix under which the run's folder lies. Default: runs.",
    )
    run_id: str | None = Field(
        None,
        description="Name of the run; giving it again goes on with it. Default: a new one from the clock.",
    )
    local_cpus: int | None = Field(
        None, ge=1, description="CPUs of the local Ray that is started where no cluster runs. Default: all."
    )
    output_is_shared: bool = Field(
        False, description="The output folder is one shared disk on every node of the cluster."
    )
    wait_for_run: bool = Field(
        False, description="Where another driver works on the run, wait for its end instead of refusing."
    )


class OutputSettings(PlaceSettings):
    """What a run may spend, and what it keeps of what it paid for."""

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
    progress: Literal["auto", "live", "lines"] = Field(
        "auto",
        description="How a run is shown: a live view, or a line every --log-seconds. auto: the view on a terminal, "
        "lines in files, pipes and Ray jobs.",
    )
    log_seconds: float = Field(30.0, gt=0, description="Seconds between two progress lines.")


CONFIG = SettingsConfigDict(
    env_prefix=PREFIX,
    extra="forbid",
    frozen=True,
    cli_kebab_case=True,
    cli_implicit_flags=True,
    cli_hide_none_type=True,
    cli_avoid_json=True,
)


class Sourced(BaseSettings):
    """What the settings of every job have in common."""

    model_config = CONFIG

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
