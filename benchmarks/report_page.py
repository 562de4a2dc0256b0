"""The report of a run: time and memory to build it, its size, and how soon a browser shows it. And pictures of it.

    python -m benchmarks.report_page --run RUN [--compare RUN] [--rollouts RUN] [--pictures docs/tour]

Needs Chromium and its driver (Debian: chromium, chromium-driver). Pictures: the page's head and its explorer, at 1280
and 400 pixels, light and dark.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver

OPENED = 5
"""Times that the page is opened; the median counts."""
VIEWS = {"desk": (1280, 900), "telephone": (400, 900)}
PAINTS = """
const paint = performance.getEntriesByType('paint').find(e => e.name === 'first-contentful-paint');
return [paint ? paint.startTime : null, performance.now()];
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("run", "compare", "rollouts"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--record", help="A-number whose record is in the picture of the explorer")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        flags = [f"--{n}={v}" for n in ("run", "compare", "rollouts") if (v := getattr(options, n))]
        begun = time.monotonic()
        subprocess.run([sys.executable, "jobs/report.py", *flags, "--output", path], check=True)
        seconds = time.monotonic() - begun
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        with browser() as opened:
            paints, ready = [], []
            for _ in range(OPENED):
                paint, listed = show(opened, path)
                paints.append(paint)
                ready.append(listed)
            found = {
                "machine": f"{platform.machine()}, kernel {platform.release()}, Python {platform.python_version()}",
                "browser": opened.capabilities["browserVersion"],
                "outcomes": opened.execute_script(
                    "return document.getElementById('count').textContent.split(' ')[2]"
                ),
                "build_seconds": round(seconds, 1),
                "build_peak_mib": peak,
                "page_mb": round(path.stat().st_size / 1e6, 2),
                "first_paint_ms": round(sorted(paints)[OPENED // 2]),
                "list_ready_ms": round(sorted(ready)[OPENED // 2]),
                "heap_mb": round(opened.execute_script("return performance.memory.usedJSHeapSize") / 1e6),
            }
            print(json.dumps(found, indent=1))
            if options.pictures:
                options.pictures.mkdir(parents=True, exist_ok=True)
                take(opened, path, options.pictures, options.record)


@contextmanager
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or sys.exit("Chromium is not installed")
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "hide-scrollbars"):
        options.add_argument(f"--{flag}")
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    with webdriver.Chrome(options=options, service=service) as opened:
        yield opened


def show(opened: Any, path: Path, hash_: str = "") -> tuple[float, float]:
    """Open the page; milliseconds to its first paint, and until its list stands."""
    opened.get("about:blank")
    opened.get(path.as_uri() + hash_)
    while opened.execute_script("return document.documentElement.dataset.ready") != "yes":
        time.sleep(0.01)
    first, now = opened.execute_script(PAINTS)
    return float(first or 0), float(now)


def take(opened: Any, path: Path, folder: Path, record: str | None) -> None:
    for view, (width, height) in VIEWS.items():
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        for theme in ("light", "dark"):
            feature = {"name": "prefers-color-scheme", "value": theme}
            opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
            show(opened, path)
            (folder / f"report-{view}-{theme}.png").write_bytes(opened.get_screenshot_as_png())
            if record:
                show(opened, path, f"#{record}")
                opened.execute_script(
                    "document.getElementById('records').scrollIntoView({behavior: 'instant'})"
                )
                time.sleep(0.3)
                (folder / f"record-{view}-{theme}.png").write_bytes(opened.get_screenshot_as_png())


if __name__ == "__main__":
    main()
