# The hub and, from the same image, the emulators of the trial. Nothing in it builds or installs:
# what runs is put together in the first stage, by hash, and copied.
ARG PYTHON=3.11.14-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /build
RUN python -m venv --without-pip /opt/threadline
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/ requirements/
RUN pip --python /opt/threadline/bin/python install --require-hashes \
    -r requirements/base.txt -r requirements/otel.txt -r requirements/s3.txt
COPY pyproject.toml README.md LICENSE ./
COPY mappers/ mappers/
COPY channel_clients/ channel_clients/
COPY crm_clients/ crm_clients/
COPY middleware/ middleware/
COPY migrations/ migrations/
RUN pip --python /opt/threadline/bin/python install --no-deps --no-build-isolation . \
    && pip --python /opt/threadline/bin/python uninstall --yes setuptools

FROM python:${PYTHON}
RUN useradd --uid 10001 --create-home --home-dir /data threadline
COPY --from=build /opt/threadline /opt/threadline
ENV PATH=/opt/threadline/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    THREADLINE_HOST=0.0.0.0 THREADLINE_PORT=8080 THREADLINE_DATA_DIR=/data THREADLINE_LOG_FORMAT=json
# By number, so that a cluster can see that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s --retries=3 \
    CMD ["python", "-I", "-c", "import os; from urllib.request import urlopen; urlopen(f'http://127.0.0.1:{os.environ[\"THREADLINE_PORT\"]}/health/ready', timeout=4)"]
CMD ["threadline", "up"]
