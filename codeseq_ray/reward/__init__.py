"""The reward of a completion (CSSR): does its program solve the problem, and are the cases true that it made itself?

`forms` is the formula, `extraction` reads a completion, `truth` decides over its cases, `scoring` puts them together;
`verl`, `trl` and `environment` are what the three libraries call. Nothing here knows Ray.
"""

from codeseq_ray.reward.forms import Cssr, Form
from codeseq_ray.reward.scoring import RewardSettings, Score, Scorer
from codeseq_ray.reward.tasks import RewardTask

__all__ = ["Cssr", "Form", "RewardSettings", "RewardTask", "Score", "Scorer"]
