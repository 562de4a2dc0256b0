"""No family crosses from what is trained on into what is measured on, or from one stage of training to the next."""

from __future__ import annotations

from collections import Counter
from sys import intern

from codeseq_ray.errors import CodeseqError


class FamilyLeakError(CodeseqError):
    """Rows of one family stand in two splits: what is learnt from one is measured by the other."""


class Families:
    """Takes note of the split that each family is exported in. In memory are the families' names."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def see(self, family: str, split: str, where: str) -> None:
        """A row of `family` goes to `split`. Raises FamilyLeakError when another one went to another split."""
        before = self._seen.setdefault(family, intern(split))
        if before != split:
            raise FamilyLeakError(
                f"family {family} has rows in {before}, and in {split} ({where}): whoever trains on the one must not "
                "measure by, or train again on, the other. A release of jobs/synthesize.py never has that; "
                "see what was changed with jobs/verify.py, and export releases of one run together."
            )

    @property
    def counts(self) -> dict[str, int]:
        """Families by split."""
        return dict(sorted(Counter(self._seen.values()).items()))
