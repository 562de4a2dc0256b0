"""A model server for tests and benchmarks: it speaks like vLLM, works like a model, and fails like a network.

What it answers and what goes wrong is drawn by a hash of the request, so that a rerun meets the same answers. Right
or wrong is drawn by how often a request was *answered* before, the weather by how often it *came*: bad weather never
changes an answer.
"""

from tests.model_server.server import ModelServer

__all__ = ["ModelServer"]
