"""A mix of a million general rows: peak memory of all processes together, time, exact ratio, the same bytes again.

    python -m benchmarks.mixing --work FOLDER --release RUN [--general-rows 1000000] [--codeseq-rows 50000]

Makes the inputs in FOLDER (once), then runs jobs/mix.py twice with one seed, the second time with the general files
in another order and on one CPU, once with another seed, once at 15:1; and the mix in a few lines of pandas.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
GENERAL = pa.schema([("id", pa.string()), ("messages", MESSAGES), ("source", pa.string())])
SOURCES = (
    *["ai2-adapt-dev/tulu_v3.9_wildchat_100k"] * 4,
    *["ai2-adapt-dev/flan_v2_converted"] * 3,
    *["ai2-adapt-dev/personahub_ifdata_manual_seed_v3_29980"] * 2,
    "ai2-adapt-dev/oasst1_converted",
    "ai2-adapt-dev/evol_codealpaca_heval_decontaminated",
    "ai2-adapt-dev/personahub_math_v5_regen_149960",
)
_ENGLISH = (
    "the of and to a in that it is with are this from you for your not which can be they as on have what how"
)
_GERMAN = (
    "der die und ist nicht das ein mit auf den sich von dem im zu für wird eine auch es an werden aus er"
)
ENGLISH, OTHER = _ENGLISH.split(), _GERMAN.split()
FILES = 8
EVAL_TEXTS, PLANTED = 500, 40
LOOK_SECONDS = 1.0


# --------------------------------------------------------------------------------------------------- inputs


def make_inputs(work: Path, release: Path, general_rows: int, codeseq_rows: int) -> None:
    """General rows as 6 Parquet and 2 JSON Lines files, a release with so many sft rows, an evaluation set."""
    mark = work / "made.json"
    wanted = {"general": general_rows, "codeseq": codeseq_rows}
    if mark.exists() and json.loads(mark.read_text()) == wanted:
        return
    shutil.rmtree(work, ignore_errors=True)
    (work / "general").mkdir(parents=True)
    rng = np.random.default_rng(7)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    vocabulary = ["".join(rng.choice(letters, rng.integers(3, 10))) for _ in range(20_000)]
    texts = [_prose(rng, ENGLISH, vocabulary, 60) for _ in range(EVAL_TEXTS)]
    (work / "eval.jsonl").write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts))
    per_file = -(-general_rows // FILES)
    for number in range(FILES):
        rows = _general_rows(
            rng, vocabulary, texts, number * per_file, min(general_rows, (number + 1) * per_file)
        )
        if number < FILES - 2:
            _parquet(work / "general" / f"part-{number}.parquet", rows)
        else:
            with open(work / "general" / f"part-{number}.jsonl", "w") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
    _make_release(work / "release", release, codeseq_rows)
    mark.write_text(json.dumps(wanted))


def _prose(rng: np.random.Generator, common: list[str], vocabulary: list[str], words: int) -> str:
    """Words of which every third is a common one; the others are drawn with a long tail."""
    rare = np.minimum(rng.zipf(1.2, words), len(vocabulary)) - 1
    often = rng.integers(0, len(common), words)
    which = rng.random(words) < 0.35
    return " ".join(
        common[o] if w else vocabulary[r]
        for o, r, w in zip(often.tolist(), rare.tolist(), which.tolist(), strict=True)
    )


def _general_rows(
    rng: np.random.Generator, vocabulary: list[str], planted: list[str], first: int, end: int
) -> Iterator[dict[str, Any]]:
    """1.6 kB each in the mean; 3 % in another language, 0.5 % twice, 0.1 % malformed, a few with a planted text."""
    before: dict[str, Any] | None = None
    for number in range(first, end):
        chance = rng.random()
        if chance < 0.005 and before is not None:
            yield {**before, "id": f"general-{number}"}
            continue
        common = OTHER if chance > 0.97 else ENGLISH
        sizes = np.clip(rng.lognormal((3.4, 5.0), 0.6), 6, 2000).astype(int)
        asked, answered = (_prose(rng, common, vocabulary, int(size)) for size in sizes)
        if number % max(1, end // (PLANTED // FILES + 1)) == 17:
            answered += " " + planted[number % len(planted)]
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
        if 0.005 < chance < 0.006:
            turns = turns[:1]
        before = {"id": f"general-{number}", "messages": turns, "source": SOURCES[number % len(SOURCES)]}
        yield before


def _parquet(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    with pq.ParquetWriter(path, GENERAL, compression="zstd") as writer:
        waiting: list[dict[str, Any]] = []
        for row in rows:
            waiting.append(row)
            if len(waiting) == 1000:
                writer.write_table(pa.Table.from_pylist(waiting, schema=GENERAL))
                waiting = []
        writer.write_table(pa.Table.from_pylist(waiting, schema=GENERAL))


def _make_release(folder: Path, model: Path, rows: int) -> None:
    """A real release whose sft rows are repeated, each time with another number in the problem."""
    shutil.copytree(model, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    names = [name for name in manifest["files"] if name.startswith("data/sft/")]
    kind = pq.read_schema(folder / names[0])
    real = [row for name in names for row in pq.read_table(folder / name).to_pylist()]
    for name in names:
        (folder / name).unlink()
        del manifest["files"][name]
    total = -(-rows // 5000)
    for number in range(total):
        made = []
        for at in range(number * 5000, min(rows, (number + 1) * 5000)):
            row = real[at % len(real)]
            user, *others = row["messages"]
            user = {**user, "content": f"Task {at}.\n\n{user['content']}"}
            made.append({**row, "problem_id": f"{row['problem_id']}-{at}", "messages": [user, *others]})
        name = f"data/sft/train-{number:05d}-of-{total:05d}.parquet"
        pq.write_table(pa.Table.from_pylist(made, schema=kind), folder / name, compression="zstd")
        body = (folder / name).read_bytes()
        digest = hashlib.sha256(body).hexdigest()
        manifest["files"][name] = {"bytes": len(body), "sha256": digest, "rows": len(made)}
    (folder / "manifest.json").write_text(json.dumps(manifest))


# -------------------------------------------------------------------------------------------------- measuring


@dataclass
class Measured:
    seconds: float
    peak_mib: float
    """Of all processes at one moment: private and file pages by share (PSS), and the object store's pages."""
    at_peak: dict[str, float]
    exit_code: int
    output: str


def measure(command: list[str], environment: dict[str, str] | None = None) -> Measured:
    begun = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    peak: dict[str, float] = {}
    stop = threading.Event()

    def look() -> None:
        nonlocal peak
        while not stop.wait(LOOK_SECONDS):
            now = _memory(process.pid)
            if sum(now.values()) > sum(peak.values()):
                peak = now

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    output, _ = process.communicate()
    seconds = time.monotonic() - begun
    stop.set()
    watcher.join()
    return Measured(seconds, sum(peak.values()), peak, process.returncode, output)


def _memory(root: int) -> dict[str, float]:
    """MiB by what a process is; the object store's file counts once, by its pages."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            parents[int(entry)] = int(text[text.rindex(")") + 2 :].split()[1])
    tree = {root}
    while new := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= new
    found: dict[str, float] = {}
    stores: dict[tuple[int, int], float] = {}
    for pid in tree:
        try:
            words = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
            lines = Path("/proc", str(pid), "smaps_rollup").read_text().splitlines()
            for link in Path("/proc", str(pid), "fd").iterdir():
                if os.readlink(link).startswith("/dev/shm/"):
                    status = link.stat()
                    stores[status.st_dev, status.st_ino] = status.st_blocks * 512 / 2**20
        except OSError:
            continue
        pages = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
        role = "driver" if pid == root else _role(words)
        found[role] = found.get(role, 0.0) + (pages["Pss"] - pages["Pss_Shmem"]) / 1024
    found["object store"] = sum(stores.values())
    return found


def _role(words: str) -> str:
    for mark, role in (("gcs_server", "gcs"), ("raylet", "raylet"), ("ray::", "workers")):
        if mark in words.split("/site-packages/")[-1]:
            return role
    return "Ray's agents"


# --------------------------------------------------------------------------------------------------- runs


def mix(work: Path, name: str, *more: str, general: Path | None = None) -> Measured:
    output = work / name
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "jobs/mix.py", "--codeseq", str(work / "release"), "--output", str(output)]
    command += ["--general", str(general or work / "general"), "--against", str(work / "eval.jsonl"), *more]
    measured = measure(command, {**os.environ, "TMPDIR": str(work)})
    print(f"\n{name}: {measured.seconds:.0f} s, peak {measured.peak_mib:.0f} MiB {measured.at_peak}")
    print(measured.output)
    if measured.exit_code:
        raise SystemExit(f"{name} ended with {measured.exit_code}")
    return measured


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def ratio_of(folder: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    for path in sorted((folder / "data").glob("*.parquet")):
        for origin in pq.read_table(path, columns=["origin"])["origin"].to_pylist():
            counts[origin] = counts.get(origin, 0) + 1
    return counts


NAIVE = """
import sys, glob, pandas as pd
work = sys.argv[1]
parts = [pd.read_parquet(p) for p in sorted(glob.glob(work + "/general/*.parquet"))]
parts += [pd.read_json(p, lines=True) for p in sorted(glob.glob(work + "/general/*.jsonl"))]
general = pd.concat(parts)
general = general[general.messages.map(lambda m: len(m) > 1 and m[-1]["role"] == "assistant")]
general = general[~general.source.str.contains("codealpaca|math")]
general["text"] = general.messages.map(lambda m: " ".join(t["content"] for t in m))
general = general.drop_duplicates("text").drop(columns="text")
ours = pd.concat([pd.read_parquet(p) for p in sorted(glob.glob(work + "/release/data/sft/*.parquet"))])
n = min(len(general) // 5, len(ours))
mixed = pd.concat([general.sample(5 * n, random_state=0), ours.sample(n, random_state=0)])
mixed.sample(frac=1, random_state=0).to_parquet(work + "/naive.parquet")
print(len(mixed))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--release", type=Path, required=True, help="a real release to repeat rows of")
    parser.add_argument("--general-rows", type=int, default=1_000_000)
    parser.add_argument("--codeseq-rows", type=int, default=50_000)
    parser.add_argument("--only", default="first,again,other,all,naive", help="runs to make, commas between")
    args = parser.parse_args()
    make_inputs(args.work, args.release, args.general_rows, args.codeseq_rows)
    only = args.only.split(",")
    if "first" in only:
        mix(args.work, "first")
        print(ratio_of(args.work / "first"))
    if "again" in only:
        renamed = args.work / "renamed"
        shutil.rmtree(renamed, ignore_errors=True)
        renamed.mkdir()
        for number, path in enumerate(sorted((args.work / "general").iterdir(), reverse=True)):
            (renamed / f"{number}{path.suffix}").symlink_to(path.resolve())
        mix(args.work, "again", "--local-cpus", "1", general=renamed)
        print("same bytes:", digests(args.work / "first") == digests(args.work / "again"))
    if "other" in only:
        mix(args.work, "other", "--seed", "1")
        one, other = digests(args.work / "first"), digests(args.work / "other")
        same = [name for name in one if other.get(name) == one[name]]
        print("files that another seed leaves as they are:", same)
    if "all" in only:  # nearly every general row goes through to the end
        mix(args.work, "all", "--ratio", "15:1")
        print(ratio_of(args.work / "all"))
    if "naive" in only:
        naive = measure([sys.executable, "-c", NAIVE, str(args.work)])
        print(f"\nnaive: {naive.seconds:.0f} s, peak {naive.peak_mib:.0f} MiB\n{naive.output}")


if __name__ == "__main__":
    main()
