"""A real S3 server for the tests of this room, started once, on free ports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeseq_ray.errors import UsageError
from codeseq_ray.store.local_s3 import LocalS3, find_weed


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalS3]:
    """SeaweedFS with the bucket `codeseq`; the AWS settings point to it while it runs."""
    try:
        find_weed()
    except UsageError as error:
        pytest.skip(str(error))
    with LocalS3(tmp_path_factory.mktemp("s3")) as server, pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in server.environment.items():
            patch.setenv(name, value)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("NO_PROXY", "127.0.0.1")
        server.make_bucket()
        yield server


@pytest.fixture(params=["folder", "s3"])
def store_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place of each kind that is this test's own."""
    if request.param == "folder":
        return str(tmp_path / "store")
    request.getfixturevalue("s3_server")
    return f"s3://codeseq/{tmp_path.name}"
