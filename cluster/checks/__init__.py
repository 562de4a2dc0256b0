"""Checks of manifests and images that need no cluster: `python -m cluster.checks [OVERLAY …]`.

Here and not among the tests, since it is for overlays of yours too. `tests/cluster` attacks it.
"""
