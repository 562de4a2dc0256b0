"""The table of all deaths and faults, and what each figure means."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HEAD = """# Crashes and faults

`python -m benchmarks.faults`: `jobs/synthesize.py --agents llm` on {limit} sequences of the bundled sample, on a
real Ray (`ray.cluster_utils.Cluster`) and, but for *disk full*, on a real S3 server (SeaweedFS), with stand-ins for
the models that answer by what they are asked alone. Each run is killed or hindered once, started again where it needs
it until it ends, and weighed against the same work undisturbed (one sequence at a time, {calls} model calls).

{machine}{remark}

{verdict}

Crash points: SIGKILL to the process that comes by (`docs/design/ledger.md` says what each place is).

{crashes}

Faults: what machines, networks and people do.

{strikes}

{notes}- **lost**: sequences in scope without the undisturbed run's outcome at the end, outcomes acknowledged
  before the death that are gone or different at the end, and records that cannot be read.
- **doubled**: rows of a published config whose sequence has another row there. *Extra* are rows of the ledger beyond
  one for each attempt: allowed, and told for information.
- **asked twice**: answers of the model server over all starts, less those of the undisturbed run. **Bound**: answers
  that belong to no acknowledged record and are not in the response cache at the moment of death, read from the store
  and the server's log; 0 where nobody's memory is lost.
- **same release**: all files of the release (data, card, manifest) are byte for byte those of the undisturbed run.
- **on after**: seconds from the death (an actor, a node, a server) or from the next start (a driver) to the next
  outcome in the ledger; median. These are wall times of a busy machine: read them as orders of magnitude. "-": all
  outcomes were there.
{soak}"""


JSON = Path("faults.json")


def read(file: Path) -> dict[str, Any]:
    """What was measured so far."""
    if not file.exists():
        return {"limit": 0, "calls": 0, "machine": "", "rows": []}
    results: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return results


def write(file: Path, table: Path | None, results: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if table is not None:
        table.write_text(markdown(results), encoding="utf-8")


def machine() -> str:
    return (
        f"{platform.system()} {platform.release()}, {os.cpu_count()} cores shared with other work, 24 GiB, Python "
        f"{platform.python_version()}, Ray {_version('ray')}. Load average at the end: {os.getloadavg()[1]:.0f}."
    )


def _version(name: str) -> str:
    from importlib.metadata import version

    return version(name)


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    """One line for each place, over its repeats."""
    lines = [
        "| place | repeats | done then | lost | doubled | extra | asked twice | bound | same release | on after, s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|---:|",
    ]
    places: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        places.setdefault(row["what"], []).append(row)
    for what, some in places.items():
        struck = [row for row in some if row["struck"]]
        if not struck:
            lines.append(f"| `{what}` | 0 of {len(some)} | | | | | | | | |")
            continue

        def span(name: str, of: list[Mapping[str, Any]] = struck) -> str:
            low, high = (pick(row[name] for row in of) for pick in (min, max))
            return str(low) if low == high else f"{low}–{high}"

        after = [row["seconds_to_go_on"] for row in struck if row["seconds_to_go_on"] is not None]
        same = sum(row["same_release"] for row in struck)
        count = str(len(some)) if len(some) == len(struck) else f"{len(struck)} of {len(some)}"
        lines.append(
            f"| {what} | {count} | {span('acknowledged')} | {span('lost')} | {span('duplicated')} "
            f"| {span('extra_rows')} | {span('repeated')} | {span('bound')} "
            f"| {'yes' if same == len(struck) else f'**{same} of {len(struck)}**'} "
            f"| {f'{statistics.median(after):.0f}' if after else '-'} |"
        )
    return "\n".join(lines)


def verdict(rows: list[Mapping[str, Any]]) -> str:
    struck = [row for row in rows if row["struck"]]
    wrong = [row for row in struck if not row["right"]]
    words = (
        f"{len(struck)} deaths and faults at {len({row['what'] for row in struck})} places:\nlost "
        f"{sum(row['lost'] for row in struck)}, doubled {sum(row['duplicated'] for row in struck)}, asked twice "
        f"{sum(row['repeated'] for row in struck)} of at most {sum(row['bound'] for row in struck)};\n"
        f"the release was the undisturbed one's {sum(row['same_release'] for row in struck)} times."
    )
    return (
        words
        if not wrong
        else words
        + f"\n**{len(wrong)} are not as they must be**: "
        + "; ".join(f"{row['what']} (repeat {row['repeat']})" for row in wrong)
    )


def markdown(results: Mapping[str, Any]) -> str:
    rows = results["rows"]
    crashes = [row for row in rows if row["kind"] == "crash"]
    strikes = [row for row in rows if row["kind"] == "fault"]
    said = dict.fromkeys(
        f"- {row['what']}: {' '.join(note.split()).rstrip('.')}."
        for row in rows
        if row["kind"] == "fault" and row["repeat"] == 0
        for note in row["notes"]
    )
    return HEAD.format(
        limit=results["limit"],
        calls=results["calls"],
        machine=results["machine"],
        remark=f"\n\n{results['remark']}" if "remark" in results else "",
        verdict=verdict(rows),
        crashes=table(crashes),
        strikes=table(strikes),
        soak=soaked(results["soak"]) if "soak" in results else "",
        notes="What the first repeats said:\n\n" + "\n".join(said) + "\n\n" if said else "",
    )


def soaked(result: Mapping[str, Any]) -> str:
    struck = ", ".join(f"{count} × {what}" for what, count in result["struck"].items())
    same = "byte for byte the same release" if result["same_release"] else "**another release**"
    ended = "" if result["ended_by_itself"] else " **It did not come to its end in the time that it had.**"
    return f"""
## Steady fire

`python -m benchmarks.faults soak --records {result["records"]}` (seed {result["seed"]}): the same work twice,
in peace ({result["calm_seconds"]} s) and under fire ({result["stormy_seconds"]} s, {result["starts"]} starts).
Struck: {struck}.

{same[0].upper()}{same[1:]}; lost {result["lost"]}, doubled {result["duplicated"]};
asked twice {result["repeated"]} of {result["calls"]} model calls.{ended}
"""
