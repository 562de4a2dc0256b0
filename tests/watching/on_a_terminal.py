"""A process with a view, for tests on a pseudo-terminal: `python -m tests.watching.on_a_terminal HOW SECONDS`."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time

from codeseq_ray.watching.screen import Screen, can_be_live
from codeseq_ray.watching.view import drawn, frame
from tests.watching.moments import HOSTILE, snapshot


def main(how: str, seconds: float) -> int:
    if not can_be_live():
        print("no view here")
        return 0
    now = snapshot()
    with Screen(lambda columns, rows: drawn(frame(now, columns, rows), io.StringIO(), columns)) as screen:
        time.sleep(seconds / 2)
        print(f"said {HOSTILE}")
        os.write(2, b"said past Python \x1b[2J\n  with its indentation\n")
        time.sleep(seconds / 2)
        if how == "fails":
            raise ValueError("in the middle")
        if how == "interrupted twice":
            once_more_while(screen._thread)
        if how.startswith("interrupted"):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        if how == "stopped":
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
    print("after it")
    return 0


def once_more_while(ending: threading.Thread) -> None:
    """Ctrl-C comes again while the end of that thread is waited for."""
    join = ending.join

    def interrupted(timeout: float | None = None) -> None:
        ending.join = join  # type: ignore[method-assign]
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    ending.join = interrupted  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
