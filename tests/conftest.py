"""Shared by all rooms: the long OEIS files, a real Ray and a real S3 server, no surprises from the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The same examples at every run: a change is blamed for what it breaks, not for what was drawn. New ones are drawn
# with `--hypothesis-profile=explore`.
# No deadlines: on a busy machine they test the machine.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.load_profile("same")

# Only this name of ours may be set while tests run: a developer's CODESEQ_… would change what is tested.
for _name in [n for n in os.environ if n.startswith("CODESEQ_") and n != "CODESEQ_TEST_DATA"]:
    del os.environ[_name]


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with the long OEIS files (CODESEQ_TEST_DATA)."""
    folder = os.environ.get("CODESEQ_TEST_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("CODESEQ_TEST_DATA does not name a folder with the long OEIS files")
    return Path(folder)


@pytest.fixture(scope="session")
def small_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One small real Ray: one CPU, its own folder, no token file in anyone's home."""
    import ray

    os.environ["RAY_AUTH_MODE"] = "disabled"
    os.environ.pop("RAY_ADDRESS", None)
    # Ray's socket paths must be short.
    folder = Path("/tmp") / f"cr{os.getpid()}"
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, _temp_dir=str(folder))
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """SeaweedFS with the bucket `codeseq`; the AWS settings point to it while it runs."""
    from codeseq_ray.errors import UsageError
    from codeseq_ray.store.local_s3 import LocalS3, find_weed

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
