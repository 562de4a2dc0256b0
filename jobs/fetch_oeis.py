"""Fetch stripped.gz and names.gz from the OEIS into a folder that `jobs/synthesize.py --input` reads.

    python jobs/fetch_oeis.py --into data/oeis --contact you@example.org

Asks at most once a day, takes a file only if it has changed, and goes on where an earlier run was cut.
Data: The OEIS Foundation Inc. and contributors, https://oeis.org, CC BY-SA 4.0.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# A job runs from a bare copy of this repository where the package may not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codeseq_ray.errors import CodeseqError, UsageError
from codeseq_ray.oeis.download import BASE_URL, BULK_FILES, Downloader, Fetched, Result


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        downloader = Downloader(
            into=options.into,
            contact=options.contact,
            base_url=options.base_url,
            force=options.force,
            report=lambda text: print(text, file=sys.stderr, flush=True),
        )
        for name in BULK_FILES:
            print(_said(downloader.fetch(name)))
    except CodeseqError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    print(f"Next: python jobs/synthesize.py --input {options.into}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--into", type=Path, required=True, help="folder for the two files; made if missing")
    parser.add_argument(
        "--contact", required=True, help="your mail address or web page, sent so that the OEIS knows who asks"
    )
    parser.add_argument("--base-url", default=BASE_URL, help="where the files lie (default: %(default)s)")
    parser.add_argument(
        "--force", action="store_true", help="ask before the day is over, and take unchanged files again"
    )
    return parser


def _said(fetched: Fetched) -> str:
    again = f"{fetched.again_at:%Y-%m-%d %H:%M} UTC"
    match fetched.result:
        case Result.NEW:
            return f"{fetched.path}: new, {fetched.size / 1e6:.1f} MB, sha256 {fetched.sha256}"
        case Result.UNCHANGED:
            return f"{fetched.path}: unchanged on the server (304); ask again after {again}"
        case Result.TOO_SOON:
            return f"{fetched.path}: already asked within the day; ask again after {again}, or use --force"


if __name__ == "__main__":
    sys.exit(main())
