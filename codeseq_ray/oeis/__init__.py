"""Readers for every form in which the OEIS is handed around, and the download of its bulk files.

`open_source(path).shards()` → `shard.read()` → `Sequence | Diagnostic`. No room above knows a file format.
"""

from codeseq_ray.oeis.diagnostics import Code, Diagnostic
from codeseq_ray.oeis.source import Shard, Source, open_source

__all__ = ["Code", "Diagnostic", "Shard", "Source", "open_source"]
