"""The S3 store against a real server on its bad days: nothing lost, nothing doubled, no wrong bytes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from synthetic import record

from codeseq_ray.errors import StoreError
from codeseq_ray.store import patient
from codeseq_ray.store.conditions import require_conditional_puts
from codeseq_ray.store.ledger import LedgerWriter, read_ledger, read_record
from codeseq_ray.store.local_s3 import LocalS3
from codeseq_ray.store.objects import put_once
from codeseq_ray.store.patient import PatientStore
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.s3 import ATTEMPTS, S3Store
from tests.s3_proxy import S3Proxy, Trouble

ON_WRITES = [
    Trouble.DELAY,
    Trouble.BUSY,
    Trouble.FAILED,
    Trouble.FAILED_AFTER,
    Trouble.UNREACHED,
    Trouble.UNANSWERED,
    Trouble.FLIPPED_REQUEST,
]
ON_READS = [
    Trouble.DELAY,
    Trouble.BUSY,
    Trouble.FAILED,
    Trouble.UNREACHED,
    Trouble.UNANSWERED,
    Trouble.CUT,
    Trouble.FLIPPED_ANSWER,
]
ON_LISTINGS = [trouble for trouble in ON_READS if trouble is not Trouble.FLIPPED_ANSWER]
LONG = 2 * ATTEMPTS + 1
"""Tries that fail: more than the client makes by itself, twice."""


@pytest.fixture
def proxy(s3_server: LocalS3, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    upstream = s3_server.environment["AWS_ENDPOINT_URL"]
    with S3Proxy(upstream, delay_seconds=0.2) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        monkeypatch.setattr(patient, "FIRST_PAUSE", 0.05)
        yield proxy


@pytest.fixture
def s3(proxy: S3Proxy, tmp_path: Path) -> S3Store:
    return S3Store("codeseq", tmp_path.name)


@pytest.fixture
def beside(s3: S3Store, s3_server: LocalS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """The same objects without the proxy: what is really there."""
    direct = S3Store("codeseq", tmp_path.name)
    with monkeypatch.context() as context:
        context.setenv("AWS_ENDPOINT_URL", s3_server.environment["AWS_ENDPOINT_URL"])
        direct.check()
        list(direct.list("nothing"))  # its client is made while the address is this
    return direct


def test_signatures_hold_through_the_proxy(s3: S3Store, beside: S3Store, proxy: S3Proxy) -> None:
    s3.check()
    s3.put("a/b=1/c+d@e", b"body")
    assert s3.get("a/b=1/c+d@e") == beside.get("a/b=1/c+d@e") == b"body"
    assert list(s3.list("a/b")) == ["a/b=1/c+d@e"]
    assert proxy.troubles.counts["passed"] == proxy.troubles.counts["requests"] >= 4


@pytest.mark.parametrize("trouble", ON_WRITES)
@pytest.mark.parametrize("times", [1, pytest.param(LONG, marks=pytest.mark.slow)])
def test_a_write_arrives_once_and_whole(
    s3: S3Store, beside: S3Store, proxy: S3Proxy, trouble: Trouble, times: int
) -> None:
    store = PatientStore(s3, 60, lambda _: None)
    for write in (store.put, lambda key, body: put_once(store, key, body)):
        proxy.troubles.command(trouble, times, method="PUT")
        write("k", b"our own body")
        assert beside.get("k") == b"our own body"
        assert [(entry.key, entry.bytes) for entry in beside.entries("")] == [("k", 12)]
        beside.delete("k")
    met = proxy.troubles.counts[trouble]
    assert met == 2 * times or (trouble is Trouble.DELAY and met >= 2)


@pytest.mark.parametrize("trouble", ON_WRITES)
def test_what_another_one_wrote_is_never_taken_for_our_own(
    s3: S3Store, beside: S3Store, proxy: S3Proxy, trouble: Trouble
) -> None:
    beside.put("k", b"their body..")
    proxy.troubles.command(trouble, LONG, method="PUT")
    with pytest.raises(StoreError, match="exists already with other contents"):
        put_once(PatientStore(s3, 60, lambda _: None), "k", b"our own body")
    assert beside.get("k") == b"their body.."


@pytest.mark.parametrize("trouble", ON_READS)
@pytest.mark.parametrize("times", [1, pytest.param(LONG, marks=pytest.mark.slow)])
def test_a_read_gives_the_very_bytes(
    s3: S3Store, beside: S3Store, proxy: S3Proxy, trouble: Trouble, times: int
) -> None:
    body = os.urandom(100_000)
    beside.put("k", body)
    proxy.troubles.command(trouble, times, method="GET")
    assert PatientStore(s3, 60, lambda _: None).get("k") == body
    assert proxy.troubles.counts[trouble] >= 1


@pytest.mark.parametrize("trouble", [t for t in ON_READS if t is not Trouble.DELAY])
def test_without_patience_a_read_that_stays_bad_is_an_error_that_may_pass(
    s3: S3Store, beside: S3Store, proxy: S3Proxy, trouble: Trouble
) -> None:
    beside.put("k", b"body" * 1000)
    proxy.troubles.command(trouble, 10**6, method="GET")
    with pytest.raises(StoreError) as caught:
        s3.get("k")
    assert caught.value.transient


@pytest.mark.parametrize("trouble", ON_LISTINGS)
@pytest.mark.parametrize("times", [1, pytest.param(LONG, marks=pytest.mark.slow)])
def test_a_listing_is_whole(
    s3: S3Store,
    beside: S3Store,
    proxy: S3Proxy,
    trouble: Trouble,
    times: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("codeseq_ray.store.s3.PAGE_KEYS", 5)
    keys = [f"k/{number:02d}" for number in range(13)]
    for key in keys:
        beside.put(key, b"1")
    store = PatientStore(s3, 60, lambda _: None)
    proxy.troubles.command(trouble, times, target="continuation-token")
    assert list(store.list("k/")) == keys
    proxy.troubles.command(trouble, times, target="continuation-token")
    assert [entry.key for entry in store.entries("k/")] == keys
    assert proxy.troubles.counts[trouble] >= 2


def test_a_stale_listing_is_an_earlier_one(s3: S3Store, proxy: S3Proxy) -> None:
    s3.put("k/1", b"")
    assert list(s3.list("k/")) == ["k/1"]
    s3.put("k/2", b"")
    proxy.troubles.command(Trouble.STALE)
    assert list(s3.list("k/")) == ["k/1"]
    assert list(s3.list("k/")) == ["k/1", "k/2"]


def test_a_conflict_is_settled_and_one_that_lasts_is_waited_for(
    s3: S3Store, beside: S3Store, proxy: S3Proxy
) -> None:
    proxy.troubles.command(Trouble.CONFLICT, 3)
    assert s3.put_new("k", b"1") is True
    proxy.troubles.command(Trouble.CONFLICT, 3)
    assert s3.put_new("k", b"2") is False
    proxy.troubles.command(Trouble.CONFLICT, 8)
    assert PatientStore(s3, 60, lambda _: None).put_new("l", b"3") is True
    assert (beside.get("k"), beside.get("l")) == (b"1", b"3")
    assert proxy.troubles.counts[Trouble.CONFLICT] == 14


@pytest.mark.parametrize("trouble", [Trouble.BUSY, Trouble.UNANSWERED, Trouble.FAILED_AFTER])
def test_the_probe_lets_a_sound_server_through_on_a_bad_day(
    s3: S3Store, beside: S3Store, proxy: S3Proxy, trouble: Trouble
) -> None:
    proxy.troubles.draw_from({trouble: 0.3}, seed=3)
    require_conditional_puts(PatientStore(s3, 60, lambda _: None), "probe/")
    proxy.troubles.draw_from({}, seed=0)
    assert proxy.troubles.counts[trouble]
    assert list(beside.list("")) == []


def test_an_outage_is_told_and_outlived(s3: S3Store, beside: S3Store, proxy: S3Proxy) -> None:
    told: list[str] = []
    proxy.troubles.command(Trouble.UNREACHED, LONG)
    PatientStore(s3, 600, told.append).put("k", b"1")
    assert re.match(
        r"the store at s3://codeseq/\S+ does not answer \(.*\): waiting, nothing is lost; giving up after 10 minutes",
        told[0],
    )
    assert len(told) == 2
    assert told[1].endswith("answers again")


def test_a_server_that_goes_away_and_comes_back_is_outlived(
    tmp_path: Path, s3_server: LocalS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not `s3_server` itself, which others use; it only sets the surroundings."""
    told: list[str] = []
    with LocalS3(tmp_path / "s3") as first:
        for name, value in first.environment.items():
            monkeypatch.setenv(name, value)
        first.make_bucket()
        port = int(first.environment["AWS_ENDPOINT_URL"].rpartition(":")[2])
        store = PatientStore(S3Store("codeseq", "x"), 120, told.append)
        for number in range(5):
            put_once(store, f"k/{number}", b"%d" % number)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(put_once, store, f"k/{number}", b"%d" % number) for number in range(5, 9)]
        while not told:
            time.sleep(0.05)
        with LocalS3(tmp_path / "s3", port):
            for one in waiting:
                one.result(timeout=60)
            keys = [f"k/{number}" for number in range(9)]
            assert list(store.list("k/")) == keys
            assert [store.get(key) for key in keys] == [b"%d" % number for number in range(9)]
    assert len(told) == 2, told


@pytest.mark.parametrize("seed", [1, 2])
def test_ledger_writers_lose_and_double_nothing_under_all_of_it(
    s3: S3Store, beside: S3Store, proxy: S3Proxy, seed: int
) -> None:
    proxy.troubles.draw_from({trouble: 0.06 for trouble in Trouble if trouble is not Trouble.DELAY}, seed)
    run = RunStore(PatientStore(s3, 120, lambda _: None), "r")
    made = {number: record(number) for number in range(1, 41)}
    acknowledged: set[int] = set()
    lock = threading.Lock()

    def work(which: int) -> None:
        writer = LedgerWriter(run, "w", every=3)
        numbers = [number for number in made if number % 4 == which]
        for number in numbers:
            writer.add(made[number])
        writer.flush()
        with lock:
            acknowledged.update(numbers)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert acknowledged == set(made)
    ledger = read_ledger(RunStore(beside, "r"))
    assert [row.sequence_id for row in ledger] == [f"A{number:06d}" for number in made]
    for row in ledger:
        assert read_record(run, row) == made[int(row.sequence_id[1:])]
    # Each record is stored in one segment, whatever was sent twice.
    written = [name for name in RunStore(beside, "r").list("") if name.startswith("records/")]
    assert len(written) == len(list(beside.list("r/ledger/"))) == 4 * 4
    counts = proxy.troubles.counts
    assert len([trouble for trouble in Trouble if counts[trouble]]) >= 6


def test_the_command_line_serves_and_takes_commands(s3_server: LocalS3, tmp_path: Path) -> None:
    upstream = s3_server.environment["AWS_ENDPOINT_URL"]
    command = [sys.executable, "-m", "tests.s3_proxy", "--upstream", upstream, "--share", "delay=0.5"]
    command += ["--delay-seconds", "0.01"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]

        def tell(path: str, what: object) -> None:
            request = urllib.request.Request(url + path, json.dumps(what).encode(), method="POST")
            urllib.request.urlopen(request).close()

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", url)
            store = S3Store("codeseq", tmp_path.name)
            tell("/-/shares", {"shares": {}})
            tell("/-/command", {"trouble": "busy", "times": 2, "method": "PUT"})
            store.put("k", b"1")
            tell("/-/shares", {"seed": 4, "shares": {"failed": 1.0}})
            with pytest.raises(StoreError):
                store.put("k", b"1")
        with urllib.request.urlopen(url + "/-/counts") as answer:
            assert json.load(answer) == {"requests": 6, "busy": 2, "passed": 1, "failed": 3}
        with pytest.raises(urllib.error.HTTPError, match="400"):
            tell("/-/command", {"trouble": "no such"})
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert json.loads(out)["busy"] == 2
    assert process.returncode == 0
