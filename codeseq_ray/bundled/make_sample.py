"""Make the bundled sample anew: `python -m codeseq_ray.bundled.make_sample DATA`, with DATA a bulk folder.

`sample_names.tsv` says which sequences, and names each in words of our own; terms, offsets and keywords are taken
from stripped.gz and meta.tsv.gz in DATA. Its second column corrects offsets that the data has wrong.
The result is the same, byte for byte, wherever it is made.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
NOTICE = (
    "# A small choice of sequences from the OEIS, https://oeis.org",
    "# Terms: The OEIS Foundation Inc. and contributors, CC BY-SA 4.0; each entry at https://oeis.org/A######",
    "# Names: written for this sample; they are not the names of the OEIS",
    "# Made by codeseq_ray/bundled/make_sample.py",
)


def main(data: Path) -> None:
    with (HERE / "sample_names.tsv").open(encoding="utf-8", newline="") as table:
        chosen = {row["anum"]: row for row in csv.DictReader(table, delimiter="\t")}
    with gzip.open(data / "stripped.gz", "rt", encoding="utf-8") as lines:
        terms = [line.rstrip() for line in lines if line.split(" ", 1)[0] in chosen]
    with gzip.open(data / "meta.tsv.gz", "rt", encoding="utf-8", newline="") as lines:
        meta = [row for row in csv.DictReader(lines, delimiter="\t") if row["anum"] in chosen]
    _write(HERE / "stripped.gz", (*NOTICE, *terms))
    _write(HERE / "names.gz", (*NOTICE, *(f"{anum} {row['name']}" for anum, row in chosen.items())))
    _write(HERE / "meta.tsv.gz", _meta_lines(meta, chosen))
    print(f"{len(chosen)} names, {len(terms)} of them with terms, {len(meta)} with an offset")


def _meta_lines(meta: list[dict[str, str]], chosen: dict[str, dict[str, str]]) -> Iterator[str]:
    yield "anum\toffset\tkeywords_recorded"
    for row in meta:
        offset = chosen[row["anum"]]["corrected_offset"] or row["offset"]
        yield f"{row['anum']}\t{offset}\t{row['keywords_recorded']}"


def _write(path: Path, lines: Iterable[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    # No time stamp in the gzip header: the file depends on its content alone.
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(
            "usage: python -m codeseq_ray.bundled.make_sample DATA   (a folder with stripped.gz and meta.tsv.gz)"
        )
    main(Path(sys.argv[1]))
