# An image that trades seconds after its first start: it carries the compiled code (scripts/build).
#   docker build -t exchange .
#   docker run --init --read-only --tmpfs /tmp --shm-size=1g --ulimit memlock=-1 --ulimit nofile=262144 \
#       -p 9100:9100 -p 8081:8081 -v exchange:/var/lib/exchange -v ./config:/etc/exchange:ro exchange
# /etc/exchange: exchange.toml and the files that it names, with host = "0.0.0.0" for what is to be reached.
# BASE: any image with Python 3.11 or newer and its venv module. Without the network, PIP_FIND_LINKS names a folder
# of wheels in the context. scripts/image builds it without a Docker daemon and trades in it.
ARG BASE=python:3.13-slim
# hadolint ignore=DL3006
FROM ${BASE} AS build
ARG PIP_NO_INDEX=
ARG PIP_FIND_LINKS=
COPY . /source
RUN EXCHANGE_PYTHON="$(command -v python3)" /source/scripts/build /wheels \
    && python3 -m venv /builder \
    && /builder/bin/pip wheel --no-cache-dir --no-deps --only-binary=:all: -w /wheels -r /source/requirements.txt

# hadolint ignore=DL3006
FROM ${BASE}
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    python3 -m venv /opt/exchange \
    && /opt/exchange/bin/pip install --no-cache-dir --no-index --no-deps /wheels/*.whl \
    && useradd --no-log-init --uid 10001 --home-dir /var/lib/exchange --create-home exchange
USER 10001
ENV PATH=/opt/exchange/bin:$PATH EXCHANGE_CACHE_DIR=/var/lib/exchange/cache PYTHONDONTWRITEBYTECODE=1
VOLUME /var/lib/exchange
EXPOSE 9100 8080 8081 8082 8083
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health', timeout=4)"]
ENTRYPOINT ["exchange"]
CMD ["run", "--config", "/etc/exchange/exchange.toml", "--data-dir", "/var/lib/exchange/data"]
