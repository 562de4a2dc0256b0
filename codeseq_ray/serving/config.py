"""The settings as Ray Serve reads them: a pure function, testable without vLLM."""

from __future__ import annotations

from typing import Any

from codeseq_ray.serving.settings import Model, ServingSettings, models

GIB = 1024**3


def serve_config(settings: ServingSettings) -> dict[str, Any]:
    """The app as Ray Serve's deploy schema has it (`ray.serve.schema.ServeDeploySchema`), in plain JSON values."""
    return {
        "http_options": {"host": settings.host, "port": settings.port},
        "logging_config": {"enable_access_log": False},
        "applications": [
            {
                "name": "codeseq",
                "route_prefix": "/",
                "import_path": "ray.serve.llm:build_openai_app",
                "args": {
                    "llm_configs": [_llm_config(settings, model) for model in models(settings)],
                    "ingress_deployment_config": {
                        "num_replicas": settings.ingress_replicas,
                        "ray_actor_options": {
                            "num_cpus": 0 if settings.hardware == "cpu" else 1,
                            "runtime_env": {
                                "env_vars": {
                                    "RAY_SERVE_LLM_ROUTER_HTTP_TIMEOUT": str(settings.app_timeout_seconds)
                                }
                            },
                        },
                    },
                },
            }
        ],
    }


def _llm_config(settings: ServingSettings, model: Model) -> dict[str, Any]:
    """One model, as `ray.serve.llm.LLMConfig` has it."""
    engine: dict[str, Any] = {
        "max_model_len": settings.max_model_len,
        "max_num_seqs": settings.max_num_seqs,
        "enable_prefix_caching": True,
        "enable_prompt_tokens_details": True,
    }
    if model.reasoning_parser:
        engine["reasoning_parser"] = model.reasoning_parser
    if model.kv_cache_gib is not None:
        engine["kv_cache_memory_bytes"] = int(model.kv_cache_gib * GIB)
    deployment: dict[str, Any] = {
        "autoscaling_config": {
            "min_replicas": model.replicas_min,
            "max_replicas": model.replicas_max,
            "target_ongoing_requests": settings.target_ongoing_requests,
        },
        "max_ongoing_requests": 2 * (settings.max_num_seqs or 1),
        "graceful_shutdown_timeout_s": 600,
    }
    config: dict[str, Any] = {
        "model_loading_config": {"model_id": model.name, "model_source": model.source},
        "engine_kwargs": engine,
        "deployment_config": deployment,
    }
    if model.gpu_share is not None:
        engine["gpu_memory_utilization"] = model.gpu_share
        config["placement_group_config"] = {"bundle_per_worker": {"GPU": model.gpu_share}}
    elif model.gpus is not None:
        engine["tensor_parallel_size"] = model.gpus
        config["placement_group_config"] = {"bundle_per_worker": {"GPU": 1}, "strategy": "STRICT_PACK"}
    else:
        engine |= {"dtype": "float32", "enforce_eager": True}
        deployment["ray_actor_options"] = {"num_cpus": 0}
        config |= {
            "accelerator_config": {"kind": "cpu"},
            "placement_group_config": {"bundle_per_worker": {"CPU": 1}},
            "runtime_env": {
                "env_vars": {
                    "OMP_NUM_THREADS": str(settings.cpu_threads),
                    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
                }
            },
        }
    return config


def reserved(settings: ServingSettings) -> dict[str, float]:
    """CPUs and GPUs that Ray must have for the fewest replicas; with less, Serve waits for them for ever."""
    total = {"CPU": 0.0, "GPU": 0.0}
    args = serve_config(settings)["applications"][0]["args"]
    ingress = args["ingress_deployment_config"]
    total["CPU"] += ingress["num_replicas"] * ingress["ray_actor_options"]["num_cpus"]
    for config, model in zip(args["llm_configs"], models(settings), strict=True):
        deployment = config["deployment_config"]
        total["CPU"] += model.replicas_min * deployment.get("ray_actor_options", {"num_cpus": 1})["num_cpus"]
        for kind, amount in config["placement_group_config"]["bundle_per_worker"].items():
            total[kind] += model.replicas_min * (model.gpus or 1) * amount
    return total
