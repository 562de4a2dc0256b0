"""Network: sockets of every family, and what the supervisor's own socket could be used for."""

from __future__ import annotations

from codeseq_ray.records import VerdictKind as V

from ..attack import ABSTRACT, FOLDER, KILLED, NO_RIGHT, PORT, RAW, Attack, Wall, Won, ends

SECCOMP = (Wall.SECCOMP,)
TCP = (Wall.SECCOMP, Wall.LANDLOCK)


def _socket(family: str, kind: str = "SOCK_STREAM", then: str = "") -> str:
    return f"import socket\ns = socket.socket(socket.{family}, socket.{kind})\n{then}"


ATTACKS = (
    Attack("open a TCP socket", _socket("AF_INET"), SECCOMP, KILLED),
    Attack("open a TCP socket of version 6", _socket("AF_INET6"), SECCOMP, KILLED, needs="IPv6"),
    Attack("connect by TCP", _socket("AF_INET", then=f"s.connect(('127.0.0.1', {PORT}))"), TCP, KILLED),
    Attack("connect as libraries do",
           f"import socket\nsocket.create_connection((b'127.0.0.1', {PORT}))", TCP, KILLED),
    Attack("listen on a TCP port", _socket("AF_INET", then="s.bind(('127.0.0.1', 0)); s.listen()"), TCP, KILLED),
    Attack("send by UDP",
           _socket("AF_INET", "SOCK_DGRAM", f"s.sendto(b'x', ('127.0.0.1', {PORT}))"), SECCOMP, KILLED),
    Attack("ask the metadata service", _socket("AF_INET", then="s.settimeout(1)\n"
           "s.connect_ex(('169.254.169.254', 80)); print('BROKE IN')"), SECCOMP, KILLED,
           no_control="the service lies outside"),
    Attack("open a raw socket",
           "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)",
           (Wall.SECCOMP, Wall.NOBODY), KILLED),
    Attack("listen to all packets", _socket("AF_PACKET", "SOCK_RAW"), (Wall.SECCOMP, Wall.NOBODY), KILLED,
           needs="packet sockets"),
    Attack("talk to the kernel by netlink", _socket("AF_NETLINK", "SOCK_RAW"), SECCOMP, KILLED),
    Attack("talk to the host of a virtual machine", _socket("AF_VSOCK"), SECCOMP, KILLED, needs="vsock"),
    Attack("open a Unix socket", _socket("AF_UNIX"), SECCOMP, KILLED),
    Attack("connect to a service in a folder",
           _socket("AF_UNIX", then=f"s.connect('{FOLDER}/socket')"), SECCOMP, KILLED),
    Attack("connect to a service without a folder",
           _socket("AF_UNIX", then=f"s.connect('\\0{ABSTRACT}')"), TCP, KILLED,
           needs="Landlock's scopes"),
    Attack("offer a service in a folder", _socket("AF_UNIX", then=f"s.bind('{FOLDER}/mine')"), TCP, KILLED),
    Attack("offer a service without a folder",
           _socket("AF_UNIX", then="s.bind('\\0mine'); s.listen()"), SECCOMP, KILLED),
    Attack("make a pair of sockets", "import socket\nsocket.socketpair()", SECCOMP, NO_RIGHT),
    Attack("resolve a name", "import socket\nsocket.getaddrinfo(b'localhost', 80)", TCP,
           ends(V.RUNTIME_ERROR, V.SECURITY_VIOLATION, says="gaierror|forbidden")),
    Attack("fetch a page", f"from urllib.request import urlopen\nurlopen('http://127.0.0.1:{PORT}')", SECCOMP,
           ends(V.RUNTIME_ERROR, V.SECURITY_VIOLATION, says="ModuleNotFoundError|forbidden"),
           no_control="the module is not there"),
    # ------------------------------------------------------------------------- the supervisor's socket, fd 100
    Attack("take the supervisor's socket for its own", "import socket\nsocket.socket(fileno=100)", SECCOMP, KILLED),
    Attack("learn its supervisor's pid", RAW + "call(55, 100, 1, 17, buffer, ctypes.byref(ctypes.c_int(12)))",
           SECCOMP, KILLED),
    Attack("send its supervisor a descriptor", RAW + """
message = (ctypes.c_uint64 * 7)()
word = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 1)
rights = (ctypes.c_uint64 * 3)(20, (1 << 32) | 1, 1)
message[2], message[3], message[4], message[5] = ctypes.addressof(word), 1, ctypes.addressof(rights), 20
raw(46, 100, message, 0)
while True: pass
""", (Wall.SECCOMP, Wall.TWO_BYTES), KILLED, won=Won.LET_BE),
    Attack("give its supervisor's socket larger buffers", RAW + """
call(54, 100, 1, 7, ctypes.byref(ctypes.c_int(1 << 20)), 4)
""", SECCOMP, KILLED),
    Attack("shut its supervisor's socket down", RAW + "call(48, 100, 0)", SECCOMP, KILLED),
    Attack("make its pipe larger", RAW + "call(72, 101, 1031, 1 << 20)", SECCOMP, KILLED),
)  # fmt: skip
