"""Processes: make them, become them, signal them; and threads beyond those that Python starts."""

from __future__ import annotations

from codeseq_ray.records import VerdictKind as V

from ..attack import DENIED, FAILED, FOLDER, KILLED, NO_RIGHT, QUICK, RAW, UPPER, Attack, Wall, ends

SECCOMP = (Wall.SECCOMP,)
EXEC = (Wall.SECCOMP, Wall.LANDLOCK)
BOMB = "a fork bomb hurts the machine from any namespace"

ATTACKS = (
    Attack("fork", "import os\nos.fork() or os._exit(0)", SECCOMP, KILLED),
    Attack("fork by its own number", RAW + "raw(57) or os._exit(0)\nprint('BROKE IN')", SECCOMP, KILLED),
    Attack("vfork", RAW + "call(58)", SECCOMP, KILLED, no_control="Python cannot share its stack with a child"),
    Attack("fork by clone", RAW + "raw(56, 17, 0, 0, 0, 0) or os._exit(0)\nprint('BROKE IN')", SECCOMP, KILLED),
    Attack("fork by clone with rubbish above",
           RAW + f"raw(56, {UPPER} | 17, 0, 0, 0, 0) or os._exit(0)\nprint('BROKE IN')",
           SECCOMP, KILLED),
    Attack("fork by clone3", RAW + """
result = raw(435, (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17), 88)
result or os._exit(0)
print("BROKE IN" if result > 0 else f"denied: {os.strerror(ctypes.get_errno())}")
""", SECCOMP, DENIED),
    Attack("clone into a namespace", RAW + "raw(56, 0x10000011, 0, 0, 0, 0) or os._exit(0)\nprint('BROKE IN')",
           SECCOMP, KILLED, needs="user namespaces"),
    Attack("clone a brother", RAW + "raw(56, 0x8011, 0, 0, 0, 0) or os._exit(0)\nprint('BROKE IN')", SECCOMP, KILLED),
    Attack("share no memory with a thread", RAW + "call(56, 0x3d0f00 & ~0x100, 0, 0, 0, 0)", SECCOMP, KILLED,
           no_control="the kernel refuses it too"),
    Attack("fork without end", "import os\nwhile True: os.fork()", SECCOMP, KILLED, no_control=BOMB),
    Attack("fork from a thread",
           "import os, threading\nt = threading.Thread(target=lambda: os.fork() or os._exit(0))\n"
           "t.start(); t.join()", SECCOMP, KILLED),
    Attack("fork as a daemon", "import os\nif os.fork() == 0:\n    os.setsid()\n    os._exit(0)", SECCOMP, KILLED),
    Attack("fork with a terminal", "import pty\npty.fork()", SECCOMP,
           ends(V.RUNTIME_ERROR, V.SECURITY_VIOLATION, says="ModuleNotFoundError|PermissionError|forbidden"),
           no_control="the module is not there"),
    Attack("start a program", "import subprocess\nsubprocess.run(['/bin/true'], check=True)", EXEC, KILLED),
    Attack("start a shell", "import os\nassert os.system('exit 0') == 0", EXEC, KILLED),
    Attack("read from a shell", "import os\nassert os.popen('echo 1').read()", EXEC, KILLED),
    Attack("spawn a program", "import os\nos.posix_spawn('/bin/true', ['true'], {})", EXEC, KILLED),
    Attack("become a program", "import os\nos.execv('/bin/echo', ['echo', 'BROKE IN'])", EXEC, KILLED),
    Attack("become a script",
           f"import os\nos.execv('{FOLDER}/script', ['script'])\n# it prints BROKE IN", EXEC, KILLED),
    Attack("become a program by descriptor", RAW + """
path = raw(257, -100, b'/bin/echo', 0o10000000, 0)
arguments = (ctypes.c_char_p * 3)(b'echo', b'BROKE IN', None)
call(322, path, b'', arguments, 0, 0x1000)
""", EXEC, KILLED),
    Attack("become a program held in memory", RAW + """
fd = raw(319, b'x', 0)
os.write(fd, b'#!/bin/echo BROKE IN\\n')
call(322, fd, b'', (ctypes.c_char_p * 2)(b'x', None), (ctypes.c_char_p * 1)(None), 0x1000)
""", (*EXEC, Wall.FILE_SIZE), KILLED),
    Attack("use processes of multiprocessing",
           "import multiprocessing\nmultiprocessing.Process(target=print).start()",
           SECCOMP, ends(V.RUNTIME_ERROR, says="ModuleNotFoundError"), no_control="the module is not there"),
    # ------------------------------------------------------------------------------------------- signals
    Attack("signal its parent", "import os\nos.kill(os.getppid(), 0)", SECCOMP, KILLED),
    Attack("signal its group", "import os\nos.kill(0, 0)", SECCOMP, KILLED),
    Attack("signal everybody", "import os\nos.kill(-1, 0)", SECCOMP, KILLED),
    Attack("kill everybody",
           "import os\nos.kill(-1, 9)", SECCOMP, KILLED, no_control="it would kill its own control"),
    Attack("signal a thread of its parent", RAW + "call(234, parent, parent, 0)", SECCOMP, DENIED),
    Attack("signal a thread by the old call", RAW + "call(200, parent, 0)", SECCOMP, KILLED),
    Attack("signal by a queue", RAW + """
ctypes.memmove(buffer, (ctypes.c_int * 3)(0, 0, -1), 12)
call(129, parent, 0, buffer)
""", SECCOMP, KILLED),
    Attack("signal by a descriptor's owner", RAW + "call(72, 0, 8, parent)", SECCOMP, KILLED),
    Attack("signal by an owner with rubbish above", RAW + f"call(72, 0, {UPPER} | 8, parent)", SECCOMP, KILLED),
    Attack("choose an owner's signal", RAW + "call(72, 0, 10, 9)", SECCOMP, KILLED),
    Attack("have descriptors send signals", RAW + "call(72, 0, 4, 0o20000)", SECCOMP, KILLED),
    Attack("hold its parent by descriptor", RAW + "call(434, parent, 0)", SECCOMP, KILLED),
    Attack("signal itself", "import os\nos.kill(os.getpid(), 0)", SECCOMP, KILLED),
    Attack("accuse itself by SIGSYS", "import signal\nsignal.raise_signal(signal.SIGSYS)", SECCOMP,
           ends(V.RUNTIME_ERROR, V.PASSED), no_control="without the wall it ends in the same way as with it"),
    Attack("leave by an alarm", "import signal\nsignal.alarm(1)\nwhile True: pass", (Wall.CPU_CLOCK,),
           ends(V.RUNTIME_ERROR, V.TIME_LIMIT, says="SIGALRM|"), no_control="it harms itself alone"),
    Attack("crash in every thread", "import ctypes, threading\n"
           "[threading.Thread(target=ctypes.string_at, args=(0,)).start() for _ in 'abc']",
           (Wall.OWN_PROCESS,), FAILED,
           no_control="without a process of its own it would end the worker"),
    Attack("start a crowd of threads", """
import threading
threading.stack_size(32768)
stop = threading.Event()
while True: threading.Thread(target=stop.wait, daemon=True).start()
""", (Wall.CPU_CLOCK, Wall.ADDRESS_SPACE), ends(V.TIME_LIMIT, V.RUNTIME_ERROR, V.MEMORY_LIMIT), limits=QUICK,
           no_control="a crowd of threads hurts the machine from any namespace"),
    # ------------------------------------------------------------------------------------- its own standing
    Attack("lead a session", "import os\nos.setsid()", SECCOMP, KILLED),
    Attack("lead a group", "import os\nos.setpgid(0, 0)", SECCOMP, KILLED,),
    Attack("be nicer", "import os\nos.nice(5)", SECCOMP, NO_RIGHT),
    Attack("be less nice", "import os\nos.nice(-5)", (Wall.SECCOMP, Wall.NOBODY), NO_RIGHT),
    Attack("move to another CPU", "import os\nos.sched_setaffinity(0, os.sched_getaffinity(0))", SECCOMP, KILLED),
    Attack("run when idle only",
           "import os\nos.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))", SECCOMP, KILLED),
    Attack("run before all others", "import os\nos.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
           (Wall.SECCOMP, Wall.NOBODY), KILLED),
    Attack("read and write first", RAW + "call(251, 1, 0, 0x4007)", SECCOMP, KILLED),
    Attack("ask its priority", "import os\nos.getpriority(os.PRIO_PROCESS, 0)", SECCOMP, NO_RIGHT),
    Attack("wait for others", "import os\ntry:\n    os.waitpid(-1, os.WNOHANG)\nexcept ChildProcessError:\n"
           "    print('BROKE IN')", SECCOMP, KILLED),
)  # fmt: skip
