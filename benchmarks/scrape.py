"""A real Prometheus scrapes a real run; every query of the dashboard and every alert rule is asked for its data.

    python -m benchmarks.scrape [--limit 60] [--result FILE.md]

Needs Debian's package `prometheus`, and root (a network namespace, so that ports are free). The models are the tests'
stand-in server, whose weather brings 429s and errors. A query counts as answered when it gives a number at any moment
of the run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from benchmarks.autoscaling.growing import in_namespaces
from cluster.metrics.dashboard import ROWS
from tests.model_server.process import served

EXPORTED, PROMETHEUS = 28080, 29090
RULES = Path("cluster/metrics/alerts.yaml")
SERVER = ("--slots", "8", "--latency", "lognormal", "--median", "1.2", "--busy", "0.05", "--error", "0.02")


def asked(path: str, **parameters: str) -> Any:
    url = f"http://127.0.0.1:{PROMETHEUS}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


def filled(expr: str) -> str:
    return expr.replace("$run", ".+").replace("$__rate_interval", "30s")


def scraped(folder: Path, limit: int) -> dict[str, Any]:
    """Run and scrape; what each query gave."""
    binary = str(Path(sys.executable).with_name("ray"))
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    start = [binary, "start", "--head", "--num-cpus=2", f"--metrics-export-port={EXPORTED}"]
    subprocess.run(
        [*start, f"--temp-dir={folder}/ray", "--disable-usage-stats"],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    config = {
        "global": {"scrape_interval": "2s", "evaluation_interval": "2s"},
        "rule_files": [str(RULES.resolve())],
        "scrape_configs": [{"job_name": "ray", "static_configs": [{"targets": [f"127.0.0.1:{EXPORTED}"]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    flags = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    prometheus = subprocess.Popen(
        ["prometheus", *flags, f"--web.listen-address=127.0.0.1:{PROMETHEUS}", "--log.level=error"]
    )
    try:
        begun = time.time()
        with served(folder / "requests.jsonl", *SERVER) as server:
            for run_id in ("scraped", "again"):  # the second is answered from the cache
                job = [sys.executable, "jobs/synthesize.py", "--limit", str(limit), "--run-id", run_id]
                more = ["--output", str(folder / "runs"), "--paraphrases", "1", "--requests-in-flight", "8"]
                done = subprocess.run(
                    [*job, *more, *server.flags],
                    env={**environment, "RAY_ADDRESS": "127.0.0.1:6379"},
                    capture_output=True,
                    text=True,
                )
                assert done.returncode == 0, done.stdout + done.stderr
        time.sleep(15)
        ended = time.time()
        span = {"start": str(begun), "end": str(ended), "step": "2s"}
        panels = {
            panel.title: [_series(filled(expr), span) for expr, _ in panel.queries]
            for _, row in ROWS
            for panel in row
        }
        names = [n for n in asked("label/__name__/values") if n.startswith(("ray_codeseq", "ray_gen_ai"))]
        rules = [rule for group in asked("rules")["groups"] for rule in group["rules"]]
    finally:
        prometheus.terminate()
        prometheus.wait()
        subprocess.run([binary, "stop", "--force"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    told = {rule["name"]: (rule["health"], rule.get("lastError", "")) for rule in rules}
    return {"seconds": round(ended - begun), "panels": panels, "names": names, "rules": told}


def _series(expr: str, span: dict[str, str]) -> dict[str, Any]:
    result = asked("query_range", query=expr, **span)["result"]
    values = [float(value) for one in result for _, value in one["values"]]
    sound = [value for value in values if value == value]
    return {"expr": expr, "series": len(result), "values": len(sound), "largest": max(sound, default=None)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--result", type=Path)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if shutil.which("prometheus") is None:
        sys.exit("no `prometheus` here: apt-get install prometheus")
    if options.folder:
        (options.folder / "told.json").write_text(json.dumps(scraped(options.folder, options.limit)))
        return
    with tempfile.TemporaryDirectory(prefix="sc", dir="/tmp", ignore_cleanup_errors=True) as name:
        in_namespaces(["-m", "benchmarks.scrape", "--folder", name, "--limit", str(options.limit)])
        told = json.loads(Path(name, "told.json").read_text())
    lines = ["| panel | query | series | values | largest |", "|---|---:|---:|---:|---:|"]
    for title, queries in told["panels"].items():
        for number, one in enumerate(queries, 1):
            largest = "–" if one["largest"] is None else f"{one['largest']:.4g}"
            lines.append(f"| {title} | {number} | {one['series']} | {one['values']} | {largest} |")
    lines += [
        "",
        "Alert rules: " + ", ".join(f"{name} {health}" for name, (health, _) in told["rules"].items()),
    ]
    lines += ["", "Exported: " + ", ".join(f"`{name}`" for name in told["names"])]
    text = "\n".join(lines)
    print(text)
    if options.result:
        options.result.write_text(text + "\n")


if __name__ == "__main__":
    main()
