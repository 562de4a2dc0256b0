"""Copy the files of an input from a store into a local folder: an init container, so that Ray's readers find them.

    python cluster/docker/fetch_input.py s3://bucket/prefix FOLDER

Every object below the prefix, as whole files under the same names. S3 is reached by the usual AWS settings.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from codeseq_ray.errors import CodeseqError, UsageError
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.settings import StoreSettings


def fetch(uri: str, folder: Path) -> int:
    """Returns how many files were copied. Raises UsageError when there is none."""
    store = open_patiently(uri, StoreSettings(), lambda line: print(line, flush=True))
    count = 0
    for key in store.list(""):
        target = folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        part.write_bytes(store.get(key))
        part.replace(target)
        count += 1
    if count == 0:
        raise UsageError(
            f"{uri}: nothing lies there. Put stripped.gz and names.gz there (jobs/fetch_oeis.py)."
        )
    return count


if __name__ == "__main__":
    try:
        print(f"fetch_input: {fetch(sys.argv[1], Path(sys.argv[2]))} files")
    except CodeseqError as error:
        print(f"fetch_input: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
