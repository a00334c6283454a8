# `vqatune serve` with one version: v13 and its base from models/, copied in, or mounted.
#   docker build -t vqatune .                                        for CPUs
#   docker build -t vqatune:gpu --build-arg VARIANT=gpu .            for NVIDIA GPUs
# docs/serving.md says how to run it.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS packages
ARG VARIANT=cpu
WORKDIR /build
RUN python -m venv /opt/vqatune
ENV PATH=/opt/vqatune/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.txt requirements-demo.txt ./
# torch's build for CPUs is a tenth of the size of its build for CUDA, which is what the package index has for Linux.
RUN torch="$(grep '^torch==' requirements.txt)" && case "$VARIANT" in \
      cpu) pip install "$torch" --index-url https://download.pytorch.org/whl/cpu --extra-index-url https://pypi.org/simple ;; \
      gpu) pip install "$torch" ;; \
      *) echo "VARIANT is cpu or gpu" >&2; exit 1 ;; \
    esac
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
# The pins of the tested environment hold, also for what serving does not need directly.
RUN pip install --constraint requirements.txt --constraint requirements-demo.txt '.[serve]'

FROM python:${PYTHON}-slim
ARG VERSION=v13
COPY --from=packages /opt/vqatune /opt/vqatune
RUN useradd --create-home --uid 1000 vqatune
ENV PATH=/opt/vqatune/bin:$PATH PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 VERSION=${VERSION}
WORKDIR /srv/vqatune
# Where .dockerignore leaves models out, mount them: -v "$PWD/models:/srv/vqatune/models:ro"
COPY --chown=vqatune models ./models
USER vqatune
EXPOSE 8000
# Loading a large version takes its time.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
# exec: signals come to the server, which then answers what waits. The token comes in the variable VQATUNE_TOKEN.
CMD ["sh", "-c", "exec vqatune serve --host 0.0.0.0 --port 8000 --models models --version \"$VERSION\""]
