"""Files: read, write, look at, change, find."""

from __future__ import annotations

from codeseq_ray.records import VerdictKind as V

from ..attack import DENIED, FOLDER, KILLED, NO_RIGHT, RAW, Attack, Wall, ends

BOTH = (Wall.SECCOMP, Wall.LANDLOCK)
SECCOMP = (Wall.SECCOMP,)
ROOTS = (Wall.SECCOMP, Wall.LANDLOCK, Wall.NOBODY)
THERE, NEW = f"{FOLDER}/there", f"{FOLDER}/new"
NO_RIGHT_OR_FILE = ends(V.RUNTIME_ERROR, says="PermissionError|ImportError|OSError")


def _os(call: str) -> str:
    return f"import os\nos.{call}"


ATTACKS = (
    # ------------------------------------------------------------------------------------------ write
    Attack("write a file", f"open('{NEW}', 'w')", BOTH, KILLED),
    Attack("fill a file", f"with open('{THERE}', 'w') as file: file.write('x')", (*BOTH, Wall.FILE_SIZE), KILLED),
    Attack("append to a file", f"open('{THERE}', 'a')", BOTH, KILLED),
    Attack("update a file in place", f"open('{THERE}', 'r+b')", BOTH, KILLED),
    Attack("write a file as pathlib does", f"import pathlib\npathlib.Path('{NEW}').write_text('')", BOTH, KILLED),
    Attack("make a temporary file",
           f"import tempfile\ntempfile.TemporaryFile(dir='{FOLDER}')", BOTH, KILLED),
    Attack("open a nameless file", _os(f"open('{FOLDER}', os.O_TMPFILE | os.O_RDWR)"), BOTH, KILLED),
    Attack("truncate a file by its path", _os(f"truncate('{THERE}', 0)"), BOTH, KILLED),
    Attack("write a file by creat", RAW + f"call(85, b'{NEW}', 0o666)", BOTH, KILLED),
    Attack("write with rubbish above the flags", RAW + f"call(257, -100, b'{NEW}', (0x5eed << 32) | 0o101, 0o666)",
           BOTH, KILLED),
    Attack("remove a file", _os(f"remove('{THERE}')"), BOTH, KILLED),
    Attack("rename a file", _os(f"rename('{THERE}', '{FOLDER}/moved')"), BOTH, KILLED),
    Attack("exchange two files", RAW + f"call(316, -100, b'{THERE}', -100, b'{FOLDER}/other', 2)", BOTH, KILLED),
    Attack("make a folder", _os(f"mkdir('{NEW}')"), BOTH, KILLED),
    Attack("remove a folder", _os(f"rmdir('{FOLDER}/sub')"), BOTH, KILLED),
    Attack("make a symbolic link", _os(f"symlink('/etc/passwd', '{NEW}')"), BOTH, KILLED),
    Attack("make a hard link", _os(f"link('{THERE}', '{NEW}')"), BOTH, KILLED),
    Attack("make a named pipe", _os(f"mkfifo('{NEW}')"), BOTH, KILLED),
    Attack("change a file's rights", _os(f"chmod('{THERE}', 0o777)"), SECCOMP, KILLED),
    Attack("change a file's owner", _os(f"chown('{THERE}', -1, os.getgid())"), SECCOMP, KILLED),
    Attack("change a file's times", _os(f"utime('{THERE}', (0, 0))"), SECCOMP, KILLED),
    Attack("change a file's attributes", _os(f"setxattr('{THERE}', 'user.x', b'x')"), SECCOMP, KILLED),
    Attack("change the mask of new files", _os("umask(0)"), SECCOMP, KILLED),
    # ------------------------------------------------------------------------------------------- read
    Attack("read a file", f"open('{THERE}').read()", BOTH, NO_RIGHT),
    Attack("read a file by openat2", RAW + f"call(437, -100, b'{THERE}', (ctypes.c_uint64 * 3)(), 24)", BOTH, KILLED),
    Attack("read a file by the old open", RAW + f"call(2, b'{THERE}', 0)", BOTH, DENIED),
    Attack("read through a link that lies there", f"open('{FOLDER}/link').read()", BOTH, NO_RIGHT),
    Attack("read a file up and down a path", f"open('{FOLDER}/sub/../../../../../../../..{THERE}').read()",
           BOTH, NO_RIGHT),
    Attack("read a file of root's", f"open('{FOLDER}/roots').read()", ROOTS, NO_RIGHT),
    Attack("read the users of the machine", "open('/etc/passwd').read()", BOTH, NO_RIGHT),
    Attack("read the machine's set-up in /proc", "open('/proc/sys/kernel/hostname').read()", BOTH, NO_RIGHT),
    Attack("read the machine's memory in /proc", "open('/proc/meminfo').read()", BOTH, NO_RIGHT),
    Attack("read what is mounted", "open('/proc/self/mountinfo').read()", BOTH, NO_RIGHT),
    Attack("read its control group", "open('/proc/self/cgroup').read()", BOTH, NO_RIGHT),
    Attack("read a device", "open('/dev/urandom', 'rb').read(1)", BOTH, NO_RIGHT),
    Attack("read /sys", _os("listdir('/sys/kernel')"), BOTH, NO_RIGHT),
    Attack("list a folder", _os(f"listdir('{FOLDER}')"), BOTH, NO_RIGHT),
    Attack("search for files", f"import pathlib\nprint('BROKE IN' if list(pathlib.Path('{FOLDER}').rglob('*')) else "
           "'denied: nothing found')", BOTH, ends(V.PASSED, V.RUNTIME_ERROR, says="denied|PermissionError")),
    Attack("load a module from the disk", f"""
import importlib.machinery as m
m.SourceFileLoader('planted', '{FOLDER}/planted.py').load_module()
""", BOTH, NO_RIGHT),
    Attack("put the way to the disk's modules back", f"""
import sys, importlib._bootstrap_external as b
sys.path_hooks.append(b.FileFinder.path_hook((b.SourceFileLoader, b.SOURCE_SUFFIXES)))
sys.path.append('{FOLDER}')
import planted
""", BOTH, ends(V.RUNTIME_ERROR, says="ModuleNotFoundError|PermissionError")),
    Attack("load a C library", "import ctypes\nctypes.CDLL('libBrokenLocale.so.1')", BOTH, NO_RIGHT_OR_FILE),
    # ---------------------------------------------------------------------------------------- look at
    Attack("stat a path", _os("stat('/')"), SECCOMP, NO_RIGHT),
    Attack("stat a path dressed as a descriptor", RAW + "call(262, -100, b'/', buffer, 0x1000)", SECCOMP, DENIED),
    Attack("statx a path dressed as a descriptor", RAW + "call(332, -100, b'/', 0x1000, 0xfff, buffer)",
           SECCOMP, DENIED),
    Attack("ask whether a path is there", f"import os\nprint('BROKE IN' if os.access('{THERE}', os.F_OK) else "
           "'denied: no')", SECCOMP, DENIED),
    Attack("read where a link points", _os(f"readlink('{FOLDER}/link')"), SECCOMP, NO_RIGHT),
    Attack("learn what runs it", _os("readlink('/proc/self/exe')"), SECCOMP, NO_RIGHT),
    Attack("learn where it is", _os("getcwd()"), SECCOMP, NO_RIGHT),
    Attack("learn how full the disk is", _os("statvfs('/')"), SECCOMP, NO_RIGHT),
    Attack("hold a path without opening it", _os("open('/', os.O_PATH)"), SECCOMP, NO_RIGHT),
    Attack("hold a path by open_tree", RAW + "call(428, -100, b'/', 0)", SECCOMP, KILLED),
    Attack("get a path's handle", RAW + f"""
buffer[0] = 128
call(303, -100, b'{THERE}', buffer, ctypes.byref(ctypes.c_int()), 0)
""", SECCOMP, KILLED),
    Attack("read a file's attributes", _os(f"listxattr('{THERE}')"), SECCOMP, KILLED),
    Attack("watch a folder", RAW + f"call(254, raw(253), b'{FOLDER}', 0xfff)", SECCOMP, KILLED),
    Attack("change the folder", _os("chdir('/')"), SECCOMP, KILLED),
    Attack("change the root", _os(f"chroot('{FOLDER}')"), (Wall.SECCOMP, Wall.NOBODY), KILLED),
)  # fmt: skip
