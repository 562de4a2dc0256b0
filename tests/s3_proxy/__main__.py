"""Bad days for an S3 server: `python -m tests.s3_proxy --upstream http://127.0.0.1:18333 --share busy=0.05 …`

It prints `serving URL` once it listens; clients use that as AWS_ENDPOINT_URL. /-/counts tells what it did; POST
/-/command and /-/shares say what it is to do next (`tests/s3_proxy/proxy.py`). Ends with Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence

from tests.s3_proxy.proxy import S3Proxy
from tests.s3_proxy.troubles import Trouble


def _share(text: str) -> tuple[Trouble, float]:
    name, _, share = text.partition("=")
    return Trouble(name), float(share)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.s3_proxy", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--upstream", required=True, help="the S3 server, as http://host:port")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    parser.add_argument(
        "--share",
        type=_share,
        action="append",
        default=[],
        metavar="TROUBLE=SHARE",
        help=f"of the requests that can meet it: {', '.join(Trouble)}",
    )
    parser.add_argument("--delay-seconds", type=float, default=1.0)
    options = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    proxy = S3Proxy(
        options.upstream,
        port=options.port,
        shares=dict(options.share),
        seed=options.seed,
        delay_seconds=options.delay_seconds,
    )
    with proxy:
        print(f"serving {proxy.url}", flush=True)
        ended.wait()
    print(json.dumps(proxy.troubles.counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
