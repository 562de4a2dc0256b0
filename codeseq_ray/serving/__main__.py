"""Generator and verifier as two models of one Ray Serve LLM app, for one GPU, several, or none.

    python -m codeseq_ray.serving --hardware several-gpus > serve.yaml     for `serve run`, `serve deploy`, RayService
    python -m codeseq_ray.serving --hardware one-gpu --run                 the same app, in a Ray of this machine

Only `--run` needs Ray Serve LLM and vLLM. `docs/serving.md` says when another kind of server does as well.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from codeseq_ray.errors import CodeseqError, UsageError
from codeseq_ray.serving.config import reserved, serve_config
from codeseq_ray.serving.explained import render
from codeseq_ray.serving.settings import ServingSettings
from codeseq_ray.settings import load


def run(settings: ServingSettings) -> None:
    """Start the app and stay until Ctrl-C: on the cluster of `RAY_ADDRESS`, else in a Ray of this machine.

    Raises UsageError where Ray Serve LLM or vLLM is missing, or Ray has too little for the fewest replicas.
    """
    try:
        import ray
        from ray import serve
        from ray.serve.llm import build_openai_app
    except ImportError as error:
        raise UsageError(
            f"Ray Serve LLM cannot be loaded here: {error}\n"
            "Install it in an environment of its own (docs/serving.md), or print the YAML without --run and start "
            "that where it is installed."
        ) from None
    config = serve_config(settings)
    app = config["applications"][0]
    ray.init(ignore_reinit_error=True)
    has = ray.cluster_resources()
    lacking = [kind for kind, amount in reserved(settings).items() if has.get(kind, 0.0) < amount]
    # A cluster that grows may not have them yet.
    if lacking and not os.environ.get("RAY_ADDRESS"):
        raise UsageError(
            "; ".join(
                f"the fewest replicas need {reserved(settings)[kind]:g} {kind}s, Ray has {has.get(kind, 0.0):g}"
                for kind in lacking
            )
            + "\nAsk for less, choose another --hardware, or set RAY_ADDRESS to a cluster that has more."
        )
    serve.start(http_options=config["http_options"], logging_config=config["logging_config"])
    try:
        serve.run(
            build_openai_app(app["args"]),
            name=app["name"],
            route_prefix=app["route_prefix"],
            # Of the app itself; the one above is of Serve's own processes.
            logging_config=config["logging_config"],
            blocking=True,
        )
    finally:
        # On a cluster it would otherwise stay, with its GPUs.
        serve.delete(app["name"])


def main(argv: Sequence[str] | None = None) -> int:
    settings = load(argv, schema=ServingSettings, program="python -m codeseq_ray.serving")
    if settings.run:
        run(settings)
    else:
        print(render(settings), end="")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CodeseqError as error:
        print(f"serving: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        sys.exit(0)
