# syntax=docker/dockerfile:1.7
# Ray Serve LLM with vLLM, for the RayService `codeseq-models`. Needs no code of this project.
#
#   docker build -f cluster/docker/gpu.Dockerfile -t registry.example.org/codeseq-ray-gpu:0.1.0 .
#
# Linted (hadolint, in `make check`); neither built nor run where this was written: no builder and no GPU were at hand.
# The base is plain Python, because PyTorch's wheels bring the CUDA libraries (CUDA 13 with the versions pinned below);
# the node gives the driver. What vLLM compiles as it starts (Triton, FlashInfer) needs gcc, and may need nvcc: if the
# engines' log says so, take nvidia/cuda:13.0.1-devel-ubuntu24.04 as base of the last stage, with Python 3.11 in it.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# pip compiles what it installs: the root file system is read-only in the pods.
COPY constraints-vllm.txt ./
RUN pip install --prefix=/install -c constraints-vllm.txt 'ray[llm]==2.60.0'

FROM python:3.11-slim-bookworm
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="codeseq-ray-gpu" \
      org.opencontainers.image.description="Ray Serve LLM with vLLM, for codeseq-ray's two models" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# bash and wget: KubeRay's commands and probes. gcc and libc: Triton compiles its launcher.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bash gcc libc6-dev tini wget \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 codeseq \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin codeseq
COPY --from=build /install /usr/local
# What NVIDIA's container runtime puts into a container whose base does not say.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
WORKDIR /tmp
USER 10001:10001
HEALTHCHECK --interval=60s --timeout=30s --start-period=120s CMD ["ray", "--version"]
ENTRYPOINT ["tini", "--"]
CMD ["ray", "--help"]
