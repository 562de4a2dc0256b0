"""What attacks are aimed at: a folder, a neighbour of the same user, services on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

from .attack import ABSTRACT, BROKE_IN, FOLDER, PORT, SECRET, VICTIM

_NEIGHBOUR = """
import ctypes, os, sys
uid = int(sys.argv[1])
if os.getuid() != uid:
    os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # dumpable: nothing of its own protects it
secret = sys.stdin.readline()
print("ready", flush=True)
for line in sys.stdin:
    print("intact" if secret == line else "changed", flush=True)
"""


class Ring:
    """The targets, set up for an attacker of this uid. Everything goes when it is closed."""

    def __init__(self, folder: Path, uid: int) -> None:
        self.folder = folder
        self._sockets: list[socket.socket] = []
        self._furnish(uid)
        self._serve()
        self._neighbour = subprocess.Popen(
            [sys.executable, "-S", "-B", "-c", _NEIGHBOUR, str(uid)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        if self._ask() != "ready":
            raise RuntimeError("the neighbour did not start")
        self._before = self._look()

    def fill(self, source: str) -> str:
        """The source with the targets' names in place of their marks."""
        for mark, value in (
            (FOLDER, str(self.folder)),
            (VICTIM, str(self._neighbour.pid)),
            (PORT, str(self._port)),
            (ABSTRACT, self._abstract),
        ):
            source = source.replace(mark, value)
        return source

    def damage(self) -> str:
        """What is not as it was, "" if nothing."""
        if self._neighbour.poll() is not None:
            return "the neighbour is dead"
        if (said := self._ask()) != "intact":
            return f"the neighbour's memory is {said}"
        now = self._look()
        return "" if now == self._before else f"before: {self._before}; now: {now}"

    def close(self) -> None:
        for service in self._sockets:
            service.close()
        if self._neighbour.stdin and self._neighbour.stdout:
            self._neighbour.stdin.close()
            self._neighbour.stdout.close()
        self._neighbour.kill()
        self._neighbour.wait()

    def _ask(self) -> str:
        assert self._neighbour.stdin
        assert self._neighbour.stdout
        self._neighbour.stdin.write(SECRET + "\n")
        self._neighbour.stdin.flush()
        return self._neighbour.stdout.readline().strip()

    def _look(self) -> list[str]:
        """All that an attack could have changed, in words."""
        found = [f"files: {self.folder.stat().st_mode:o}"]
        for path in sorted(self.folder.rglob("*")):
            about = path.lstat()
            found.append(
                f"{path.name} {about.st_mode:o} {about.st_size} {about.st_mtime_ns} {about.st_nlink}"
            )
            if stat.S_ISREG(about.st_mode) and about.st_size < 1000:
                found.append(path.read_text())
        pid = self._neighbour.pid
        found.append(f"{os.getpriority(os.PRIO_PROCESS, pid)} {sorted(os.sched_getaffinity(pid))}")
        found.append(Path(f"/proc/{pid}/oom_score_adj").read_text().strip())
        found.append(Path(f"/proc/{pid}/limits").read_text())
        return found

    def _furnish(self, uid: int) -> None:
        folder = self.folder
        folder.chmod(0o777)  # only the walls are to stand between the attacker and it
        (folder / "there").write_text("content")
        (folder / "other").write_text("other content")
        (folder / "planted.py").write_text("")
        (folder / "script").write_text(f"#!/bin/echo {BROKE_IN}\n")
        (folder / "script").chmod(0o755)
        (folder / "sub").mkdir()
        (folder / "link").symlink_to("there")
        (folder / "roots").write_text(BROKE_IN)
        (folder / "roots").chmod(0o600)
        if os.getuid() == 0:
            shutil.copy("/bin/cat", folder / "cat")
            (folder / "cat").chmod(0o755 | stat.S_ISUID)
            for name in ("there", "other", "sub"):
                os.chown(folder / name, uid, uid)

    def _serve(self) -> None:
        def service(family: int, kind: int, place: object) -> socket.socket:
            it = socket.socket(family, kind)
            it.bind(place)  # type: ignore[arg-type]
            if kind == socket.SOCK_STREAM:
                it.listen()
            self._sockets.append(it)
            return it

        port = service(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)).getsockname()[1]
        service(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port))
        service(socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "socket"))
        (self.folder / "socket").chmod(0o777)
        self._abstract = f"codeseq-attacks-{os.getpid()}"
        service(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self._abstract)
        self._port: int = port
