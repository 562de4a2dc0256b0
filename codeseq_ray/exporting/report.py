"""What a person reads when an export is done."""

from __future__ import annotations

from codeseq_ray.exporting.run import LEFT_OUT, OVERLAP, Exported


def closing(exported: Exported) -> str:
    lines = [f"{exported.uri}"]
    width = max(len(file.name) for file in exported.files)
    lines += [f"  {file.name:<{width}}  {file.rows:>9,} rows" for file in exported.files]
    if exported.tokens:
        with_template = (
            "with the chat template" if exported.renders else "of the texts alone: no chat template"
        )
        lines.append(f"tokens of a row, {with_template}")
        for config, quantiles in exported.quantiles().items():
            told = " · ".join(f"{name} {count:,}" for name, count in quantiles.items())
            lines.append(f"  {config:<5} {told}")
    for (config, reason), count in sorted(exported.left_out.items()):
        lines.append(f"left out of {config}: {count:,} {reason} ({LEFT_OUT})")
    told = ", ".join(f"{count:,} in {split}" for split, count in exported.families.counts.items())
    lines.append(f"families: {told}; none in two of them")
    if (overlaps := exported.overlaps) is not None:
        for name, count in overlaps.as_json()["overlapping"].items():
            lines.append(f"overlap with {name}: {count:,} of {len(overlaps.problems):,} problems ({OVERLAP})")
    return "\n".join(lines)
