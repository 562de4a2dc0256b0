"""What actors count, added up over them; and warnings said once."""

from __future__ import annotations

import pickle
import time
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.llm.endpoint import Endpoint
from codeseq_ray.llm.pool import Pool
from codeseq_ray.llm.server import Server
from codeseq_ray.llm.troubles import Kind, Trouble
from codeseq_ray.ports import ChatAnswer
from codeseq_ray.records import Outcome, Reason, Sequence, SequenceRecord, Split, Stage
from codeseq_ray.watching.notices import SAY_AGAIN_SECONDS, Notices
from codeseq_ray.watching.standing import LAST, Serving, Spent, Standing
from codeseq_ray.watching.tally import SHOWN_DETAIL, Tally
from tests.watching.moments import standing

SEQUENCE = Sequence(id="A000045", name="Fibonacci", terms=(0, 1, 1))


def record(outcome: Outcome, reason: str = "", detail: str = "") -> SequenceRecord:
    return SequenceRecord(
        sequence=SEQUENCE,
        split=Split.SFT,
        family="f",
        attempt=1,
        agents="a",
        outcome=outcome,
        stage=Stage.ACCEPTANCE,
        reason=reason,
        detail=detail,
    )


def test_a_tally_counts_outcomes_stages_replies_and_runs() -> None:
    tally = Tally()
    with tally.following() as moved:
        for stage in (Stage.CASES, Stage.PROBLEM, Stage.PROBLEM, Stage.PROGRAM):
            moved(stage)
        with tally.following() as other:
            other(Stage.PROBLEM)
            within = tally.standing(Spent(), open_rows=2, idle=False)
    tally.ended(record(Outcome.ACCEPTED))
    tally.ended(record(Outcome.REJECTED, Reason.LOOKUP_TABLE, "x" * 10_000))
    tally.ended(record(Outcome.FAILED, Reason.INTERNAL_ERROR, "Traceback\n" + "y" * 999 + "ValueError: end"))
    tally.replied("generator", "http://a/v1", ChatAnswer("t", "stop", "m", 1, 1))
    tally.replied("generator", "http://a/v1", Trouble(Kind.BUSY, "later"))
    after = tally.standing(Spent(3, 2), open_rows=0, idle=True)
    assert within.at == {"program": 1, "problem": 1}
    assert not after.at
    assert after.entered == {"cases": 1, "problem": 2, "program": 1}
    assert after.outcomes == {
        ("accepted", "", ""): 1,
        ("rejected", "acceptance", "lookup_table"): 1,
        ("failed", "acceptance", "internal_error"): 1,
    }
    assert [len(ended.detail) for ended in after.last] == [SHOWN_DETAIL, SHOWN_DETAIL]
    assert after.last[-1].detail.endswith("ValueError: end")
    assert after.of("rejected") == 1
    assert after.reasons == {("acceptance", "lookup_table"): 1, ("acceptance", "internal_error"): 1}


def test_a_server_of_two_roles_stands_once_with_the_replies_of_both() -> None:
    url, other = "http://shared:8000/v1", "http://alone:8000/v1"
    shared, alone = Server(Endpoint(url), in_flight=8), Server(Endpoint(other), in_flight=4)
    tally = Tally()
    tally.pools += [Pool("generator", [shared, alone]), Pool("verifier", [shared])]
    shared.take()
    for role in ("generator", "verifier"):
        tally.replied(role, url, Trouble(Kind.BUSY, "later"))
    told = tally.standing(Spent(), open_rows=0, idle=True)
    assert told.servers == {
        ("generator+verifier", url): Serving(1, 8, 1, 1, Counter(busy=2)),
        ("generator", other): Serving(0, 4, 1, 1, Counter()),
    }
    assert Standing(waiting=Counter(generator=2, verifier=1)).waiting_for("generator+verifier") == 3


def test_what_was_told_does_not_change_with_what_is_counted_later() -> None:
    tally = Tally()
    told = tally.standing(Spent(), open_rows=0, idle=True)
    tally.ended(record(Outcome.REJECTED, "r"))
    with tally.following() as moved:
        moved(Stage.PROBLEM)
    assert told == Standing()


def test_standings_add_up_and_those_of_the_dead_keep_what_they_did() -> None:
    one, two = standing(), standing(idle=True)
    both = one + two + Standing()
    assert both.spent.tokens == 2 * one.spent.tokens
    assert both.outcomes == one.outcomes + two.outcomes
    assert both.servers["generator", "http://two:8000/v1"] == Serving(0, 128, 2, 0, Counter(connection=10))
    assert len(both.last) == LAST
    assert both.waiting == {"generator": 14}
    assert not both.idle
    dead = one.gone()
    assert (dead.open, dead.at, dead.waiting, dead.backlog, dead.idle) == (0, {}, {}, {}, True)
    assert dead.servers["generator", "http://one:8000/v1"] == Serving(
        0, 0, 0, 0, Counter(answered=700, busy=3)
    )
    assert dead.outcomes == one.outcomes


def test_telling_takes_a_small_part_of_an_actors_second() -> None:
    """Once a second; counted in CPU, with as much to count as an actor at its end of speed has."""
    tally = Tally()
    answer, trouble = ChatAnswer("t", "stop", "m", 1, 1), Trouble(Kind.BUSY, "later")
    records = [record(Outcome.REJECTED, f"reason {k}", "x" * 500) for k in range(63)]
    begun = time.process_time()
    for second in range(20):
        for k in range(250):
            tally.replied("generator", f"http://host:{k % 8}/v1", answer if second + k else trouble)
        for each in records:
            with tally.following() as moved:
                for stage in Stage:
                    moved(stage)
            tally.ended(each)
        told = pickle.dumps(tally.standing(Spent(), open_rows=256, idle=False))
    used = (time.process_time() - begun) / 20
    assert used < 0.05, f"{used:.4f} CPU seconds for a second's counting"
    assert len(told) < 20_000


def test_a_warning_is_said_once_and_counted() -> None:
    notices = Notices()
    line = "http://one:8000/v1 has been down for 31 s (no connection)"
    assert notices.heard(line, 0.0) == line
    assert notices.heard(line.replace("31 s", "32 s"), 1.0) is None
    assert notices.heard(line.replace("31 s", "9 min"), 2.0) is not None, "other words"
    assert notices.heard(line.replace("one:8000", "one:8001"), 3.0) is not None, "another server"
    assert notices.counts[line] == 2
    again = notices.heard(line.replace("31 s", "700 s"), SAY_AGAIN_SECONDS)
    assert again is not None
    assert "(1 more like it since" in again
    assert notices.repeated() == []
    notices.heard(line, SAY_AGAIN_SECONDS + 1)
    assert notices.repeated() == [f"1 more like: {line}"]


@given(st.lists(st.tuples(st.sampled_from(["a 1", "a 2", "b"]), st.floats(0, 1000)), max_size=50))
def test_every_warning_is_either_said_or_counted(heard: list[tuple[str, float]]) -> None:
    notices, now = Notices(), 0.0
    for line, later in heard:
        now += later
        notices.heard(line, now)
    assert notices.counts.total() == len(heard)


def test_a_level_that_cannot_be_read_keeps_no_actor_from_telling_the_rest() -> None:
    tally = Tally()
    tally.ended(record(Outcome.ACCEPTED, ""))
    tally.backlogs["fit"] = lambda: 1 // 0
    told = tally.standing(Spent(3, 1), open_rows=2, idle=False)
    assert (told.open, told.spent.tokens, told.outcomes.total()) == (2, 3, 1)
    assert not told.backlog


def test_a_request_that_its_sender_gave_up_is_no_error_of_the_server() -> None:
    replies = Counter({"answered": 4, "given_up": 3, "busy": 2})
    assert Serving(0, 8, 1, 1, replies).errors == 2
