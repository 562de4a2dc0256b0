"""A release that is as it says passes; each thing that is not so is found, with the checksums made anew, too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from codeseq_ray.errors import UsageError
from codeseq_ray.exporting.cards import hub_card
from codeseq_ray.pipeline.verifying import Verified, closing, execute
from codeseq_ray.settings import VerifySettings, load
from codeseq_ray.store.objects import open_store
from codeseq_ray.verifying.findings import Code, Findings
from codeseq_ray.verifying.published import open_published
from jobs import verify
from tests.verifying.altering import Rows, change, in_manifest, only_file, seal

pytestmark = pytest.mark.usefixtures("small_ray")


def settings_for(uri: str | Path, *flags: str) -> VerifySettings:
    return load(["--dataset", str(uri), *flags], schema=VerifySettings, program="verify.py")


def verified(uri: str | Path, *flags: str) -> Verified:
    return execute(settings_for(uri, *flags), lambda line: None, lambda finding: None)


def codes(release: Path, *flags: str) -> set[Code]:
    return set(verified(release, *flags).findings.counts)


def one_more(text: str) -> str:
    return str(int(text) + 1)


def alter_term(column: str) -> Callable[[Rows], None]:
    def alter(rows: Rows) -> None:
        case = rows[0][column][-1]
        case["output"] = one_more(case["output"])

    return alter


def alter_program(rows: Rows) -> None:
    rows[0]["program"] = rows[0]["program"].replace("print(", "print(1 + ", 1)


def drop_row(rows: Rows) -> None:
    del rows[len(rows) // 2]


def duplicate_row(rows: Rows) -> None:
    rows.insert(1, dict(rows[0]))


def move_family(rows: Rows) -> None:
    """Of a sequence whose family has others: into another split."""
    families = [row["family"] for row in rows]
    row = next(row for row in rows if families.count(row["family"]) > 1)
    row["split"] = "eval" if row["split"] != "eval" else "rl"


def test_a_release_that_is_as_it_says_passes_far_from_its_run(release: Path) -> None:
    result = verified(release)
    assert not result.findings.counts
    assert result.programs["problems"] == result.rows["problems"] >= 6
    assert result.programs["rejected"] >= 3
    assert result.programs["paraphrases"] == result.rows["paraphrases"] >= 6
    assert "No difference. Everything is as the release says." in closing(result)
    assert verify.main(["--dataset", str(release)]) == 0


def test_a_folder_for_the_hub_is_checked_with_its_card_of_two(release: Path) -> None:
    own = (release / "README.md").read_text(encoding="utf-8")
    below = "---\ntags:\n- rl\nconfigs:\n- config_name: rl\n---\n\n# Solvability\n\n12 of 30 problems.\n"
    (release / "README.md").write_text(hub_card(own, below), encoding="utf-8")
    (release / "rollouts.README.md").write_text(below, encoding="utf-8")
    (release / "export.json").write_text("{}")
    result = verified(release, "--sample", "0")
    assert set(result.findings.counts) == {Code.NOTE}
    told = (release / "README.md").read_text(encoding="utf-8")
    (release / "README.md").write_text(told.replace("12 of 30", "29 of 30"), encoding="utf-8")
    assert codes(release, "--sample", "0") == {Code.NOTE, Code.CARD}


def test_a_run_stands_for_its_latest_release(made: Path) -> None:
    result = verified(made.parents[1], "--sample", "0")
    assert Path(result.uri) == made
    assert not result.findings.counts


CHANGES: dict[str, tuple[Callable[[Path], None], Code]] = {
    "a hidden case": (lambda r: change(r, "problems", alter_term("cases")), Code.CASE_FAILS),
    "a far case": (lambda r: change(r, "problems", alter_term("far_cases")), Code.FAR_CASE_FAILS),
    "an example": (lambda r: change(r, "problems", alter_term("examples")), Code.EXAMPLE_FAILS),
    "a program": (lambda r: change(r, "problems", alter_program), Code.CASE_FAILS),
    "a program of a training row": (
        lambda r: change(r, "sft", lambda rows: _alter_sft(rows)),
        Code.SFT_PROGRAM,
    ),
    "a rejected program": (lambda r: change(r, "rejected", _right_program), Code.REJECTED_DIFFERS),
    "a paraphrase's program": (lambda r: change(r, "paraphrases", alter_program), Code.CASE_FAILS),
    "a paraphrase's text": (
        lambda r: change(r, "paraphrases", lambda rows: rows[0].update(description="Sum up all.")),
        Code.PROBLEM_ID,
    ),
    "a paraphrase's case": (lambda r: change(r, "paraphrases", alter_term("cases")), Code.ROW_DIFFERS),
    "a paraphrase of another problem": (
        lambda r: change(r, "paraphrases", lambda rows: rows[0].update(paraphrase_of="A000001-0")),
        Code.ROW_DIFFERS,
    ),
    "a dropped paraphrase": (lambda r: change(r, "paraphrases", drop_row), Code.ROW_UNEXPECTED),
    "a doubled paraphrase": (lambda r: change(r, "paraphrases", duplicate_row), Code.ROW_DUPLICATE),
    "a training row of a paraphrase left out": (
        lambda r: change(r, "sft", lambda rows: rows.remove(next(row for row in rows if row["answer"]))),
        Code.ROW_MISSING,
    ),
    "a dropped problem": (lambda r: change(r, "problems", drop_row, "sft"), Code.ROW_MISSING),
    "a dropped rejection": (lambda r: change(r, "rejected", drop_row), Code.ROW_MISSING),
    "a dropped outcome": (lambda r: change(r, "outcomes", drop_row), Code.ROW_MISSING),
    "a doubled problem": (lambda r: change(r, "problems", duplicate_row), Code.ROW_DUPLICATE),
    "a doubled rejection": (lambda r: change(r, "rejected", duplicate_row), Code.ROW_DUPLICATE),
    "a doubled outcome": (lambda r: change(r, "outcomes", duplicate_row), Code.ROW_DUPLICATE),
    "a count on the card": (lambda r: _on_card(r), Code.CARD),
    "a count in the manifest": (
        lambda r: in_manifest(r, lambda m: m["counts"].update(accepted=m["counts"]["accepted"] + 1)),
        Code.COUNT,
    ),
    "tokens of one sequence": (
        lambda r: change(r, "outcomes", lambda rows: _more_tokens(rows)),
        Code.COUNT,
    ),
    "a family across splits": (lambda r: change(r, "outcomes", move_family), Code.FAMILY_IN_TWO_SPLITS),
    "a split that the seed did not draw": (lambda r: change(r, "outcomes", _other_split), Code.SPLIT),
    "a licence": (lambda r: change(r, "problems", lambda rows: rows[0].update(license="MIT")), Code.LICENCE),
    "a link": (
        lambda r: change(r, "rejected", lambda rows: rows[0].update(source_url="https://oeis.org/A000001")),
        Code.LICENCE,
    ),
    "a problem's text": (
        lambda r: change(r, "problems", lambda rows: rows[0].update(description="Another.")),
        Code.PROBLEM_ID,
    ),
    "a reason": (lambda r: change(r, "rejected", lambda rows: rows[0].update(reason="x")), Code.ROW_DIFFERS),
    "rows out of order": (lambda r: change(r, "outcomes", lambda rows: rows.reverse()), Code.ROW_ORDER),
    "a comment in a program that no training row repeats": (
        lambda r: change(
            r, "problems", lambda rows: rows[0].update(program=rows[0]["program"] + "# x\n"), "rl"
        ),
        Code.ROW_ALTERED,
    ),
    "a far case that was not checked": (lambda r: change(r, "problems", _unchecked), Code.ROW_ALTERED),
    "a limit in the manifest": (
        lambda r: in_manifest(r, lambda m: m["info"]["row_settings"].update(cpu_seconds=5.0)),
        Code.FINGERPRINT,
    ),
    "a table in a program's stead": (lambda r: change(r, "problems", _tabulate), Code.LOOKUP_TABLE),
}


def _alter_sft(rows: Rows) -> None:
    turn = rows[0]["messages"][-1]
    turn["content"] = turn["content"].replace("print(", "print(1 + ")


def _unchecked(rows: Rows) -> None:
    """One more known term, which no program was asked for."""
    last = rows[0]["far_cases"][-1]
    rows[0]["far_cases"].append({"input": one_more(last["input"]), "output": "0"})


def _right_program(rows: Rows) -> None:
    """Of a rejected program that printed something wrong: one that prints something else that is wrong."""
    row = next(row for row in rows if row["verdict"] == "wrong_answer" and row["failing_input"])
    row["program"] = "print('neither')"


def _on_card(release: Path) -> None:
    path = release / "README.md"
    text = path.read_text(encoding="utf-8")
    accepted = json.loads((release / "manifest.json").read_text(encoding="utf-8"))["counts"]["accepted"]
    assert f"**{accepted}**" in text
    path.write_text(text.replace(f"**{accepted}**", f"**{accepted + 1}**"), encoding="utf-8")


def _more_tokens(rows: Rows) -> None:
    row = next(row for row in rows if row["usage"])
    row["usage"][0]["prompt_tokens"] -= 1


def _other_split(rows: Rows) -> None:
    families = [row["family"] for row in rows]
    row = next(row for row in rows if families.count(row["family"]) == 1)
    row["split"] = "eval" if row["split"] != "eval" else "rl"


def _tabulate(rows: Rows) -> None:
    row = rows[0]
    known = {c["input"]: c["output"] for n in ("examples", "cases", "far_cases") for c in row[n]}
    row["program"] = f"known = {known!r}\nprint(known[input().strip()])\n"


@pytest.mark.parametrize("what", list(CHANGES))
def test_what_is_altered_is_found_by_what_it_says_also_with_new_checksums(what: str, release: Path) -> None:
    alter, code = CHANGES[what]
    alter(release)
    seal(release)
    found = codes(release)
    assert code in found
    assert Code.CHECKSUM not in found


@pytest.mark.parametrize("what", [what for what in CHANGES if "manifest" not in what])
def test_what_is_altered_is_found_by_its_checksum(what: str, release: Path) -> None:
    CHANGES[what][0](release)
    found = Findings()
    open_published(str(release), settings_for(release), print).check_files(found.add)
    assert found.counts == {Code.CHECKSUM: 1}


def test_files_that_lack_or_are_too_many_are_found(release: Path) -> None:
    only_file(release, "sft").unlink()
    (release / "data" / "problems" / "rl-00000-of-00002.parquet").write_bytes(b"PAR1")
    (release / "notes.txt").write_text("hello", encoding="utf-8")
    found = codes(release, "--sample", "0")
    assert {Code.FILE_MISSING, Code.FILE_UNEXPECTED, Code.FILE_UNREADABLE, Code.ROW_MISSING} <= found


def test_a_damaged_file_is_a_finding_and_not_a_crash(release: Path) -> None:
    path = only_file(release, "rejected")
    body = path.read_bytes()
    path.write_bytes(body[:200] + bytes(len(body) // 2 - 200) + body[len(body) // 2 :])
    assert {Code.CHECKSUM, Code.FILE_UNREADABLE} <= codes(release, "--sample", "0")


def test_a_copy_that_nobody_may_write_to_is_checked_and_tools_may_leave_their_own_beside_it(
    release: Path,
) -> None:
    (release / ".gitattributes").write_text("", encoding="utf-8")
    before = {path: path.stat().st_mtime_ns for path in release.rglob("*")}
    for path in (*release.rglob("*"), release):
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert not verified(release, "--sample", "1").findings.counts
    assert {path: path.stat().st_mtime_ns for path in release.rglob("*")} == before


def test_a_file_that_readers_would_take_along_is_found_whatever_its_name(release: Path) -> None:
    first = only_file(release, "sft")
    shutil.copy(first, first.with_name("train-00000-of-00001 (copy).parquet"))
    assert codes(release, "--sample", "0") == {Code.FILE_UNEXPECTED}
    in_manifest(
        release, lambda m: m["files"].update({"data/sft/train-1.parquet": {"bytes": 0, "sha256": ""}})
    )
    assert Code.FILE_UNEXPECTED in codes(release, "--sample", "0")


def test_a_sample_runs_so_many_programs_and_checks_all_else(release: Path) -> None:
    first, again = (verified(release, "--sample", "5", "--seed", "3") for _ in range(2))
    assert first.programs.total() == 5
    assert first.left_out > 0
    assert first.programs == again.programs
    assert not first.findings.counts
    assert "Everything that was looked at" in closing(first)
    change(release, "outcomes", drop_row)
    assert Code.ROW_MISSING in codes(release, "--sample", "0")


def test_differences_are_written_one_by_one_and_the_status_is_1(release: Path, tmp_path: Path) -> None:
    change(release, "problems", alter_program)
    report = tmp_path / "report.jsonl"
    assert verify.main(["--dataset", str(release), "--report", str(report)]) == 1
    lines = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == verified(release).findings.counts.total()
    assert {"code", "where", "said"} == set(lines[0])
    assert Code.CASE_FAILS in {line["code"] for line in lines}


def test_what_is_no_release_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no release at"):
        verified(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(UsageError, match="no release at"):
        verified(tmp_path)
    (tmp_path / "latest.json").write_text('{"release": "releases/0003"}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"no release at .*/releases/0003"):
        verified(tmp_path)
    for text, words in (
        ('{"format": 1}', "format 1"),
        ('{"format": 5, "files": 7}', "cannot be checked: run_id"),
        ("[" * 10_000, "is not JSON"),
    ):
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=words):
            verified(tmp_path)


def test_a_copy_on_s3_is_checked_where_it_lies(release: Path, s3_server: None, tmp_path: Path) -> None:
    uri = f"s3://codeseq/{tmp_path.name}"
    store = open_store(uri)
    for path in release.rglob("*"):
        if path.is_file():
            store.put(path.relative_to(release).as_posix(), path.read_bytes())
    result = verified(uri, "--sample", "8")
    assert not result.findings.counts
    assert result.rows["outcomes"] > 200
