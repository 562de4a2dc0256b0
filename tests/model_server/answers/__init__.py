"""What the stand-in answers: read the prompt, work, write, and now and then go wrong as models do."""

from tests.model_server.answers.model import Reply, Skill, StandIn

__all__ = ["Reply", "Skill", "StandIn"]
