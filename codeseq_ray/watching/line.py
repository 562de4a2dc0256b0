"""A run at one moment as one line, for job logs."""

from __future__ import annotations

from codeseq_ray.watching.plain import plain
from codeseq_ray.watching.snapshot import Snapshot, backlog_words, clock, duration, per, replies_words, to_go
from codeseq_ray.watching.standing import Serving


def line(now: Snapshot) -> str:
    """The same figures as the live view, without control characters or line breaks."""
    standing = now.standing
    counts = ", ".join(f"{n:,} {word}" for n, word in zip(now.counts, now.words.outcomes, strict=True))
    places = ", ".join(f"{at:,} {stage}" for stage, at, _, _ in now.stages if at)
    open_ = f"{standing.open:,} {now.words.things} open"
    parts = [
        f"{now.words.work}: {now.done:,} of {now.total:,} ({counts}; {open_}{f': {places}' if places else ''}), "
        f"{per(now.history.rate('done'))}, to go: {to_go(now.eta)}"
    ]
    if standing.spent.requests:
        each = now.tokens_per_row
        parts.append(
            f"{standing.spent.tokens:,} tokens paid for in {standing.spent.requests:,} requests"
            + (f", {each:,.0f} per {now.words.row}" if each is not None else "")
        )
    if standing.servers:
        parts.append(f"models: {_servers(now)}")
    if standing.runs:
        waits = backlog_words(standing.backlog)
        parts.append(
            f"sandbox: {standing.runs:,} runs, {per(now.history.rate('runs'))}"
            + (f", waiting: {waits}" if waits else "")
        )
    if standing.last:
        last = standing.last[-1]
        parts.append(f"last: {last.sequence_id} {last.reason} ({last.stage})")
    if now.ending is not None:
        parts.append(f"ending ({now.ending.reason}): {ending_words(now)}")
    parts.append(f"running {clock(now.seconds)}")
    return plain("; ".join(parts))


def ending_words(now: Snapshot) -> str:
    """What a run that was told to stop still does."""
    assert now.ending is not None
    if now.ending.seconds > 0 and now.standing.open:
        return f"{now.standing.open:,} open have {duration(now.ending.seconds)} to end"
    return "storing what is done"


def _servers(now: Snapshot) -> str:
    """By role: requests in flight of those allowed, servers that are down, what went wrong, who waits."""
    roles: dict[str, list[Serving]] = {}
    for (role, _), serving in now.standing.servers.items():
        roles.setdefault(role, []).append(serving)
    parts = []
    for role, servings in roles.items():
        both = sum(servings, Serving())
        words = [f"{role} {both.in_flight:,}/{both.limit:,} in flight"]
        if down := sum(one.up < one.clients for one in servings):
            words.append(f"{down} of {len(servings)} servers down")
        if both.errors:
            words.append(f"{both.errors:,} errors ({replies_words(both.replies)})")
        if waiting := now.standing.waiting_for(role):
            words.append(f"{waiting:,} waiting")
        parts.append(", ".join(words))
    return "; ".join(parts)
