"""The warm interpreter: imports what programs import, locks itself in, and forks a child per program.

Untrusted side, standard library only; run as `python -S -s -P -B zygote.py DESCRIPTOR OPTIONS` with a scrubbed
environment. It never reads a program: it hands the child's descriptors on and forks. It does what it is told on
its control socket (`frames`) one request at a time, and ends when that socket does. (`_socket` and not `socket`: what
is imported here is copied by every fork.)
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codeseq_ray.sandbox import child, frames, heap, preload, walls
else:
    # Hooks run in every fork and touch many pages; `threading`'s and `random`'s alone double its cost. A child has
    # one thread, and its `random` is seeded.
    os.register_at_fork = lambda **hooks: None
    # Siblings are loaded by their place on disk, so that no other module of the house comes along.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import child
    import frames
    import heap
    import preload
    import walls

import _socket
import gc
import json
import resource
import signal
import struct
import traceback

_DESCRIPTORS = struct.Struct("4i")
"""Of a child: its stream to the trusted process, stdout, stderr, stdin."""


def serve(control: _socket.socket, filter_: walls.ChildFilter, seed: int, held: int) -> None:
    """`held`: bytes of address space that every child has from the start."""
    me, running, room = os.getpid(), 0, _socket.CMSG_SPACE(_DESCRIPTORS.size)
    while True:
        request, ancillary, _, _ = control.recvmsg(frames.SPAWN.size, room)
        if not request:
            return
        if request == frames.REAP:
            _, status = os.waitpid(running, 0)
            control.send(frames.NUMBER.pack(frames.STATUS, status))
            continue
        _, memory, cpu_seconds = frames.SPAWN.unpack(request)
        descriptors = _DESCRIPTORS.unpack(ancillary[0][2])
        address_space = walls.hard(resource.RLIMIT_AS, held + memory)
        cpu = walls.hard(resource.RLIMIT_CPU, cpu_seconds)
        try:
            running = os.fork()
        except OSError:
            running = -1
        if running == 0:
            try:
                walls.follow_parent(me)
                child.arrange(descriptors)
                child.close_others()
                walls.bound(address_space, cpu)
                filter_.install()
                child.work(seed)
            except BaseException:
                os.write(2, traceback.format_exc().encode())
            finally:
                os._exit(1)
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(frames.NUMBER.pack(frames.PID, running))


def refuse(control: _socket.socket, what: str, error: Exception) -> int:
    control.send(json.dumps({what: str(error)[:1000]}).encode())
    return 1


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # exec keeps it ignored, and nobody could be waited for
    # It came under the number that it has in the worker, which may be one of the child's own channels.
    control = _socket.socket(fileno=os.dup(int(sys.argv[1])))
    os.close(int(sys.argv[1]))
    options = json.loads(sys.argv[2])
    try:
        seed = int(os.environ["PYTHONHASHSEED"])
        preload.everything(options["profile"], options["packages"])
        child.set_stage(seed)
        gc.collect()
        gc.freeze()
        heap.tidy()
        filter_ = walls.ChildFilter(walls.policy())
        held = walls.held_bytes()
        standing = walls.lock_zygote(without_landlock=options["without_landlock"])
    except walls.WallMissingError as error:
        return refuse(control, "missing", error)
    except preload.PackageMissingError as error:
        return refuse(control, "package", error)
    control.send(json.dumps({"walls": [*standing, "seccomp", "rlimits"]}).encode())
    serve(control, filter_, seed, held)
    return 0


if __name__ == "__main__":
    sys.exit(main())
