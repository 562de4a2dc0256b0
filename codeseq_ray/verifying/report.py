"""All findings in a file, a JSON line each, as they are made: there may be more than fit in memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codeseq_ray.errors import UsageError
from codeseq_ray.verifying.findings import Finding, Found


@contextmanager
def report_to(name: str | None) -> Iterator[Found]:
    """Where findings are handed to. Raises UsageError, before any work, for a file that cannot be written."""
    if name is None:
        yield lambda finding: None
        return
    if "://" in name:
        raise UsageError(f"--report {name}: give a local file")
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ and not os.path.isabs(name):
        raise UsageError(
            f"--report {name}: a Ray job runs in a temporary copy of its working directory, and what it leaves there "
            "is lost. Give an absolute path."
        )
    try:
        file = Path(name).expanduser().open("w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--report {name}: cannot be written ({error.strerror})") from None
    with file:

        def write(finding: Finding) -> None:
            line = {"code": finding.code.value, "where": finding.where, "said": finding.said}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

        yield write
