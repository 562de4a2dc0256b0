"""Whatever single value of a release is altered, it shows: also with new checksums, and without running a program."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from codeseq_ray.dataset.schemas import CONFIGS
from codeseq_ray.settings import VerifySettings, load
from codeseq_ray.verifying.figures import check_figures
from codeseq_ray.verifying.findings import Findings
from codeseq_ray.verifying.published import open_published
from codeseq_ray.verifying.rows import RowChecks
from tests.verifying.altering import Rows, change, seal

Change = tuple[str, dict[str, Any]]


def checked(release: Path) -> Findings:
    """All but the running of programs, without Ray."""
    settings = load(["--dataset", str(release)], schema=VerifySettings, program="verify.py")
    published, found = open_published(str(release), settings, print), Findings()
    published.check_files(found.add)
    checks = RowChecks(published, found.add)
    for _ in checks.walk():
        pass
    check_figures(published, checks.counts, checks.outcome_digest, found.add)
    return found


def altered(value: Any, kind: pa.DataType) -> Any:
    if pa.types.is_boolean(kind):
        return not value
    if pa.types.is_integer(kind):
        return value + 1
    if pa.types.is_string(kind):
        return "9" if value is None else f"{value}9"
    if pa.types.is_struct(kind):
        return {f.name: altered(None if value is None else value[f.name], f.type) for f in kind}
    if value:
        return value[:-1]
    return [] if value is None else [_made_up(kind.value_type)]


def _made_up(kind: pa.DataType) -> Any:
    if pa.types.is_struct(kind):
        return {field.name: _made_up(field.type) for field in kind}
    return 1 if pa.types.is_integer(kind) else "9"


def changes(config: str, row: dict[str, Any]) -> Iterator[Change]:
    """The row with each of its values altered in turn, and with a null where a list holds something."""
    for field in CONFIGS[config]:
        yield field.name, {**row, field.name: altered(row[field.name], field.type)}
        if not pa.types.is_list(field.type) or not row[field.name]:
            continue
        kind, at = field.type.value_type, len(row[field.name]) // 2
        members = [member.name for member in kind] if pa.types.is_struct(kind) else []
        for name in members:
            for value in (altered(row[field.name][at][name], kind.field(name).type), None):
                other = copy.deepcopy(row)
                other[field.name][at][name] = value
                yield f"{field.name}.{name} {value!r:.20}", other
        if not members:
            other = copy.deepcopy(row)
            other[field.name][at] = None
            yield f"{field.name} null", other


def kinds(config: str, rows: Rows) -> dict[str, int]:
    """A row of each kind that a config has: where other columns are filled, other checks look."""
    found: dict[str, int] = {}
    for at, row in enumerate(rows):
        program = "with a program" if row.get("program") else "without"
        found.setdefault(row["outcome"] if config == "outcomes" else program, at)
    return found


@pytest.mark.parametrize("config", list(CONFIGS))
def test_no_single_value_can_be_altered_unseen(config: str, release: Path) -> None:
    whole: Rows = []
    change(release, config, lambda rows: whole.extend(copy.deepcopy(rows)))
    seal(release)
    assert not checked(release).counts
    unseen, tried = [], 0
    for kind, at in kinds(config, whole).items():
        for what, row in changes(config, whole[at]):

            def put(rows: Rows, at: int = at, row: dict[str, Any] = row) -> None:
                rows[:] = [*whole[:at], row, *whole[at + 1 :]]

            change(release, config, put)
            seal(release)
            tried += 1
            if checked(release).sound:
                unseen.append(f"{kind}: {what}")
    assert unseen == []
    assert tried >= len(CONFIGS[config])
