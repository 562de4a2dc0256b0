"""The Grafana dashboard of a run, as a list of panels: `python -m cluster.metrics.dashboard` prints the file.

A test holds the file to this list, and every query's metric to those that a run exports.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

RUN = 'run=~"$run"'
RATE = "[$__rate_interval]"
UID = "codeseq-ray-run"


@dataclass(frozen=True)
class Panel:
    title: str
    queries: tuple[tuple[str, str], ...]
    """(PromQL, legend)."""
    says: str
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8


def _sum(metric: str, by: str = "", more: str = "") -> str:
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (ray_codeseq_{metric}{{{RUN}{more}}})"


def _of_servers(metric: str) -> str:
    """Roles that share a server each show its figures: counted once for each loop actor."""
    return f"sum by (endpoint) (max by (endpoint, run, WorkerId) (ray_codeseq_{metric}{{{RUN}}}))"


def _rate(metric: str, by: str = "", more: str = "") -> str:
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate(ray_codeseq_{metric}{{{RUN}{more}}}{RATE}))"


def _tokens(kind: str = "") -> str:
    return _rate("llm_tokens_total", more=f',kind="{kind}"' if kind else "")


def _latency(share: float) -> str:
    buckets = f"rate(ray_gen_ai_client_operation_duration_seconds_bucket{{{RUN}}}{RATE})"
    return f"histogram_quantile({share}, sum by (le, role) ({buckets}))"


def _usage(share: float) -> str:
    only = f'{RUN},gen_ai_token_type="output"'
    buckets = f"rate(ray_gen_ai_client_token_usage_bucket{{{only}}}{RATE})"
    return f"histogram_quantile({share}, sum by (le, role) ({buckets}))"


ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "What becomes of the sequences",
        (
            Panel(
                "Outcomes",
                ((_rate("outcomes_total", "outcome"), "{{outcome}}"),),
                "Sequences (or rollouts) brought to an outcome, a second.",
                "ops",
            ),
            Panel(
                "Why they were not accepted",
                (
                    (
                        _rate("outcomes_total", "stage, reason", ',outcome!="accepted"'),
                        "{{stage}}: {{reason}}",
                    ),
                ),
                "Rejections by stage and reason; `failed` ones are infrastructure's and are tried again.",
                "ops",
            ),
            Panel(
                "Corrections before acceptance",
                ((_rate("accepted_total", "rounds"), "{{rounds}} corrections"),),
                "Accepted sequences by the number of corrections.",
                "ops",
            ),
            Panel(
                "Open",
                ((_sum("open"), "open"), (_sum("backlog", "kind"), "{{kind}}s waiting")),
                "Sequences that are worked on; fits and programs that wait for a CPU or run.",
            ),
            Panel(
                "Tokens for each accepted sequence",
                (
                    (
                        f"{_tokens()} / {_rate('outcomes_total', more=',outcome=' + chr(34) + 'accepted' + chr(34))}",
                        "tokens",
                    ),
                ),
                "All tokens paid for, over accepted sequences, in the same minutes.",
            ),
            Panel(
                "Answers from the cache",
                ((_rate("llm_replayed_total", "stage"), "{{stage}}"),),
                "Answers that an earlier start or run paid for.",
                "ops",
            ),
        ),
    ),
    (
        "Models",
        (
            Panel(
                "Requests by result",
                ((_rate("llm_requests_total", "role, result"), "{{role}} {{result}}"),),
                "Everything sent, further tries included.",
                "reqps",
            ),
            Panel(
                "Out at each server, and the bound",
                (
                    (_of_servers("llm_in_flight"), "{{endpoint}} out"),
                    (_of_servers("llm_limit"), "{{endpoint}} bound"),
                ),
                "Far below the bound: too few sequences are open, or the sandbox is behind.",
            ),
            Panel(
                "Waiting for a slot",
                ((_sum("llm_waiting", "role"), "{{role}}"),),
                "Requests that all servers of a role are too full for.",
            ),
            Panel(
                "Seconds of a request",
                (
                    (_latency(0.5), "{{role}} median"),
                    (_latency(0.95), "{{role}} 95 %"),
                ),
                "As the client sees it, the engine's queue included.",
                "s",
            ),
            Panel(
                "Tokens of an answer",
                ((_usage(0.5), "{{role}} median"), (_usage(0.95), "{{role}} 95 %")),
                "Near the bounds on answers (--program-max-tokens …): answers are cut off.",
            ),
            Panel(
                "Tokens a second",
                ((_tokens("input"), "prompts"), (_tokens("output"), "answers")),
                "By the servers' own count.",
            ),
            Panel(
                "Servers that answer",
                ((f"min by (endpoint) (ray_codeseq_llm_up{{{RUN}}})", "{{endpoint}}"),),
                "0 while a loop actor takes the server for down.",
            ),
        ),
    ),
    (
        "Sandbox and store",
        (
            Panel(
                "Runs of programs by verdict",
                ((_rate("sandbox_runs_total", "result"), "{{result}}"),),
                "One for each input that a program was run on.",
                "ops",
            ),
            Panel(
                "CPU of programs",
                ((_rate("sandbox_cpu_seconds_total"), "CPU seconds a second"),),
                "The programs' own; the sandbox around them takes a few milliseconds for each.",
            ),
            Panel(
                "Warm interpreters lost",
                (("sum (rate(ray_codeseq_sandbox_zygotes_lost_total" + RATE + "))", "lost a second"),),
                "Killed under a program and replaced. A steady rate: too little memory for the sandbox.",
            ),
            Panel(
                "Outcomes not stored yet",
                ((_sum("ledger_unwritten"), "unwritten"),),
                "What a killed actor would lose, and pay for again.",
            ),
            Panel(
                "Age of the oldest of them",
                ((f"max (ray_codeseq_ledger_lag_seconds{{{RUN}}})", "seconds"),),
                "Above a few seconds: the store does not answer.",
                "s",
            ),
            Panel(
                "Ledger segments and further tries",
                (
                    (_rate("ledger_segments_total"), "segments"),
                    (_rate("store_retries_total"), "further tries"),
                ),
                "Objects written, and operations that had to be repeated.",
                "ops",
            ),
        ),
    ),
)


def dashboard() -> dict[str, Any]:
    """Grafana's model of it (schema version 39), to be imported with a Prometheus data source."""
    source = {"type": "prometheus", "uid": "${datasource}"}
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS:
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": title,
                "collapsed": False,
                "gridPos": {"h": 1, "w": 24, "x": 0, "y": y},
                "panels": [],
            }
        )
        y += 1
        x = 0
        for panel in row:
            if x + panel.width > 24:
                x, y = 0, y + 8
            panels.append(
                {
                    "id": len(panels) + 1,
                    "type": panel.kind,
                    "title": panel.title,
                    "description": panel.says,
                    "datasource": source,
                    "gridPos": {"h": 8, "w": panel.width, "x": x, "y": y},
                    "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
                    "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
                    "targets": [
                        {"refId": chr(65 + i), "datasource": source, "expr": expr, "legendFormat": legend}
                        for i, (expr, legend) in enumerate(panel.queries)
                    ],
                }
            )
            x += panel.width
        y += 8
    return {
        "uid": UID,
        "title": "codeseq-ray: a run",
        "tags": ["codeseq-ray", "ray"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
                {
                    "name": "run",
                    "label": "Run",
                    "type": "query",
                    "datasource": source,
                    "query": "label_values(ray_codeseq_open, run)",
                    "refresh": 2,
                    "multi": True,
                    "includeAll": True,
                },
            ]
        },
        "panels": panels,
    }


def text() -> str:
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(text(), end="")
