"""Every setting of the hub, from the environment (`THREADLINE_…`) or an `.env` file."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _counted(value: Any) -> Any:
    """Take a bare number for seconds: the environment says everything in text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


Duration: TypeAlias = Annotated[timedelta, BeforeValidator(_counted)]


class Settings(BaseSettings):
    """Printed into docs/reference/settings.md. Durations are seconds or ISO 8601 (`PT30S`)."""

    model_config = SettingsConfigDict(
        env_prefix="THREADLINE_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL 15 or newer. Empty: the embedded one, in `data_dir`."
    )
    data_dir: Path = Field(
        Path("var"), description="Where the embedded database, keys and files live."
    )
    host: str = Field("127.0.0.1", description="Address the hub listens on.")
    port: int = Field(8080, description="Port the hub listens on.", ge=0, le=65535)
    public_url: str = Field(
        "",
        description="HTTPS address by which providers reach the hub. Empty: none, so only"
        " channels that can be polled work, and no CRM can call us.",
    )
    secret_keys: SecretStr = Field(
        SecretStr(""),
        description="Comma-separated Fernet keys that encrypt secrets; the first encrypts, all"
        " decrypt. Empty: kept in `data_dir/keys`, made at the first start.",
    )
    language: Literal["ru", "en"] = Field("ru", description="Language of the CLI and the console.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="How much is logged."
    )
    log_format: Literal["console", "json"] = Field("console", description="For eyes or machines.")
    executor: Literal["in-process", "celery"] = Field(
        "in-process",
        description="Who serves connections: this process beside its web server, or any worker"
        " that hears of it through a broker.",
    )
    broker_url: SecretStr = Field(
        SecretStr(""),
        description="Broker that wakes workers: `redis://…` or `amqp://…`. For `celery` only.",
    )
    redis_url: SecretStr = Field(
        SecretStr(""),
        description="Redis in which processes share the budgets of providers. Empty: the broker's,"
        " where that is Redis.",
    )
    processes_at_most: int = Field(
        8,
        description="Most processes that call providers at once, the command line among them:"
        " while Redis is away, each keeps to that part of every budget.",
        ge=1,
    )
    pool_size: int = Field(10, description="Database connections kept by one process.", ge=2)
    statement_timeout: Duration = Field(
        timedelta(seconds=15), description="Longest database statement."
    )
    lease_ttl: Duration = Field(
        timedelta(seconds=30), description="How long a worker may be silent before another serves."
    )
    connections_at_once: int = Field(
        200, description="Connections that one process serves side by side.", ge=1
    )
    calls_at_once: int = Field(
        20, description="Calls under way at once for one connection.", ge=1, le=200
    )
    first_retry: Duration = Field(timedelta(seconds=2), description="First wait after a failure.")
    longest_retry: Duration = Field(timedelta(minutes=5), description="Longest wait between tries.")
    settling_pace: float = Field(
        1.0,
        description="Scales how long a provider may take to apply a call whose answer was lost."
        " Below 1 only against emulators.",
        gt=0,
        le=1,
    )
    gap_after: Duration = Field(
        timedelta(seconds=15),
        description="A silence of the hub longer than this makes it read missed replies back.",
    )
    hook_queue: int = Field(
        5000, description="Hooks waiting for their commit; more are refused with 503.", ge=1
    )
    hook_body_limit_bytes: int = Field(
        5 * 1024 * 1024, description="Largest hook body accepted.", ge=1024
    )
    shared_after: int = Field(
        3,
        description="An identity that so many contacts claim is taken for shared: it links two of"
        " them only when a person insists.",
        ge=1,
    )
    file_limit_bytes: int = Field(
        50_000_000,
        description="Largest file that is passed on; a larger one becomes a line of text.",
        ge=1024,
    )
    s3_bucket: str = Field(
        "",
        description="Bucket that files lie in, for hubs on several machines. Empty: they lie in"
        " `data_dir/media`. Needs the extra `threadline[s3]`.",
    )
    s3_endpoint: str = Field(
        "", description="Address of the S3 server. Empty: Amazon's, in the region."
    )
    s3_region: str = Field("us-east-1", description="Region of the bucket.")
    s3_key_id: str = Field("", description="Id of the access key to the bucket.")
    s3_secret: SecretStr = Field(SecretStr(""), description="Secret of the access key.")
    s3_prefix: str = Field("", description="What the names of our objects begin with.")
    retention: Duration = Field(
        timedelta(days=90), description="How long raw hooks, attempts and files are kept."
    )

    traces: bool = Field(
        False,
        description="Send traces by OpenTelemetry, OTLP over HTTP; where to and how many is said by"
        " the usual `OTEL_*` variables. Needs the extra `threadline[otel]`.",
    )

    @model_validator(mode="after")
    def _has_a_key_to_its_bucket(self) -> Self:
        if self.s3_bucket and not (self.s3_key_id and self.s3_secret.get_secret_value()):
            raise ValueError("S3_BUCKET needs S3_KEY_ID and S3_SECRET, the key that opens it")
        return self

    @model_validator(mode="after")
    def _has_what_many_processes_need(self) -> Self:
        broker = self.broker_url.get_secret_value()
        if self.executor == "celery" and not broker:
            raise ValueError("EXECUTOR=celery needs BROKER_URL, redis://… or amqp://…")
        if self.executor == "celery" and not self.budgets_url:
            raise ValueError("EXECUTOR=celery with this BROKER_URL needs REDIS_URL, for budgets")
        return self

    @property
    def budgets_url(self) -> str:
        """Where budgets are shared; empty where one process is all there is."""
        broker = self.broker_url.get_secret_value() if self.executor == "celery" else ""
        return self.redis_url.get_secret_value() or (broker if broker.startswith("redis") else "")

    def hook_address(self, address: str) -> str:
        """Spell the public address of a door; empty without a public URL."""
        return f"{self.public_url.rstrip('/')}/hooks/{address}" if self.public_url else ""
