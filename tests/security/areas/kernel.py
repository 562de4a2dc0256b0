"""Interfaces of the kernel: privileges, executable memory, namespaces, loaders, clocks, other ABIs."""

from __future__ import annotations

from codeseq_ray.records import VerdictKind as V

from ..attack import DENIED, FOLDER, KILLED, NO_RIGHT, RAW, UPPER, Attack, Wall, ends

SECCOMP = (Wall.SECCOMP,)
PRIVILEGED = (Wall.SECCOMP, Wall.NOBODY)
MOUNTING = (Wall.SECCOMP, Wall.LANDLOCK, Wall.NOBODY)

PAGE = """
libc.mmap.restype = ctypes.c_long
def page(rights):
    return libc.mmap(ctypes.c_void_p(None), ctypes.c_size_t(4096), rights, 34, -1, ctypes.c_long(0))
def run(code, at):
    ctypes.memmove(at, code, len(code))
    libc.mprotect(ctypes.c_void_p(at), ctypes.c_size_t(4096), 5)
    return ctypes.CFUNCTYPE(ctypes.c_int)(at)()
"""
MACHINE_CODE = RAW + PAGE

ATTACKS = (
    # ------------------------------------------------------------------------------------ executable memory
    Attack("get memory to write and execute", RAW + "call(9, 0, 4096, 7, 34, -1, 0)", SECCOMP, KILLED),
    Attack("get it with rubbish above the rights",
           RAW + f"call(9, 0, 4096, {UPPER} | 7, 34, -1, 0)", SECCOMP, KILLED),
    Attack("make memory executable", MACHINE_CODE + "call(10, page(3), 4096, 5)", SECCOMP, KILLED),
    Attack("make it so by key", MACHINE_CODE + "call(329, page(3), 4096, 5, -1)", SECCOMP, KILLED),
    Attack("make all readable memory executable", RAW + "call(135, 0x0400000)", SECCOMP, KILLED),
    Attack("turn off the scattering of addresses", RAW + "call(135, 0x0040000)", SECCOMP, KILLED),
    Attack("have libffi make a callback", "import ctypes\nctypes.CFUNCTYPE(ctypes.c_int)(lambda: 7)()",
           SECCOMP, KILLED),
    Attack("run machine code",
           MACHINE_CODE + "print('BROKE IN' if run(bytes.fromhex('b80700000 0c3'.replace(' ', '')), "
           "page(7)) == 7 else 'denied: wrong answer')", SECCOMP, KILLED),
    Attack("use 32-bit system calls", MACHINE_CODE + """
code = bytes.fromhex("53 b8 14 00 00 00 cd 80 5b c3")  # getpid by int 0x80
print('BROKE IN' if run(code, page(7)) == os.getpid() else 'denied: no 32-bit calls here')
""", SECCOMP, KILLED, needs="32-bit system calls"),
    Attack("jump at a 32-bit system call that lies in the interpreter's own code", RAW + """
api = [getattr(ctypes.pythonapi, name) for name in "Py_Main PyLong_FromLong PyObject_Repr PyErr_Print PyList_New "
       "PyDict_New PyUnicode_New PyEval_EvalCode PyImport_Import PyMem_Malloc PyType_Ready Py_BuildValue".split()]
places = [ctypes.cast(f, ctypes.c_void_p).value for f in api]
low, high = min(places), max(places)
at = ctypes.string_at(low, high - low).find(b"\\xcd\\x80")
assert at >= 0
kind = type("F", (ctypes._CFuncPtr,), {"_flags_": ctypes._FUNCFLAG_CDECL, "_restype_": ctypes.c_int})
kind(low + at)()
""", SECCOMP, KILLED, no_control="what follows the found bytes is chance"),
    Attack("use the x32 numbers", RAW + "call(0x40000000 | 39)", SECCOMP, KILLED,
           no_control="kernels are seldom built with x32"),
    # ------------------------------------------------------------------------------------------- privileges
    Attack("become root", "import os\nos.setuid(0)", PRIVILEGED, KILLED),
    Attack("become root's group", "import os\nos.setgid(0)", PRIVILEGED, KILLED),
    Attack("join groups", "import os\nos.setgroups([0])", PRIVILEGED, KILLED),
    Attack("take a capability back", RAW + """
head, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(1 << 21, 1 << 21, 0, 0, 0, 0)
call(126, head, data)
""", PRIVILEGED, KILLED),
    Attack("become root by a program that is root's",
           f"import os\nos.execv('{FOLDER}/cat', ['cat', '{FOLDER}/roots'])  # where BROKE IN is written",
           (Wall.SECCOMP, Wall.LANDLOCK, Wall.NO_NEW_PRIVS), KILLED),
    Attack("use input and output ports", RAW + "call(172, 3)", PRIVILEGED, KILLED, needs="input and output ports"),
    Attack("change its segment table", RAW + "call(154, 0, buffer, 4096)", SECCOMP, KILLED),
    Attack("ask for its segment base", RAW + "call(158, 0x1003, buffer)", SECCOMP, KILLED),
    # ------------------------------------------------------------------------------- the walls themselves
    Attack("turn seccomp off", RAW + "call(157, 22, 0, 0, 0, 0)", SECCOMP, DENIED,
           no_control="the kernel knows no way to turn it off"),
    Attack("turn seccomp strict", RAW + "call(157, 22, 1, 0, 0, 0)", SECCOMP, DENIED,
           no_control="from there nothing more can be said"),
    Attack("lay another filter over it", RAW + """
allow = ctypes.create_string_buffer(bytes.fromhex("060000000000ff7f"), 8)
head = (ctypes.c_uint64 * 2)(1, ctypes.addressof(allow))
call(317, 1, 0, head)
""", SECCOMP, KILLED),
    Attack("listen to its own filter", RAW + """
allow = ctypes.create_string_buffer(bytes.fromhex("060000000000ff7f"), 8)
head = (ctypes.c_uint64 * 2)(1, ctypes.addressof(allow))
call(317, 1, 8, head)
""", SECCOMP, KILLED),
    Attack("lay another Landlock over it", RAW + """
rules = (ctypes.c_uint64 * 1)(1)
call(446, raw(444, rules, 8, 0), 0)
""", SECCOMP, KILLED),
    Attack("become dumpable again", RAW + "call(157, 4, 1, 0, 0, 0)", SECCOMP, DENIED),
    Attack("outlive its parent", RAW + "call(157, 1, 0, 0, 0, 0)", SECCOMP, DENIED),
    Attack("go by another name", RAW + "call(157, 15, b'kworker', 0, 0, 0)", SECCOMP, DENIED),
    Attack("adopt orphans", RAW + "call(157, 36, 1, 0, 0, 0)", SECCOMP, DENIED),
    Attack("drop a capability from its bounds", RAW + "call(157, 24, 21, 0, 0, 0)", PRIVILEGED, DENIED),
    Attack("raise its limits", "import resource as r\nr.setrlimit(r.RLIMIT_AS, (-1, -1))",
           PRIVILEGED, ends(V.RUNTIME_ERROR, says="not allowed to raise"), needs="root who may raise limits"),
    Attack("lower its limits", "import resource as r\nr.setrlimit(r.RLIMIT_NOFILE, (9, 9))", SECCOMP,
           ends(V.RUNTIME_ERROR, says="not allowed to raise")),
    Attack("set a limit with rubbish above", RAW + f"""
call(302, {UPPER}, 7, (ctypes.c_uint64 * 2)(9, 9), 0)
""", SECCOMP, DENIED),
    # ------------------------------------------------------------------------------------------- namespaces
    Attack("make a user namespace", RAW + "call(272, 0x10000000)", SECCOMP, KILLED, needs="user namespaces"),
    Attack("make a mount namespace", RAW + "call(272, 0x00020000)", PRIVILEGED, KILLED),
    Attack("make a network namespace", RAW + "call(272, 0x40000000)", PRIVILEGED, KILLED),
    Attack("enter a namespace", "import os, ctypes\nfd = os.open('/proc/self/ns/uts', os.O_RDONLY)\n"
           "assert ctypes.CDLL(None).setns(fd, 0) == 0", PRIVILEGED, NO_RIGHT),
    Attack("enter a namespace by number", RAW + "call(308, raw(257, -100, b'/proc/self/ns/uts', 0, 0), 0)",
           PRIVILEGED, KILLED),
    Attack("mount", RAW + f"call(165, b'none', b'{FOLDER}/sub', b'tmpfs', 0, 0)", MOUNTING, KILLED),
    Attack("mount by the newer calls", RAW + "call(430, b'tmpfs', 0)", PRIVILEGED, KILLED),
    Attack("unmount", RAW + f"call(166, b'{FOLDER}', 2)", MOUNTING, KILLED),
    Attack("swap the root", RAW + f"call(155, b'{FOLDER}', b'{FOLDER}')", MOUNTING, KILLED),
    Attack("change the rights of a mount", RAW + f"""
call(442, -100, b'{FOLDER}', 0, (ctypes.c_uint64 * 4)(1, 0, 0, 0), 32)
""", PRIVILEGED, KILLED),
    Attack("rename the machine", RAW + "call(170, b'mine', 4)", PRIVILEGED, KILLED),
    # ------------------------------------------------------------------------------------- broad interfaces
    Attack("use io_uring",
           RAW + "call(425, 4, buffer)", (Wall.SECCOMP, Wall.LOCKED_MEMORY), KILLED, needs="io_uring"),
    Attack("load BPF", RAW + """
attributes = (ctypes.c_uint32 * 32)(2, 4, 4, 1)  # an array of one entry
call(321, 0, attributes, 128)
""", PRIVILEGED, KILLED, needs="bpf"),
    Attack("count events of the CPU", RAW + """
attributes = ctypes.create_string_buffer(112)
ctypes.memmove(attributes, (ctypes.c_uint32 * 2)(1, 112), 8)
attributes[40] = 0b1100001  # disabled, not the kernel, not a hypervisor
call(298, attributes, 0, -1, -1, 0)
""", SECCOMP, KILLED, needs="perf events"),
    Attack("handle page faults", RAW + "call(323, 1)", SECCOMP, KILLED, needs="userfaultfd"),
    Attack("use the key ring", RAW + "call(250, 0, -3, 1)", SECCOMP, KILLED),
    Attack("add a key", RAW + "call(248, b'user', b'name', b'x', 1, -3)", SECCOMP, KILLED),
    Attack("ask for a key", RAW + "call(249, b'user', b'absent', 0, -3)", SECCOMP, KILLED,
           no_control="there is no such key to find"),
    Attack("use the kernel's ciphers", "import socket\nsocket.socket(38, socket.SOCK_SEQPACKET)", SECCOMP, KILLED,
           needs="ciphers by socket"),
    Attack("watch all files", RAW + "call(300, 0, 0)", PRIVILEGED, KILLED, needs="fanotify"),
    Attack("open a file by its handle", RAW + "call(304, -100, buffer, 0)", PRIVILEGED, KILLED,
           no_control="it needs a handle that the machine gave it before"),
    Attack("read the kernel's log", RAW + "call(103, 10, 0, 0)", PRIVILEGED, KILLED,
           no_control="who may read it is the machine's choice"),
    Attack("load a module into the kernel", RAW + "call(175, buffer, 16, b'')", PRIVILEGED, KILLED,
           no_control="it could change the kernel"),
    Attack("load another kernel", RAW + "call(246, 0, 0, 0, 0)", PRIVILEGED, KILLED,
           no_control="it could end the machine"),
    Attack("restart the machine", RAW + "call(169, 0xfee1dead, 672274793, 0, 0)", PRIVILEGED, KILLED,
           no_control="it could end the machine"),
    Attack("set the machine's clock", RAW + "call(227, 0, buffer)", PRIVILEGED, KILLED,
           no_control="the clock is the whole machine's"),
    Attack("add swap", RAW + "call(167, b'/swap', 0)", PRIVILEGED, KILLED, no_control="swap is the whole machine's"),
    Attack("ask how the clock is steered", RAW + "call(159, buffer)", SECCOMP, KILLED),
    Attack("ask the machine's name", "import os\nos.uname()", SECCOMP, NO_RIGHT),
    Attack("ask how busy the machine is", RAW + "call(99, buffer)", SECCOMP, DENIED),
    Attack("copy between descriptors in the kernel", RAW + "call(40, 1, 0, 0, 1)", SECCOMP, KILLED,
           inputs=("input",)),
    Attack("make a kernel timer", RAW + "call(222, 1, 0, buffer)", SECCOMP, KILLED),
    Attack("make a timer descriptor", RAW + "call(283, 1, 0)", SECCOMP, KILLED),
    Attack("make a signal descriptor", RAW + "call(289, -1, buffer, 8, 0)", SECCOMP, KILLED),
    Attack("make an event descriptor", RAW + "call(290, 0, 0)", SECCOMP, DENIED),
    Attack("wait for many descriptors", RAW + "call(291, 0)", SECCOMP, DENIED),
)  # fmt: skip
