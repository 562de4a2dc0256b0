"""What the two served models can be told, and what each kind of hardware makes of it where nothing is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from codeseq_ray.settings import Sourced

Hardware = Literal["one-gpu", "several-gpus", "cpu"]

USUAL: dict[Hardware, dict[str, Any]] = {
    # 7.6 and 3.8 billion parameters in 16 bits are 15 and 8 GB; with the caches below, a GPU of 48 GB or more.
    "one-gpu": {
        "generator": "Qwen/Qwen2.5-Coder-7B-Instruct",
        "verifier": "microsoft/Phi-4-mini-instruct",
        "generator_gpu_share": 0.5,
        "verifier_gpu_share": 0.4,
        "generator_kv_cache_gib": 6.0,
        "verifier_kv_cache_gib": 6.0,
        "max_model_len": 16_384,
        "max_num_seqs": 128,
        "target_ongoing_requests": 64,
    },
    # 61 GB of weights on two GPUs of 80 GB, 29 GB on one; at the most replicas 3 × 2 + 2 × 1, a node of eight.
    "several-gpus": {
        "generator": "Qwen/Qwen3-Coder-30B-A3B-Instruct",
        "verifier": "microsoft/phi-4",
        "generator_gpus": 2,
        "verifier_gpus": 1,
        "generator_replicas_min": 1,
        "generator_replicas_max": 3,
        "verifier_replicas_min": 1,
        "verifier_replicas_max": 2,
        "max_model_len": 16_384,
        "max_num_seqs": 256,
        "target_ongoing_requests": 64,
    },
    "cpu": {
        "generator": "Qwen/Qwen2.5-Coder-0.5B-Instruct",
        "verifier": "HuggingFaceTB/SmolLM2-360M-Instruct",
        "generator_kv_cache_gib": 1.0,
        "verifier_kv_cache_gib": 1.0,
        "cpu_threads": 2,
        "max_model_len": 8_192,
        "max_num_seqs": 16,
        "target_ongoing_requests": 16,
    },
}
"""What each kind of hardware reads, and its defaults. Any other of these settings is an error there."""

_BY_HARDWARE = {name for usual in USUAL.values() for name in usual}


class ServingSettings(Sourced):
    """What `python -m codeseq_ray.serving` can be told: YAML (--config), environment (CODESEQ_…), flags."""

    hardware: Hardware = Field(
        "one-gpu", description="One GPU that both models share; GPUs for each model alone; or no GPU."
    )
    generator: str = Field(
        "",
        description="Weights of the working agent: a Hugging Face id, a folder on every node, s3://… or gs://….",
    )
    verifier: str = Field(
        "", description="Weights of the guiding agent; better of another family than the generator's."
    )
    generator_model: str = Field(
        "generator", min_length=1, description="The name that requests for the generator use."
    )
    verifier_model: str = Field(
        "verifier", min_length=1, description="The name that requests for the verifier use."
    )
    generator_reasoning_parser: str | None = Field(
        None,
        description="vLLM's parser that takes the generator's thinking apart from its answer, like qwen3.",
    )
    verifier_reasoning_parser: str | None = Field(None, description="The same for the verifier.")
    generator_gpus: int | None = Field(
        None, ge=1, description="several-gpus: GPUs that one replica is spread over (tensor parallel)."
    )
    verifier_gpus: int | None = Field(None, ge=1, description="The same for the verifier.")
    generator_replicas_min: int | None = Field(None, ge=0, description="several-gpus: fewest replicas.")
    generator_replicas_max: int | None = Field(None, ge=1, description="several-gpus: most replicas.")
    verifier_replicas_min: int | None = Field(None, ge=0, description="The same for the verifier.")
    verifier_replicas_max: int | None = Field(None, ge=1, description="The same for the verifier.")
    generator_gpu_share: float | None = Field(
        None, gt=0, lt=1, description="one-gpu: share of the GPU and its memory. Both together at most 1."
    )
    verifier_gpu_share: float | None = Field(None, gt=0, lt=1, description="The same for the verifier.")
    generator_kv_cache_gib: float | None = Field(
        None, gt=0, description="one-gpu, cpu: GiB for the tokens of requests under way, beside the weights."
    )
    verifier_kv_cache_gib: float | None = Field(None, gt=0, description="The same for the verifier.")
    cpu_threads: int | None = Field(None, ge=1, description="cpu: threads of each engine.")
    max_model_len: int | None = Field(
        None, ge=1, description="Most tokens of a prompt and its answer together."
    )
    max_num_seqs: int | None = Field(None, ge=1, description="Most answers that one engine writes at a time.")
    target_ongoing_requests: int | None = Field(
        None, ge=1, description="Requests under way per replica above which a further one is started."
    )
    ingress_replicas: int = Field(1, ge=1, description="Processes that relay the requests to the models.")
    app_timeout_seconds: int = Field(
        3600, ge=1, description="Seconds after which the app gives up on a request, its queue included."
    )
    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address to listen on; 0.0.0.0 opens it to the network, and nobody is asked for a key.",
    )
    port: int = Field(8000, ge=1, le=65_535, description="Port to listen on.")
    run: bool = Field(False, description="Start the app instead of printing its YAML; ends with Ctrl-C.")

    @model_validator(mode="before")
    @classmethod
    def _usual_for_the_hardware(cls, given: dict[str, Any]) -> dict[str, Any]:
        usual = USUAL.get(given.get("hardware", "one-gpu"))
        if usual is None:
            return given
        given = {name: value for name, value in given.items() if value is not None}
        if idle := sorted((given.keys() & _BY_HARDWARE) - usual.keys()):
            flags = ", ".join("--" + name.replace("_", "-") for name in idle)
            raise ValueError(
                f"{flags}: means nothing with --hardware {given.get('hardware', 'one-gpu')}; leave it out"
            )
        return {**usual, **given}

    @field_validator("generator", "verifier")
    @classmethod
    def _named(cls, value: str, info: ValidationInfo) -> str:
        if not value.strip():
            raise ValueError(f"expected a model for the {info.field_name}, like {USUAL['cpu']['generator']}")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.generator_model == self.verifier_model:
            raise ValueError(
                f"both models would be named {self.verifier_model!r}; requests could not tell them"
            )
        for model in models(self):
            if model.replicas_min > model.replicas_max:
                raise ValueError(f"fewest replicas of {model.name} ({model.replicas_min}) above the most")
        shares = (self.generator_gpu_share or 0) + (self.verifier_gpu_share or 0)
        if shares > 1:
            raise ValueError(f"the shares of one GPU add up to {shares:g}; at most 1")
        return self


@dataclass(frozen=True)
class Model:
    """One of the two, with what is its own."""

    name: str
    source: str
    reasoning_parser: str | None
    gpus: int | None
    gpu_share: float | None
    kv_cache_gib: float | None
    replicas_min: int
    replicas_max: int


def models(settings: ServingSettings) -> tuple[Model, Model]:
    def one(role: Literal["generator", "verifier"]) -> Model:
        def own(name: str) -> Any:
            return getattr(settings, f"{role}_{name}")

        least, most = own("replicas_min"), own("replicas_max")
        return Model(
            name=own("model"),
            source=getattr(settings, role),
            reasoning_parser=own("reasoning_parser"),
            gpus=own("gpus"),
            gpu_share=own("gpu_share"),
            kv_cache_gib=own("kv_cache_gib"),
            replicas_min=1 if least is None else least,
            replicas_max=1 if most is None else most,
        )

    return one("generator"), one("verifier")
