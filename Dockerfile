# The hub and, from the same image, the emulators of the trial.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/threadline
COPY requirements/ requirements/
RUN /opt/threadline/bin/pip install --no-cache-dir --require-hashes -r requirements/base.txt -r requirements/s3.txt
COPY pyproject.toml README.md LICENSE ./
COPY mappers/ mappers/
COPY channel_clients/ channel_clients/
COPY crm_clients/ crm_clients/
COPY middleware/ middleware/
COPY migrations/ migrations/
RUN /opt/threadline/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /data threadline
COPY --from=build /opt/threadline /opt/threadline
ENV PATH=/opt/threadline/bin:$PATH PYTHONUNBUFFERED=1 \
    THREADLINE_HOST=0.0.0.0 THREADLINE_DATA_DIR=/data THREADLINE_LOG_FORMAT=json
USER threadline
WORKDIR /data
VOLUME /data
EXPOSE 8080
CMD ["threadline", "up"]
