"""The config as YAML for `serve run` that says what each choice is for."""

from __future__ import annotations

import yaml

from codeseq_ray.serving.config import serve_config
from codeseq_ray.serving.settings import Hardware, ServingSettings

_NEEDS: dict[Hardware, str] = {
    "one-gpu": "one GPU that both models share. The defaults are reckoned for 48 GB of its memory",
    "several-gpus": "GPUs of 80 GB: three at the fewest replicas, eight at the most, on nodes with two or more",
    "cpu": "no GPU, vLLM's build for CPUs, and two logical CPUs in Ray. To try things out: it is slow",
}

_REMARKS = {
    "host": "0.0.0.0 opens it to the network. Serve asks nobody for a key.",
    "enable_access_log": "No log line for each of the many requests.",
    "model_id": "The name that requests use.",
    "model_source": "Any chat model that vLLM knows: a Hugging Face id, a folder on every node, s3://… or gs://…",
    "max_model_len": "Tokens of a prompt and its answer together. A model that thinks first needs more.",
    "max_num_seqs": "Answers that the engine writes at a time. Lower it when vLLM's log speaks of preemption.",
    "enable_prefix_caching": "The requests of one role begin alike.",
    "enable_prompt_tokens_details": "Answers say how many tokens of their prompt came from the cache.",
    "reasoning_parser": "Thinking apart from the answer; without it, it stays in the text as <think>…</think>.",
    "kv_cache_memory_bytes": "For the tokens of requests under way. Fixed, because two engines that start side\n"
    "by side would count each other's memory when they look for what is left.",
    "gpu_memory_utilization": "Share of the GPU's memory that must be free when the engine starts.",
    "tensor_parallel_size": "GPUs that one replica is spread over.",
    "target_ongoing_requests": "Above this, averaged over half a minute, a further replica starts. Serve's own\n"
    "default is 2; that of its LLM apps, a billion, never starts one.",
    "max_ongoing_requests": "Twice what the engine runs, so that it finds the next request waiting; what is more\n"
    "stays with Serve and goes to whichever replica has room.",
    "graceful_shutdown_timeout_s": "A replica that is taken away finishes its answers first.",
    "GPU": "What Ray reserves for each worker of a replica.",
    "CPU": "What Ray reserves for a replica; the engine's threads are set on their own.",
    "num_replicas": "Processes that relay requests. More when one of them is busy all the time.",
    "RAY_SERVE_LLM_ROUTER_HTTP_TIMEOUT": "Seconds until the app answers 408, its queue included (default 600). The\n"
    "client's own limit should come first: an answer that nobody waits for is paid for all the same.",
}
"""A remark above the first line of the YAML with each of these keys."""


def render(settings: ServingSettings) -> str:
    """The config as YAML, with a remark above what one may want to change."""
    url = f"http://{'127.0.0.1' if settings.host == '0.0.0.0' else settings.host}:{settings.port}/v1"
    lines = [
        "# Generator and verifier as two models of one Ray Serve LLM app (docs/serving.md).",
        f"# Needs {_NEEDS[settings.hardware]}.",
        f"# Written by `python -m codeseq_ray.serving --hardware {settings.hardware}`; --help lists more.",
        "#",
        "#   serve run THIS-FILE          in a Ray of this machine, until Ctrl-C",
        "#   serve deploy THIS-FILE       on the cluster that RAY_DASHBOARD_ADDRESS names",
        "#",
        "#   python jobs/synthesize.py --agents llm \\",
        f"#     --generator-url {url} --generator-model {settings.generator_model} \\",
        f"#     --verifier-url {url} --verifier-model {settings.verifier_model}",
        "",
    ]
    remarks = dict(_REMARKS)
    for line in yaml.safe_dump(serve_config(settings), sort_keys=False, allow_unicode=True).splitlines():
        key = line.strip().removeprefix("- ").partition(":")[0]
        indent = line[: len(line) - len(line.lstrip())]
        lines += [f"{indent}# {part}" for part in remarks.pop(key, "").splitlines()]
        lines.append(line)
    return "\n".join(lines) + "\n"
