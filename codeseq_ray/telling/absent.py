"""A sequence of which there is nothing to show: why, and what to do."""

from __future__ import annotations

from codeseq_ray.selection.rules import Drop
from codeseq_ray.telling.reading import Seen
from codeseq_ray.telling.reasons import RULES

_SWITCHES = {
    Drop.TABLE: "--allow-tables keeps such",
    Drop.FINITE: "--allow-finite keeps such",
    Drop.FAMILY_CAP: "a larger --family-cap keeps more",
    Drop.TOO_FEW_TERMS: "--min-terms, or more terms by --more-terms, may let it in",
    Drop.TOO_FEW_VALUES: "a smaller --min-distinct lets it in",
    Drop.TOO_MANY_DIGITS: "a larger --max-digits lets it in",
    **dict.fromkeys(
        (Drop.UNEDITED, Drop.OBSCURE, Drop.WORDS, Drop.HARD, Drop.CONSTANT, Drop.KEYWORD),
        "where a keyword did that, --drop-keywords decides",
    ),
}


def why_absent(seen: Seen, number: int) -> str:
    """One or two sentences for a person who asked for a sequence without an outcome."""
    name = f"A{number:06d}"
    if seen.holds_rollouts:
        asked = "it is none of the problems that were asked, or none of its answers is stored yet"
        return f"{name} has no rollout in this run: {asked}."
    row = seen.planned(number)
    if row is None and not seen.plan_is_whole:
        return f"{name}: the run's plan is not written whole yet. Look again when it has begun its work."
    if row is None:
        return (
            f"{name} is not in the plan: the input of this run has no such entry. Give an --input that has it, under "
            "another --run-id."
        )
    if row.selected:
        limit = (seen.manifest.get("settings") or {}).get("limit")
        drawn = (
            f" (its last start worked on {limit:,} of the selected, --limit)"
            if isinstance(limit, int)
            else ""
        )
        return (
            f"{name} is selected (split {row.split.value}, family {row.family}) and has no outcome yet: not reached, "
            f"or on its way{drawn}. The same command with --run-id {seen.run.run_id} goes on."
        )
    switch = _SWITCHES.get(Drop(row.reason)) if row.reason in set(Drop) else None
    remedy = f"; {switch}, in a run of another --run-id" if switch else ""
    return f"{name} was dropped by the rule {row.reason}: {RULES.get(row.reason, 'no words for it')}{remedy}."
