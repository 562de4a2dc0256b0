"""Starting the app: what is missing is said before anything starts."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray import serve

from codeseq_ray.errors import UsageError
from codeseq_ray.serving.__main__ import main


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Ray Serve LLM as if vLLM were here, on a Ray of 8 CPUs and one GPU; holds what was started."""
    apps: list[Any] = []
    fake = SimpleNamespace(build_openai_app=lambda args: args)
    monkeypatch.setitem(sys.modules, "ray.serve.llm", fake)
    monkeypatch.setattr(serve, "llm", fake, raising=False)
    monkeypatch.setattr(ray, "init", lambda **_: None)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 8.0, "GPU": 1.0})
    monkeypatch.setattr(serve, "start", lambda **options: apps.append(options))
    monkeypatch.setattr(serve, "run", lambda app, **options: apps.append((app, options)))
    monkeypatch.setattr(serve, "delete", lambda name: None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return apps


def test_without_vllm_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray.serve.llm", None)
    with pytest.raises(UsageError, match=r"docs/serving\.md"):
        main(["--run"])


def test_the_app_that_is_started_is_the_one_that_is_printed(started: list[Any]) -> None:
    assert main(["--run", "--port", "8124", "--host", "0.0.0.0"]) == 0
    options, (app, of_app) = started
    assert options["http_options"] == {"host": "0.0.0.0", "port": 8124}
    assert [model["model_loading_config"]["model_id"] for model in app["llm_configs"]] == [
        "generator",
        "verifier",
    ]
    assert of_app["route_prefix"] == "/"
    # Serve's own processes and the app are told apart: either alone would log every request.
    assert options["logging_config"] == of_app["logging_config"] == {"enable_access_log": False}


def test_too_few_gpus_are_an_error_at_once_and_not_a_wait_for_ever(
    started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="3 GPUs, Ray has 1"):
        main(["--hardware", "several-gpus", "--run"])
    assert not started
    # A cluster that grows starts the nodes when Serve asks for them.
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    assert main(["--hardware", "several-gpus", "--run"]) == 0


def test_an_app_that_is_stopped_leaves_the_cluster(
    started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    gone: list[str] = []
    monkeypatch.setattr(serve, "run", interrupted)
    monkeypatch.setattr(serve, "delete", gone.append)
    with pytest.raises(KeyboardInterrupt):
        main(["--run"])
    assert gone == ["codeseq"]
