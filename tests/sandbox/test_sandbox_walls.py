"""That the walls are the ones which were reviewed, that they are proven, and that nothing runs without them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import codeseq_ray
from codeseq_ray.errors import SandboxUnavailableError
from codeseq_ray.ports import Execution, Limits
from codeseq_ray.records import VerdictKind as V
from codeseq_ray.sandbox import SandboxExecutor, canary, frames, walls
from codeseq_ray.sandbox.policy import compile as policy
from codeseq_ray.sandbox.settings import SandboxSettings
from codeseq_ray.sandbox.unconfined import run_unconfined
from codeseq_ray.sandbox.warm import Zygote

HERE = Path(policy.__file__).parent
NOBODY = 65534


# ------------------------------------------------------------------------------------------------- policy


def test_the_committed_filter_is_the_one_whose_hash_is_committed() -> None:
    about = json.loads((HERE / "x86_64.json").read_text())
    filter_ = (HERE / "x86_64.bpf").read_bytes()
    assert hashlib.sha256(filter_).hexdigest() == about["sha256"]
    assert len(filter_) == 8 * about["instructions"]


def test_the_committed_filter_is_what_libseccomp_makes_of_the_rules() -> None:
    try:
        library = policy.Libseccomp()
    except OSError as error:
        pytest.skip(str(error))
    made_by = json.loads((HERE / "x86_64.json").read_text())["libseccomp"]
    if library.version != made_by:
        pytest.skip(f"compiled with libseccomp {made_by}; this is {library.version}")
    assert library.compile(policy.rules()) == (HERE / "x86_64.bpf").read_bytes()


def test_other_bytes_than_the_committed_ones_are_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(HERE, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(walls, "POLICIES", tmp_path)
    monkeypatch.setattr(walls.platform, "machine", lambda: "x86_64")
    assert walls.policy() == (HERE / "x86_64.bpf").read_bytes()
    # ALLOW (0x7fff0000) in the place of the last KILL_PROCESS (0x80000000)
    tampered = (HERE / "x86_64.bpf").read_bytes().replace(b"\x00\x00\x00\x80", b"\x00\x00\xff\x7f")
    (tmp_path / "x86_64.bpf").write_bytes(tampered)
    with pytest.raises(walls.WallMissingError, match="hash"):
        walls.policy()


@given(st.binary(), st.binary(), st.integers(0, 2**32 - 1))
def test_a_job_is_unpacked_as_it_was_packed(source: bytes, entry: bytes, recursion: int) -> None:
    job = frames.Job(source, entry, recursion)
    packed = frames.pack_job(job)
    at = 0

    def read(n: int) -> bytes:
        nonlocal at
        at += n
        assert at <= len(packed)
        return packed[at - n : at]

    assert frames.unpack_job(read) == job
    assert at == len(packed)


# ------------------------------------------------------------------------------------------------- canary


def test_the_canary_refuses_a_zygote_that_lets_something_through(
    executor: SandboxExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmless = canary.Attempt("count to three", "print(1 + 2)")
    monkeypatch.setattr(canary, "ATTEMPTS", (*canary.ATTEMPTS, harmless))
    with SandboxExecutor() as fresh, pytest.raises(SandboxUnavailableError, match="count to three"):
        fresh.run(Execution("print(1)", ("",)))


@pytest.mark.parametrize("gap", ["child unlocked", "filter allows all"])
def test_a_child_without_its_filter_never_gets_a_program(
    gap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor: SandboxExecutor
) -> None:
    """A zygote whose child skips its lock, or installs a filter of one instruction: ALLOW."""
    broken = tmp_path / "sandbox"
    shutil.copytree(HERE.parent, broken)
    text = (broken / "walls.py").read_text()
    if gap == "child unlocked":
        text = text.replace(
            "        if _PRCTL(_PR_SET_SECCOMP", "        return\n        if _PRCTL(_PR_SET_SECCOMP"
        )
    else:
        text = text.replace(
            "        self._program = ",
            '        filter_ = b"\\x06\\x00\\x00\\x00\\x00\\x00\\xff\\x7f"\n        self._program = ',
        )
    assert text != (broken / "walls.py").read_text()
    (broken / "walls.py").write_text(text)
    monkeypatch.setattr("codeseq_ray.sandbox.warm._ZYGOTE", broken / "zygote.py")
    with SandboxExecutor() as fresh, pytest.raises(SandboxUnavailableError) as refusal:
        fresh.run(Execution("print(1)", ("",)))
    assert ("seccomp: /proc" if gap == "child unlocked" else "open a socket") in str(refusal.value)


def test_a_zygote_without_landlock_serves_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor: SandboxExecutor
) -> None:
    broken = tmp_path / "sandbox"
    shutil.copytree(HERE.parent, broken)
    text = (broken / "walls.py").read_text()
    assert "    _restrict_paths(abi)\n" in text
    (broken / "walls.py").write_text(text.replace("    _restrict_paths(abi)\n", "    pass\n"))
    monkeypatch.setattr("codeseq_ray.sandbox.warm._ZYGOTE", broken / "zygote.py")
    with pytest.raises(SandboxUnavailableError, match="Landlock was accepted but does not hold"):
        Zygote(0)


# ------------------------------------------------------------------------------------- where walls are missing


@pytest.fixture
def poor(monkeypatch: pytest.MonkeyPatch) -> SandboxExecutor:
    monkeypatch.setattr(walls, "landlock_abi", lambda: 0)
    return SandboxExecutor()


def test_without_a_wall_model_written_programs_are_refused_and_the_wall_is_named(
    poor: SandboxExecutor,
) -> None:
    with pytest.raises(SandboxUnavailableError, match=r"(?s)Landlock.*--allow-without-landlock.*built-in"):
        poor.run(Execution("print(1)", ("",)))
    assert poor._zygotes == {}


@pytest.mark.parametrize(
    ("platform", "machine", "says"),
    [("darwin", "arm64", "Landlock and seccomp"), ("linux", "aarch64", "policy for aarch64")],
)
def test_other_systems_are_refused(
    platform: str, machine: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(walls.platform, "machine", lambda: machine)
    assert says in walls.missing()[0]


def test_without_landlock_programs_run_only_where_that_is_allowed_out_loud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor: SandboxExecutor
) -> None:
    broken = tmp_path / "sandbox"
    shutil.copytree(HERE.parent, broken)
    text = (broken / "walls.py").read_text()
    (broken / "walls.py").write_text(text + "\n\ndef landlock_abi() -> int:\n    return 0\n")
    monkeypatch.setattr("codeseq_ray.sandbox.warm._ZYGOTE", broken / "zygote.py")
    monkeypatch.setattr(walls, "landlock_abi", lambda: 0)
    with SandboxExecutor() as strict, pytest.raises(SandboxUnavailableError):
        strict.run(Execution("print(1)", ("",)))
    with SandboxExecutor(SandboxSettings(allow_without_landlock=True)) as lax:
        report = lax.run(Execution("print(open('/etc/hostname').read())", ("",)))
    assert report.walls == ("seccomp", "rlimits")
    assert report.runs[0].kind is V.RUNTIME_ERROR
    assert "PermissionError" in report.runs[0].stderr_tail


def test_without_a_wall_trusted_programs_run_under_rlimits_and_say_so(poor: SandboxExecutor) -> None:
    report = poor.run(Execution("print(int(input()) + 1)", ("1", "2"), trusted=True))
    assert [(r.kind, r.stdout) for r in report.runs] == [(V.PASSED, "2\n"), (V.PASSED, "3\n")]
    assert report.walls == ("rlimits",)
    with pytest.raises(SandboxUnavailableError):  # the refusal stays for all others
        poor.run(Execution("print(1)", ("",)))


def test_with_all_walls_trusted_programs_run_behind_them_too(executor: SandboxExecutor) -> None:
    assert len(executor.run(Execution("print(1)", ("",), trusted=True)).walls) == 3


def test_unconfined_takes_only_trusted_programs() -> None:
    with pytest.raises(ValueError, match="built-in"):
        run_unconfined(Execution("print(1)", ("",)))


@pytest.mark.parametrize(
    ("source", "kind", "printed"),
    [
        ("print(10 ** 5000 // 10 ** 4999)", V.PASSED, "10\n"),
        ("print(3); exit()", V.PASSED, "3\n"),
        ("import sys\nsys.exit(3)", V.RUNTIME_ERROR, ""),
        ("1 / 0", V.RUNTIME_ERROR, ""),
        ("print(", V.RUNTIME_ERROR, ""),
        ("while True: pass", V.TIME_LIMIT, ""),
        ("x = [0] * 10**11", V.MEMORY_LIMIT, ""),
        ("while True: print('spam' * 100)", V.OUTPUT_LIMIT, None),
    ],
)
def test_rlimits_alone_give_the_same_kinds(source: str, kind: V, printed: str | None) -> None:
    limits = Limits(cpu_seconds=0.5, memory_mb=256, output_bytes=10_000)
    run = run_unconfined(Execution(source, ("7",), limits, trusted=True)).runs[0]
    assert run.kind is kind, run
    if printed is not None:
        assert run.stdout == printed


# ------------------------------------------------------------------------------------------ users and commands


def test_check_says_which_walls_hold(executor: SandboxExecutor) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "codeseq_ray.sandbox", "check"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "landlock:" in done.stdout
    assert "seccomp" in done.stdout


def test_an_unprivileged_user_gets_the_same_walls(executor: SandboxExecutor, tmp_path: Path) -> None:
    """The trusted process as nobody. (Where the suite itself runs unprivileged, all other tests show it.)"""
    if os.getuid() != 0:
        pytest.skip("the suite runs unprivileged already")
    # The zygote's interpreter must be one that nobody may start; ours may lie in root's home.
    candidates = [sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"]
    version = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in candidates:
        try:
            subprocess.run([python, "-c", version], user=NOBODY, group=NOBODY, extra_groups=[], check=True)
            break
        except (OSError, subprocess.CalledProcessError):
            continue
    else:
        pytest.skip("no Python of 3.11 or later that uid 65534 may start")
    shutil.copytree(Path(codeseq_ray.__file__).parent / "sandbox", tmp_path / "sandbox")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and folder != Path("/") and "pytest" in str(folder):
            folder.chmod(0o755)
    code = f"""
import os, sys
from pathlib import Path
from codeseq_ray.ports import Execution
from codeseq_ray.sandbox import SandboxExecutor, warm
from codeseq_ray.sandbox.settings import SandboxSettings
executor = SandboxExecutor()
executor.check()  # as root; imports all that is needed while root's home can be read
executor.close()
os.setgroups([]); os.setresgid({NOBODY}, {NOBODY}, {NOBODY}); os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
executor = SandboxExecutor(SandboxSettings(python={python!r}))
warm._ZYGOTE = Path({str(tmp_path / "sandbox" / "zygote.py")!r})
report = executor.run(Execution("import os; print(os.getuid(), int(input()) + 1)", ("1", "2")))
attack = executor.run(Execution("import os; os.kill(os.getppid(), 9)", ("",)))
executor.close()
print(report.walls, [r.stdout for r in report.runs], attack.runs[0].kind)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "['65534 2\\n', '65534 3\\n'] security_violation" in done.stdout
    assert "landlock:" in done.stdout


def test_the_untrusted_side_imports_nothing_of_the_house() -> None:
    code = f"""
import runpy, sys
sys.argv = ["zygote.py", "0"]
runpy.run_path({str(HERE.parent / "zygote.py")!r}, run_name="not_main")
print([name for name in sys.modules if name.partition(".")[0] in ("codeseq_ray", "pydantic", "ray")])
"""
    done = subprocess.run(
        [sys.executable, "-S", "-s", "-P", "-B", "-c", code], capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr
