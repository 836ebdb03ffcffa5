# docker build -t metricdepth .                                  CPU
# docker build -t metricdepth --build-arg BASE=nvidia/cuda:12.6.3-runtime-ubuntu24.04 --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu126 .
# docker run --rm -v "$PWD:/data" metricdepth predict photo.jpg -o out    (of another user than 1000: --user "$(id -u):$(id -g)" -e HOME=/tmp)
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN if ! command -v pip; then apt-get update && apt-get install -y --no-install-recommends python3-venv && \
    rm -rf /var/lib/apt/lists/*; fi
COPY . /source
RUN python3 -m venv /venv && /venv/bin/pip install --no-cache-dir --extra-index-url "${TORCH_INDEX}" "/source[openvino]" && \
    rm -rf /source && useradd --create-home --non-unique --uid 1000 user
ENV PATH=/venv/bin:$PATH
USER 1000
WORKDIR /data
ENTRYPOINT ["metricdepth"]
