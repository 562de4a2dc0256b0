"""The name by which the library `verifiers` finds `codeseq_ray.reward.environment`: top-level modules only."""

from codeseq_ray.reward.environment import CodeSeqTaskset

__all__ = ["CodeSeqTaskset"]
