"""Dashboard, alert rules and documentation speak of metrics that a run has, by names that agree."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cluster.metrics import dashboard
from codeseq_ray.pipeline.metrics import Figures, zygotes_lost

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "cluster/metrics"
_NAME = re.compile(r"\bray_(?:codeseq|gen_ai)_\w+")
_OF_HISTOGRAMS = re.compile(r"_(bucket|sum|count)$")


def exported() -> set[str]:
    """As Ray exports what the code declares: counters get `_total`."""
    figures = Figures("r")
    made = [value for value in vars(figures).values() if hasattr(value, "info")] + [zygotes_lost()]
    names = {(one.info["name"], type(one).__name__) for one in made}
    return {f"ray_{name}{'_total' if kind == 'Counter' else ''}" for name, kind in names}


def named(text: str) -> set[str]:
    histograms = {name for name in exported() if "gen_ai" in name}
    return {
        base if (base := _OF_HISTOGRAMS.sub("", name)) in histograms else name for name in _NAME.findall(text)
    }


def test_every_metric_is_documented_and_nothing_else() -> None:
    assert named((ROOT / "docs/metrics.md").read_text(encoding="utf-8")) == exported()


def test_dashboard_and_alerts_ask_only_for_what_is_exported() -> None:
    assert named(dashboard.text()) <= exported()
    assert named((FOLDER / "alerts.yaml").read_text(encoding="utf-8")) <= exported()
    # Every metric is on the dashboard, too.
    assert exported() <= named(dashboard.text())


def test_the_dashboards_file_is_the_one_that_is_written_here() -> None:
    text = (FOLDER / "grafana-dashboard.json").read_text(encoding="utf-8")
    assert text == dashboard.text()
    told = json.loads(text)
    panels = [panel for panel in told["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in told["panels"]}) == len(told["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        assert place["x"] + place["w"] <= 24
        assert panel["description"]


def test_each_alert_says_what_is_wrong_and_what_to_do() -> None:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        assert set(rule["annotations"]) == {"summary", "do"}
        assert rule["labels"]["severity"] in ("warning", "critical")


@pytest.mark.parametrize("works", [True, False])
def test_a_run_that_never_had_an_outcome_raises_the_alarm(works: bool, tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    series = [{"series": 'ray_codeseq_open{run="r"}', "values": "60x120"}]
    if works:
        series.append({"series": 'ray_codeseq_outcomes_total{run="r"}', "values": "0+5x120"})
    firing = 'count(ALERTS{alertname="CodeseqNothingComesToAnOutcome",alertstate="firing"})'
    asked = {
        "expr": firing,
        "eval_time": "1h",
        "exp_samples": [] if works else [{"labels": "{}", "value": 1}],
    }
    told = {
        "rule_files": [str(FOLDER / "alerts.yaml")],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [asked]}],
    }
    file = tmp_path / "case.yaml"
    file.write_text(yaml.safe_dump(told))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_reads_the_rules() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    done = subprocess.run(
        ["promtool", "check", "rules", str(FOLDER / "alerts.yaml")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
