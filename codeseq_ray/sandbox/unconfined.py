"""Runs the built-in agents' own programs where the kernel lacks the walls: a cold interpreter under rlimits.

Only for `Execution.trusted`. It keeps a slip from taking the machine down; it keeps no attacker from anything.
Written for any POSIX system (macOS, gVisor), so it uses nothing but rlimits, wait4 and pipes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

from codeseq_ray.ports import Execution, ExecutionReport, Limits, Run
from codeseq_ray.records import VerdictKind
from codeseq_ray.sandbox.interpreters import find
from codeseq_ray.sandbox.settings import SandboxSettings

WALLS = ("rlimits",)
_STDERR_BYTES = 4096
_OUT_OF_MEMORY = 77

_BOOT = f"""
import _sitebuiltins, builtins, json, random, resource, sys, types
path, options = sys.argv[1], json.loads(sys.argv[2])
try:
    with open("/proc/self/statm") as file:
        held = int(file.read().split()[0]) * resource.getpagesize()
except OSError:
    held = 0  # macOS
for what, value in (
    (resource.RLIMIT_CPU, options["cpu"]), (resource.RLIMIT_AS, held + options["memory"]), (resource.RLIMIT_CORE, 0)
):
    try:
        resource.setrlimit(what, (value, value))
    except (OSError, ValueError):
        pass  # macOS refuses some
with open(path, "rb") as file:
    code = compile(file.read(), "<program>", "exec", dont_inherit=True)
sys.set_int_max_str_digits(0)
sys.setrecursionlimit(options["recursion"])
sys.argv[:] = ["program.py"]
sys.path.extend(options["packages"])
builtins.exit, builtins.quit = _sitebuiltins.Quitter("exit", ""), _sitebuiltins.Quitter("quit", "")
random.seed(options["seed"])
module = sys.modules["__main__"] = types.ModuleType("__main__")
try:
    if options["entry"]:
        sys.path.insert(0, options["house"])
        import programs
        del sys.path[0]
        programs.call(code, module, options["entry"])
    else:
        exec(code, module.__dict__)
except MemoryError:
    sys.exit({_OUT_OF_MEMORY})
"""


def run_unconfined(execution: Execution, settings: SandboxSettings | None = None) -> ExecutionReport:
    """Run a trusted program, one process per input. A failed input does not keep the others from running."""
    if not execution.trusted:
        raise ValueError("only programs of the built-in agents may run without walls")
    settings = settings or SandboxSettings()
    limits = execution.limits
    left = limits.program_cpu_seconds
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="codeseq-") as folder:
        path = Path(folder) / "program.py"
        path.write_bytes(execution.source.encode("utf-8", "surrogatepass"))
        for text in execution.inputs:
            if left is not None:
                limits = replace(limits, cpu_seconds=max(0.0, min(limits.cpu_seconds, left)))
            runs.append(_run(path, text, execution, limits, settings))
            left = None if left is None else left - runs[-1].cpu_ms / 1000
    return ExecutionReport(tuple(runs), WALLS)


def _run(path: Path, text: str, execution: Execution, limits: Limits, settings: SandboxSettings) -> Run:
    interpreter = find(settings)
    options = {
        "cpu": int(limits.cpu_seconds) + 1,
        "memory": limits.memory_mb << 20,
        "recursion": limits.recursion,
        "seed": execution.hash_seed,
        "entry": execution.entry,
        "packages": [] if settings.profile == "standard" else list(interpreter.packages),
        "house": str(Path(__file__).parent),
    }
    process = subprocess.Popen(
        [interpreter.path, "-S", "-s", "-P", "-B", "-c", _BOOT, str(path), json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=path.parent,
        env={"PYTHONHASHSEED": str(execution.hash_seed), "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,
    )
    assert process.stdout
    assert process.stderr
    out, err = bytearray(), bytearray()
    flooded = threading.Event()

    def collect(fd: int, into: bytearray, most: int | None) -> None:
        while part := os.read(fd, 1 << 16):
            into += part
            if most is None:
                del into[:-_STDERR_BYTES]
            elif len(into) > most:
                del into[most:]
                flooded.set()
                process.send_signal(signal.SIGKILL)
                return

    def feed() -> None:
        assert process.stdin
        try:
            with process.stdin as stdin:
                stdin.write(text.encode("utf-8", "surrogatepass"))
        except OSError:
            pass  # the program does not read its input

    backstop = threading.Timer(limits.wall_seconds, process.kill)
    helpers = [
        threading.Thread(target=collect, args=(process.stdout.fileno(), out, limits.output_bytes)),
        threading.Thread(target=collect, args=(process.stderr.fileno(), err, None)),
        threading.Thread(target=feed),
    ]
    for helper in (backstop, *helpers):
        helper.daemon = True
        helper.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    backstop.cancel()
    for helper in helpers:
        helper.join(timeout=5)
    process.stdout.close()
    process.stderr.close()
    used = usage.ru_utime + usage.ru_stime
    return Run(
        kind=_kind(process.returncode, used, limits, flooded=flooded.is_set()),
        stdout=out.decode("utf-8", "backslashreplace"),
        stderr_tail=err.decode("utf-8", "replace"),
        cpu_ms=1000 * used,
    )


def _kind(code: int, used: float, limits: Limits, *, flooded: bool) -> VerdictKind:
    if flooded:
        return VerdictKind.OUTPUT_LIMIT
    if used >= limits.cpu_seconds:
        return VerdictKind.TIME_LIMIT
    if code == 0:
        return VerdictKind.PASSED
    if code == _OUT_OF_MEMORY:
        return VerdictKind.MEMORY_LIMIT
    if code == -signal.SIGKILL:
        return VerdictKind.INFRASTRUCTURE
    return VerdictKind.RUNTIME_ERROR
