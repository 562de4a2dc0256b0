"""What `jobs/show.py` prints: records by A-number, records drawn, or the table of reasons."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from codeseq_ray.records import Rollout, SequenceRecord
from codeseq_ray.telling import counting
from codeseq_ray.telling.absent import why_absent
from codeseq_ray.telling.lines import Line, Lines
from codeseq_ray.telling.reading import Seen, Told
from codeseq_ray.telling.record import whole
from codeseq_ray.telling.rollouts import rollouts
from codeseq_ray.telling.screen import Screen
from codeseq_ray.telling.settings import ShowingSettings, a_number, sample_of

Say = Callable[[str], None]
"""Takes a line that is not what was asked for: there is no such record."""


def show(seen: Seen, settings: ShowingSettings, screen: Screen, say: Say) -> bool:
    """Print what the settings ask for; False when there was nothing of it at all."""
    if settings.reasons:
        counted = counting.count(seen, settings.records, settings.seed)
        if settings.json_lines:
            screen.write(map(_json, _groups(counted)))
        else:
            screen.show(counting.table(seen, counted))
        return True
    found = _drawn(seen, settings, say) if settings.sample is not None else _asked(seen, settings, say)
    shown = False
    # Rollouts of one problem are told together.
    for _, records in groupby(
        found, key=lambda one: one.sequence_id if isinstance(one, Rollout) else id(one)
    ):
        together = list(records)
        if settings.json_lines:
            screen.write(_json(one.model_dump(mode="json")) for one in together)
        else:
            screen.show(_between() if shown else ())
            screen.show(_told(together, settings))
        shown = True
    return shown


def _told(together: list[Told], settings: ShowingSettings) -> Lines:
    answers = [one for one in together if isinstance(one, Rollout)]
    if answers:
        yield from rollouts(answers, full=settings.full, all_of_it=settings.sample is None)
    for one in together:
        if isinstance(one, SequenceRecord):
            yield from whole(one, full=settings.full)


def _between() -> Iterator[Line]:
    yield Line()
    yield Line()


def _asked(seen: Seen, settings: ShowingSettings, say: Say) -> Iterator[Told]:
    for number in dict.fromkeys(map(a_number, settings.ids)):
        rows = seen.of(number)
        if not rows:
            say(why_absent(seen, number))
            continue
        if number in seen.open_again:
            say(
                f"A{number:06d} was opened again by --retry and has no newer outcome yet: this is the old one."
            )
        yield from seen.records(rows if settings.attempts or seen.holds_rollouts else rows[-1:])


def _drawn(seen: Seen, settings: ShowingSettings, say: Say) -> Iterator[Told]:
    assert settings.sample is not None
    sample = sample_of(settings.sample)
    rows = seen.drawn(sample, settings.seed)
    if len(rows) < sample.count:
        why = f" for {sample.reason}" if sample.reason else ""
        say(f"{seen.run.uri} has {len(rows)} {sample.outcome.value}{why}; --reasons shows what there is.")
    yield from seen.records(sorted(rows, key=lambda row: (int(row.sequence_id[1:]), row.attempt)))


def _groups(counted: counting.Counted) -> Iterable[dict[str, Any]]:
    for group in counted.groups:
        yield group.as_json()
    for reason, (count, example) in counted.dropped.items():
        yield {"outcome": "dropped", "stage": "plan", "reason": reason, "count": count, "example": example}


def _json(value: dict[str, Any]) -> str:
    # ASCII, so that nothing in it acts on a terminal; DEL is the one control character that JSON leaves as it is.
    return json.dumps(value).replace("\x7f", "\\u007f")
