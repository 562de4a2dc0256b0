# syntax=docker/dockerfile:1.7
# Ray, the package and the jobs, for heads, loops, sandboxes and submitters.
#
#   docker build -f cluster/docker/cpu.Dockerfile -t registry.example.org/codeseq-ray:0.1.0 .
#
# And for training, on GPUs as well (PyTorch brings CUDA's libraries along; the node brings the driver):
#
#   docker build -f cluster/docker/cpu.Dockerfile --build-arg EXTRAS=scientific,train -t …/codeseq-ray-train:0.1.0 .
#
# Linted (hadolint, in `make check`), not built where this was written: no builder was at hand.

FROM python:3.11-slim-bookworm AS build
ARG EXTRAS=scientific
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# Dependencies first, without the package: this layer stays until their versions change. pip compiles what it installs;
# the root file system is read-only in the pods, where every worker would else compile on its own.
COPY pyproject.toml constraints.txt constraints-train.txt ./
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print('\n'.join(sum((project['optional-dependencies'][extra] for extra in '${EXTRAS}'.split(',')), project['dependencies'])))" \
    > requirements.txt \
    && pip install --prefix=/dependencies -c constraints.txt -c constraints-train.txt -r requirements.txt
COPY LICENSE README.md ./
COPY codeseq_ray codeseq_ray
RUN pip install --prefix=/package --no-deps .
COPY jobs app/jobs
COPY cluster/__init__.py app/cluster/
COPY cluster/docker app/cluster/docker
RUN python -m compileall -q app

FROM python:3.11-slim-bookworm
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="codeseq-ray" \
      org.opencontainers.image.description="Integer sequences into verified reasoning data, on Ray" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# bash and wget: KubeRay's commands and probes. tini: a PID 1 that reaps, under Docker; KubeRay sets a command of its own.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bash tini wget \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 codeseq \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin codeseq
COPY --from=build /dependencies /usr/local
COPY --from=build /package /usr/local
COPY --from=build /src/app /opt/codeseq-ray
COPY LICENSE /opt/codeseq-ray/
ENV PYTHONUNBUFFERED=1 \
    HOME=/tmp
WORKDIR /opt/codeseq-ray
USER 10001:10001
# Which walls of the sandbox hold on this node. Kubernetes has probes of its own and does not ask.
HEALTHCHECK --interval=60s --timeout=30s --start-period=10s CMD ["python", "-m", "codeseq_ray.sandbox", "check"]
ENTRYPOINT ["tini", "--"]
CMD ["python", "jobs/synthesize.py", "--help"]
