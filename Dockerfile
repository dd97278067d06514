# syntax=docker/dockerfile:1
#
# One image for all services, with two targets that hold the same packages unless TORCH_INDEX is set:
#
#   docker build --target cpu -t memscore:cpu .      api, dispatcher, migrate, Ray's head, CPU workers
#   docker build --target cuda -t memscore:cuda .    GPU workers
#
# Both targets get the package registry's default build of torch, a CUDA build that also runs on CPUs, with some 5 GB of
# CUDA libraries that `cpu` does not need. For a smaller `cpu`, use an index with CPU builds of the same versions:
# --build-arg TORCH_INDEX=ITS_URL. `cuda` needs no CUDA base image: the libraries are Python packages, and the driver
# comes from the host, through the NVIDIA Container Toolkit.

FROM python:3.11-slim-bookworm AS base
ENV PATH=/opt/memscore/bin:$PATH \
    PYTHONUNBUFFERED=1

FROM base AS packages
ARG TORCH_INDEX=""
ARG UV=0.13.9
ENV VIRTUAL_ENV=/opt/memscore \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy
# hadolint ignore=DL3042
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install "uv==$UV" && python -m venv --without-pip "$VIRTUAL_ENV"
WORKDIR /build
COPY requirements.lock pyproject.toml ./
# Every version comes from requirements.lock, and files that do not match a hash there are refused (TORCH_INDEX apart). As
# a constraint, it does not install the developer tools it also pins.
# hadolint ignore=SC2046
RUN --mount=type=cache,target=/root/.cache/uv \
    if [ -n "$TORCH_INDEX" ]; then \
        uv pip install --no-deps --index-url "$TORCH_INDEX" $(grep -oE '^torch(vision)?==[^ ]+' requirements.lock); \
    fi && \
    uv pip install --constraint requirements.lock --requirement pyproject.toml --extra cluster --extra postgresql
COPY README.md LICENSE ./
COPY migrations migrations
COPY api api
COPY trainer trainer
COPY memscore memscore
RUN --mount=type=cache,target=/root/.cache/uv uv pip install --no-deps .

FROM base AS cpu
# A new volume inherits the owner of the folder that it is mounted on.
RUN useradd --uid 1000 --create-home memscore && \
    install --directory --owner=memscore --group=memscore /var/lib/memscore
COPY --from=packages /opt/memscore /opt/memscore
USER 1000
WORKDIR /home/memscore
ENV MEMSCORE_HOME=/var/lib/memscore
CMD ["memscore", "--help"]

FROM cpu AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN python -c "import sys, torch; sys.exit(None if torch.version.cuda else 'torch is not a CUDA build; leave TORCH_INDEX empty')"
