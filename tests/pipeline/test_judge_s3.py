"""The judge from S3 to S3, against a real server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from codeseq_ray.errors import InputError, UsageError
from codeseq_ray.pipeline.judging import multipart
from codeseq_ray.pipeline.judging.multipart import MultipartObject
from codeseq_ray.pipeline.judging.run import JudgeResult, execute
from codeseq_ray.sandbox import walls
from codeseq_ray.settings import JudgeSettings, load
from codeseq_ray.store.local_s3 import LocalS3, find_weed
from codeseq_ray.store.objects import open_store

pytestmark = pytest.mark.skipif(
    bool(walls.missing()), reason=f"this machine lacks {'; '.join(walls.missing())}"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalS3]:
    """SeaweedFS with the bucket `codeseq`."""
    try:
        find_weed()
    except UsageError as error:
        pytest.skip(str(error))
    with LocalS3(tmp_path_factory.mktemp("s3")) as server, pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in {**server.environment, "NO_PROXY": "127.0.0.1"}.items():
            patch.setenv(name, value)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, os.devnull)
        server.make_bucket()
        yield server


@pytest.fixture
def workers_know_the_server(server: LocalS3, small_ray: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers started earlier have the environment of their time: hand it over with each task."""
    from codeseq_ray.pipeline.judging import run, scan

    environment = {n: v for n, v in os.environ.items() if n.startswith("AWS_")}

    def tables(make):  # type: ignore[no-untyped-def]
        def call(part):  # type: ignore[no-untyped-def]
            import os

            os.environ.update(environment)
            return make(part)

        return call

    real = scan.read
    for module in (run, scan):
        monkeypatch.setattr(
            module, "read", lambda slices, make, **options: real(slices, tables(make), **options)
        )


def start(input_: str, output: str, *flags: str) -> JudgeResult:
    settings = load(["--input", input_, "--output", output, *flags], schema=JudgeSettings, program="judge.py")
    assert isinstance(settings, JudgeSettings)
    return execute(settings, print, print)


ROWS = [
    {"id": f"r{i}", "program": f"print(int(input()) * {i % 2})", "cases": [{"input": "3", "output": "3"}]}
    for i in range(20)
]
RIGHT = {f"r{i}": "passed" if i % 2 else "wrong_answer" for i in range(20)}


@pytest.mark.usefixtures("workers_know_the_server")
def test_rows_and_answers_in_s3(tmp_path: Path) -> None:
    store = open_store("s3://codeseq/in")
    store.put("a.jsonl", "".join(json.dumps(r) + "\n" for r in ROWS[:10]).encode())
    sink = BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS[10:]), sink)
    store.put("deeper/b.parquet", sink.getvalue())

    result = start("s3://codeseq/in", "s3://codeseq/out/answers.jsonl")
    body = open_store("s3://codeseq/out").get("answers.jsonl")
    assert {a["id"]: a["verdict"] for a in map(json.loads, body.splitlines())} == RIGHT
    assert result.verdicts == {"passed": 10, "wrong_answer": 10}
    with pytest.raises(UsageError, match="--overwrite replaces it"):
        start("s3://codeseq/in", "s3://codeseq/out/answers.jsonl")

    start("s3://codeseq/in", "s3://codeseq/parts/", "--format", "parquet", "--no-confirm")
    parts = open_store("s3://codeseq/parts")
    answers = pq.read_table(BytesIO(parts.get("part-00000.parquet"))).to_pylist()
    assert {a["id"]: a["verdict"] for a in answers} == RIGHT
    again = start("s3://codeseq/in", "s3://codeseq/parts/", "--format", "parquet", "--no-confirm")
    assert again.judged_now == 0
    with pytest.raises(InputError, match="no such file or folder"):
        start("s3://codeseq/nothing.jsonl", "s3://codeseq/out/x.jsonl")


@pytest.mark.usefixtures("server")
def test_of_a_large_object_nothing_is_to_be_seen_before_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart, "FIRST_PART", 5 << 20)
    store = open_store("s3://codeseq/large")
    line = b"0123456789abcdef" * (1 << 16)
    for ending in ("abort", "commit"):
        target = MultipartObject("s3://codeseq/large/one.jsonl", overwrite=False)
        for _ in range(13):
            target.write(line)
        assert list(store.list("")) == []
        getattr(target, ending)()
    assert store.get("one.jsonl") == 13 * line
    uploads = boto3.client("s3").list_multipart_uploads(Bucket="codeseq")
    assert not uploads.get("Uploads")


@pytest.mark.usefixtures("server")
def test_a_bucket_that_is_not_there_is_told_before_any_work() -> None:
    with pytest.raises(UsageError, match=r"s3://nobody/x\.jsonl"):
        MultipartObject("s3://nobody/x.jsonl", overwrite=False)
