"""The app's config: what Ray Serve accepts, and what the models need from it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray import serve
from ray.serve.schema import HTTPOptionsSchema, LoggingConfig, ServeApplicationSchema, ServeDeploySchema

from codeseq_ray.serving import explained
from codeseq_ray.serving.config import reserved, serve_config
from codeseq_ray.serving.settings import ServingSettings
from codeseq_ray.settings import load

FOLDER = Path(__file__).parents[2] / "cluster" / "serve"
HARDWARE = ["one-gpu", "several-gpus", "cpu"]


def told(*flags: str) -> ServingSettings:
    return load(list(flags), schema=ServingSettings, program="serving")


def llm_configs(config: dict[str, Any]) -> list[dict[str, Any]]:
    configs: list[dict[str, Any]] = config["applications"][0]["args"]["llm_configs"]
    return configs


@pytest.mark.parametrize("hardware", HARDWARE)
def test_the_committed_file_is_what_the_defaults_give(hardware: str) -> None:
    written = explained.render(told("--hardware", hardware))
    assert (FOLDER / f"{hardware}.yaml").read_text(encoding="utf-8") == written, (
        f"write it again: python -m codeseq_ray.serving --hardware {hardware} > cluster/serve/{hardware}.yaml"
    )


@pytest.mark.parametrize("hardware", HARDWARE)
def test_the_remarks_change_nothing_of_the_config(hardware: str) -> None:
    settings = told("--hardware", hardware, "--generator", "a: b # c", "--verifier", "s3://bucket/é")
    assert yaml.safe_load(explained.render(settings)) == serve_config(settings)


def test_every_remark_stands_in_some_file() -> None:
    files = "".join(
        explained.render(told("--hardware", hardware, "--verifier-reasoning-parser", "qwen3"))
        for hardware in HARDWARE
    )
    missing = [
        key for key, remark in explained._REMARKS.items() if f"# {remark.splitlines()[0]}" not in files
    ]
    assert not missing


@pytest.mark.parametrize("hardware", HARDWARE)
def test_serve_s_own_schema_knows_every_key(hardware: str) -> None:
    # The schema lets unknown keys pass, so that a misspelt one would be silently without effect.
    config = serve_config(told("--hardware", hardware, "--port", "8123"))
    accepted = ServeDeploySchema.model_validate(config)
    assert accepted.http_options.port == 8123
    (application,) = config["applications"]
    for given, schema in (
        (config, ServeDeploySchema),
        (config["http_options"], HTTPOptionsSchema),
        (config["logging_config"], LoggingConfig),
        (application, ServeApplicationSchema),
    ):
        assert given.keys() <= schema.model_fields.keys()


@pytest.mark.parametrize("hardware", HARDWARE)
def test_serve_accepts_the_options_of_each_deployment(hardware: str) -> None:
    config = serve_config(told("--hardware", hardware))
    args = config["applications"][0]["args"]
    for options in (
        *(model["deployment_config"] for model in args["llm_configs"]),
        args["ingress_deployment_config"],
    ):
        serve.deployment(type("Anything", (), {}), **options)
    with pytest.raises(TypeError):
        serve.deployment(type("Anything", (), {}), max_ongoing=1)


@pytest.mark.parametrize("hardware", HARDWARE)
def test_ray_serve_llm_and_vllm_know_every_argument(hardware: str) -> None:
    llm = pytest.importorskip("ray.serve.llm", reason="needs vLLM", exc_type=ImportError)
    settings = told("--hardware", hardware, "--verifier-reasoning-parser", "qwen3")
    args = serve_config(settings)["applications"][0]["args"]
    for config in llm.LLMServingArgs.model_validate(args).llm_configs:
        assert config.get_engine_config().engine_kwargs["max_num_seqs"] == settings.max_num_seqs


@pytest.mark.parametrize("hardware", HARDWARE)
def test_a_replica_scales_on_many_requests_and_always_has_one_waiting(hardware: str) -> None:
    for config in llm_configs(serve_config(told("--hardware", hardware))):
        deployment, engine = config["deployment_config"], config["engine_kwargs"]
        target = deployment["autoscaling_config"]["target_ongoing_requests"]
        assert target >= 16
        assert target <= engine["max_num_seqs"] < deployment["max_ongoing_requests"]


def test_the_names_and_weights_of_both_roles_reach_the_app() -> None:
    settings = told(
        *("--generator", "org/a", "--verifier", "org/b", "--generator-model", "g", "--verifier-model", "v"),
        *("--verifier-reasoning-parser", "deepseek_r1", "--max-model-len", "4096"),
    )
    first, second = llm_configs(serve_config(settings))
    assert first["model_loading_config"] == {"model_id": "g", "model_source": "org/a"}
    assert second["model_loading_config"] == {"model_id": "v", "model_source": "org/b"}
    assert second["engine_kwargs"]["reasoning_parser"] == "deepseek_r1"
    assert "reasoning_parser" not in first["engine_kwargs"]
    assert first["engine_kwargs"]["max_model_len"] == second["engine_kwargs"]["max_model_len"] == 4096


def test_two_models_on_one_gpu_leave_room_for_each_other() -> None:
    settings = told("--generator-gpu-share", "0.3", "--verifier-gpu-share", "0.6")
    first, second = llm_configs(serve_config(settings))
    for config, share in ((first, 0.3), (second, 0.6)):
        assert config["placement_group_config"]["bundle_per_worker"]["GPU"] == share
        assert config["engine_kwargs"]["gpu_memory_utilization"] == share
        # Not left to vLLM's measurement, which the other engine's start would spoil.
        assert config["engine_kwargs"]["kv_cache_memory_bytes"] == 6 * 1024**3


def test_a_replica_over_several_gpus_stays_on_one_node() -> None:
    first, _ = llm_configs(serve_config(told("--hardware", "several-gpus", "--generator-gpus", "4")))
    assert first["engine_kwargs"]["tensor_parallel_size"] == 4
    assert first["placement_group_config"] == {"bundle_per_worker": {"GPU": 1}, "strategy": "STRICT_PACK"}


def test_without_a_gpu_none_is_asked_for() -> None:
    config = serve_config(told("--hardware", "cpu"))
    assert "gpu" not in json.dumps(config).lower()
    assert all(model["accelerator_config"] == {"kind": "cpu"} for model in llm_configs(config))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--hardware", "one-gpu"], {"CPU": 3, "GPU": 0.9}),
        (["--hardware", "several-gpus"], {"CPU": 3, "GPU": 3}),
        (["--hardware", "several-gpus", "--generator-replicas-min", "2"], {"CPU": 4, "GPU": 5}),
        (["--hardware", "cpu", "--ingress-replicas", "4"], {"CPU": 2, "GPU": 0}),
    ],
)
def test_what_ray_must_have_is_counted_with_the_fewest_replicas(
    flags: list[str], expected: dict[str, float]
) -> None:
    assert reserved(told(*flags)) == pytest.approx(expected)


def test_a_config_is_written_without_loading_ray() -> None:
    program = (
        "import sys; from codeseq_ray.serving.__main__ import main; main(['--hardware', 'cpu']);"
        "sys.exit('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout) == serve_config(told("--hardware", "cpu"))
