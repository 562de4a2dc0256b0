"""The warm interpreter: imports what programs import, locks itself in, and forks a child per program.

Untrusted side, standard library only; run as `python -S -s -P -B zygote.py DESCRIPTOR` with a scrubbed
environment. It never reads a program: it hands the child's descriptors on and forks. It does what it is told on
its control socket (`frames`) one request at a time, and ends when that socket does.
"""

from __future__ import annotations

import _sitebuiltins
import atexit
import builtins
import gc
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codeseq_ray.sandbox import child, frames, walls
else:
    # Siblings are loaded by their place on disk, so that no other module of the house comes along.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import child
    import frames
    import walls

PRELOADED = """
    __future__ abc argparse array ast base64 binascii bisect builtins calendar cmath codecs collections
    collections.abc concurrent.futures concurrent.futures.thread contextlib contextvars copy csv dataclasses
    datetime _strptime decimal difflib dis enum errno fractions functools gc getopt graphlib hashlib heapq hmac
    inspect io itertools json keyword linecache locale logging math numbers operator os pathlib pickle platform
    pprint queue random re reprlib resource secrets select selectors shlex shutil signal socket statistics string
    struct subprocess sys tempfile textwrap threading time timeit token tokenize traceback tracemalloc types
    typing unicodedata uuid warnings weakref zlib
    encodings.ascii encodings.latin_1 encodings.utf_8 encodings.utf_8_sig encodings.utf_16 encodings.utf_32
    encodings.unicode_escape encodings.raw_unicode_escape encodings.hex_codec encodings.rot_13
""".split()  # noqa: SIM905 (a list this long reads best as text)
"""All that a program can import: a child opens no file."""


def preload() -> None:
    # Each registered hook runs in every fork; `random`'s alone doubles its cost. Children reseed by themselves.
    register, os.register_at_fork = os.register_at_fork, lambda **hooks: None
    try:
        for name in PRELOADED:
            importlib.import_module(name)
    finally:
        os.register_at_fork = register
    # What `site` would bring and programs use. (-S leaves it out, and with it the search of the disk.)
    builtins.exit, builtins.quit = _sitebuiltins.Quitter("exit", ""), _sitebuiltins.Quitter("quit", "")
    child.rehearse()
    atexit._clear()  # what follows at the end of a program is what the program asked for
    # Looking for anything else must end in ModuleNotFoundError, not in a search of the disk.
    sys.path.clear()
    sys.path_importer_cache.clear()
    sys.path_hooks.clear()
    sys.set_int_max_str_digits(0)
    gc.collect()
    gc.freeze()


def serve(control: socket.socket, filter_: bytes) -> None:
    me, running = os.getpid(), 0
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, frames.SPAWN.size, 3)
        if not request:
            return
        if request == frames.REAP:
            _, status = os.waitpid(running, 0)
            control.send(frames.STATUS.pack(status))
            continue
        _, address_space, cpu_seconds, file_bytes, seed = frames.SPAWN.unpack(request)
        limits = walls.ChildLimits(address_space, cpu_seconds, file_bytes)
        try:
            running = os.fork()
        except OSError:
            running = -1
        if running == 0:
            try:
                walls.follow_parent(me)
                channels = child.arrange(descriptors)
                walls.lock_child(limits, filter_)
                child.work(channels, seed)
            except BaseException:
                os.write(2, traceback.format_exc().encode())
            finally:
                os._exit(1)
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(frames.PID.pack(running))


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=int(sys.argv[1]))
    preload()
    try:
        filter_ = walls.policy()
        wall = walls.lock_zygote()
    except walls.WallMissingError as error:
        control.send(json.dumps({"missing": str(error)[:1000]}).encode())
        return 1
    control.send(json.dumps({"walls": [wall, "seccomp", "rlimits"]}).encode())
    serve(control, filter_)
    return 0


if __name__ == "__main__":
    sys.exit(main())
