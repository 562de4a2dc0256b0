"""A run's figures at the node's exporter are the run's."""

from __future__ import annotations

import re
import time
import urllib.request
from pathlib import Path

import pytest
import ray

from codeseq_ray.pipeline.metrics import Figures, Kept
from codeseq_ray.pipeline.run import execute
from codeseq_ray.ports import ChatAnswer
from codeseq_ray.settings import load
from tests.model_server.process import served

_LINE = re.compile(r"^(ray_(?:codeseq|gen_ai)_\w+)\{([^}]*)\} (\S+)$", re.MULTILINE)


def scraped(run: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    (node,) = [node for node in ray.nodes() if node["Alive"]]
    url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        text = answer.read().decode()
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for name, tags, value in _LINE.findall(text):
        told = dict(re.findall(r'(\w+)="([^"]*)"', tags))
        if told.get("run") == run:
            found.setdefault(name, []).append((told, float(value)))
    return found


def test_outcomes_tokens_and_requests_are_the_runs_own(small_ray: None, tmp_path: Path) -> None:
    with served(tmp_path / "requests.jsonl", "--busy", "0.1") as server:
        flags = ["--output", str(tmp_path / "runs"), "--run-id", "figured", "--limit", "12", *server.flags]
        result = execute(load(flags), lambda line: None)
        asked = server.logged()
    by_outcome: dict[str, float] = {}
    until = time.monotonic() + 40
    while sum(by_outcome.values()) < 12:  # Ray's exporter is renewed every 10 seconds
        assert time.monotonic() < until, by_outcome
        time.sleep(0.5)
        found = scraped("figured")
        by_outcome = {}
        for tags, value in found.get("ray_codeseq_outcomes_total", ()):
            by_outcome[tags["outcome"]] = by_outcome.get(tags["outcome"], 0) + value
    assert by_outcome == {str(outcome): n for outcome, n in result.ledger.outcomes.items() if n}
    tokens = sum(value for _, value in found["ray_codeseq_llm_tokens_total"])
    assert tokens == result.standing.spent.tokens
    requests = found["ray_codeseq_llm_requests_total"]
    assert sum(value for _, value in requests) == result.standing.spent.requests
    busy = sum(value for tags, value in requests if tags["result"] == "busy")
    assert busy == [entry["end"] for entry in asked].count("busy") > 0
    assert {tags["role"] for tags, _ in requests} == {"generator", "verifier"}
    assert sum(value for _, value in found["ray_codeseq_sandbox_runs_total"]) > 0


def test_what_cannot_be_told_ends_no_run(small_ray: None, caplog: pytest.LogCaptureFixture) -> None:
    figures = Figures("r")
    answer = ChatAnswer("text", "stop", "modèle", prompt_tokens=3, completion_tokens=2)
    figures.replied("generator", "http://größe:8000/v1", "modèle-日本", answer, 0.1)
    assert not caplog.records
    figures.watch_backlog("fit", lambda: 1 // 0)
    figures.tell(1, Kept())
    assert "a metric could not be told" in caplog.text
