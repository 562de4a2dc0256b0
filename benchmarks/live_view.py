"""The live view of real runs, recorded: under tmux at two sizes, and through a pipe.

    python -m benchmarks.live_view [--into benchmarks/results/live] [--picture docs/tour/live.svg] [--limit 2000]

Three runs: the built-in agents on the long OEIS file (CODESEQ_TEST_DATA; else the bundled sample) at 80 × 24, models
(the tests' model server, in bad weather) at 200 × 50 and once more at 80 × 24 with one Ctrl-C, the built-in agents
through a pipe. Each is looked at every few seconds; what is kept is a moment in the middle and the end. Needs tmux.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.ansi import AnsiDecoder
from rich.console import Console

from tests.model_server.process import ROOT, served

_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
_TO_GO = re.compile(r"to go\s+about (\S.*?) \((\S.*?) – (\S.*?)\)")
_UNITS = {"s": 1, "min": 60, "h": 3600, "days": 86400}
SVG = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>The live view of a run in a terminal</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-family: system-ui, sans-serif; font-size: 18px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g></g></svg>
"""
"""As rich's own, without its fonts: those are loaded over the network."""


@dataclass(frozen=True)
class Look:
    """A terminal at one moment."""

    seconds: float
    text: str
    coloured: str


class Terminal:
    """A shell under tmux, on a server of its own."""

    def __init__(self, columns: int, rows: int, folder: Path) -> None:
        self._socket = str(folder / f"tmux{time.monotonic_ns()}")
        shell = "env PS1='$ ' bash --norc --noprofile"
        self._tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), shell)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._tmux("kill-server")

    def type(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def looks(self) -> tuple[str, str]:
        plain = self._tmux("capture-pane", "-p").rstrip("\n")
        return plain, self._tmux("capture-pane", "-e", "-p").rstrip("\n")

    def cursor(self) -> str:
        return "shown" if self._tmux("display-message", "-p", "#{cursor_flag}").strip() == "1" else "hidden"

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-S", self._socket, "-f", os.devnull, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def recorded(
    columns: int, rows: int, folder: Path, flags: list[str], *, interrupt: int | None = None
) -> tuple[list[Look], str]:
    """A run under tmux, looked at every 2 seconds until it ends; Ctrl-C at look `interrupt`.

    Returns the looks and the modes of the terminal afterwards.
    """
    # Names of folders stay short and the same wherever this runs.
    command = " ".join(
        [
            "cd",
            shlex.quote(str(folder)),
            ";",
            f"PYTHONPATH={shlex.quote(str(ROOT))}",
            "RAY_AUTH_MODE=disabled",
            shlex.quote(sys.executable),
            shlex.quote(str(ROOT / "jobs" / "synthesize.py")),
            *map(shlex.quote, flags),
            "; echo status $?; stty -a > after",
        ]
    )
    (folder / "run.sh").write_text(f"clear\nstty -a > {folder}/before\n{command}\n")
    looks: list[Look] = []
    with Terminal(columns, rows, folder) as terminal:
        terminal.type(f". {folder}/run.sh", "Enter")
        begun = time.monotonic()
        while time.monotonic() - begun < 1800:
            time.sleep(2)
            text, coloured = (_without(f"{folder}/", look) for look in terminal.looks())
            looks.append(Look(time.monotonic() - begun, text, coloured))
            if re.search(r"^status \d+$", text, re.M):
                break
            live = sum("to go  " in look.text for look in looks)
            if interrupt is not None and live == interrupt:
                terminal.type("C-c")
                interrupt = None
        time.sleep(1)
        same = (folder / "before").read_text() == (folder / "after").read_text()
        return looks, f"modes {'as before' if same else '**changed**'}, cursor {terminal.cursor()}"


def _without(folder: str, look: str) -> str:
    """A capture as it would be in the folder itself: whoever looks at it has no use for where that was."""
    lines = []
    for line in look.splitlines():
        short = line.replace(folder, "")
        at = short.find("running ")
        lines.append(short if at < 0 else short[:at].ljust(at + len(line) - len(short)) + short[at:])
    return "\n".join(lines)


def middle(looks: list[Look]) -> Look:
    """When half of the view's time was over."""
    live = [look for look in looks if "to go  " in look.text]
    return live[len(live) * 11 // 20]


def picture(look: Look, columns: int, path: Path) -> None:
    console = Console(record=True, width=columns, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    for line in AnsiDecoder().decode(look.coloured):  # a style lasts beyond its line, as tmux writes it
        console.print(line, no_wrap=True, crop=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    title = "jobs/synthesize.py while it runs"
    path.write_text(console.export_svg(title=title, code_format=SVG, unique_id="live"), encoding="utf-8")


def forecasts(looks: list[Look]) -> str:
    """How many of the intervals that were shown held the end as it came."""
    live = [look for look in looks if "to go  " in look.text]
    end = next((look.seconds for look in looks if "publish:" in look.text), live[-1].seconds)
    told = [(look.seconds, found) for look in live if (found := _TO_GO.search(look.text))]
    held = sum(_seconds(f[2], low=True) <= end - at <= _seconds(f[3], low=False) for at, f in told)
    return f"{held} of {len(told)}"


def _seconds(words: str, *, low: bool) -> float:
    """A time as it was shown, at the end of what its rounding allows."""
    parts = words.split()
    total = sum(float(number) * _UNITS[unit] for number, unit in zip(parts[::2], parts[1::2], strict=True))
    half = _UNITS[parts[-1]] * (0.05 if "." in parts[-2] else 0.5) + 2  # and the 2 seconds between two looks
    return total - half if low else total + half


def piped(folder: Path, flags: list[str]) -> bytes:
    """Both streams of a run into a file."""
    command = [sys.executable, str(ROOT / "jobs" / "synthesize.py"), *flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "disabled"}
    with open(folder / "log", "wb") as log:
        subprocess.run(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, env=environment, check=True)
    return (folder / "log").read_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--into", type=Path, default=ROOT / "benchmarks/results/live")
    parser.add_argument("--picture", type=Path, default=ROOT / "docs/tour/live.svg")
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--models-limit", type=int, default=150)
    parser.add_argument("--cpus", type=int, default=2)
    parts = ("builtin", "models", "ctrl-c", "piped")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    print("| run | intervals of *to go* that held the end | terminal afterwards |\n|---|---|---|")

    def tell(row: str) -> None:
        print(row, flush=True)

    def keep(name: str, text: str) -> None:
        (given.into / f"{name}.txt").write_text(text + "\n", encoding="utf-8")

    data = os.environ.get("CODESEQ_TEST_DATA")
    builtin = ["--limit", str(given.limit), "--local-cpus", str(given.cpus)]
    if data:
        builtin += ["--input", str(Path(data).resolve())]
    weather = ("--slots", "48", "--busy", "0.05", "--error", "0.02", "--replicas", "2", "--median", "2")
    able = ("--skill-keeps", "0.9", "--skill-validations", "0.95", "--skill-corrections", "0.7")
    control = 0
    with tempfile.TemporaryDirectory(prefix="live") as temporary:
        folder = Path(temporary)
        if "builtin" in given.only:
            looks, modes = recorded(80, 24, folder, ["--run-id", "builtin", *builtin])
            keep("builtin-80x24", middle(looks).text)
            keep("builtin-80x24-end", looks[-1].text)
            tell(f"| built-in agents, 80 × 24 | {forecasts(looks)} | {modes} |")
        with served(folder / "asked.jsonl", "--latency", "lognormal", *weather, *able) as server:
            flags = ["--local-cpus", str(given.cpus), "--limit", str(given.models_limit), *server.flags]
            if "models" in given.only:
                looks, modes = recorded(200, 50, folder, ["--run-id", "models", *flags])
                keep("models-200x50", middle(looks).text)
                tell(f"| models, 200 × 50 | {forecasts(looks)} | {modes} |")
            if "ctrl-c" in given.only:
                again = ["--run-id", "ended", "--no-answer-cache", *flags]
                looks, modes = recorded(80, 24, folder, again, interrupt=18)
                ending = [look for look in looks if "ending  " in look.text]
                keep("models-80x24-ctrl-c", ending[len(ending) // 2].text if ending else looks[-1].text)
                keep("models-80x24-ctrl-c-end", looks[-1].text)
                before = [look for look in looks if "to go  " in look.text and look not in ending]
                picture(before[-1], 80, given.picture)
                tell(f"| models, 80 × 24, Ctrl-C once | – | {modes} |")
        if "piped" in given.only:
            log = piped(folder, ["--run-id", "piped", "--log-seconds", "10", *builtin])
            lines = log.decode().replace(f"{folder}/", "").splitlines()
            loops = [line for line in lines if line.startswith("loops: ")]
            keep("piped", "\n".join(lines[: 4 + len(loops)]))
            control = len(_CONTROL.findall(log))
            tell(f"| built-in agents into a file: {len(loops)} lines, {control} control characters | – | – |")
    return 0 if not control else 1


if __name__ == "__main__":
    sys.exit(main())
