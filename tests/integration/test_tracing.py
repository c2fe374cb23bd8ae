"""Traces leave by the usual variables, and nothing of them is loaded while they are off."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from channel_clients.emulators.loopback import Receive, Scope, Send, read_request, respond, serving
from channel_clients.emulators.stage import Request, Response
from mappers.vocabulary import ConnectionId
from middleware.ids import uuid7
from middleware.settings import Settings
from middleware.store.rows import InboxRow, Parcelled
from middleware.tracing.choice import NoTraces, tracer_of
from middleware.tracing.otel import Traced
from middleware.tracing.place import root_of
from middleware.webhooks.keys import digest_of

OFF = """
import asyncio, sys
from middleware.settings import Settings
from middleware.hub import open_hub
from middleware.app import make_app
from middleware.tracing.choice import tracer_of
from middleware.tracing.port import UNTRACED
assert tracer_of(Settings(_env_file=None), "me") is UNTRACED
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exp"))])
"""


def a_parcel(connection: ConnectionId) -> Parcelled:
    return Parcelled(connection=connection, digest=digest_of("1"), form="hook", body=b"{}")


def as_read(parcel: Parcelled) -> InboxRow:
    return InboxRow(
        connection=parcel.connection,
        digest=parcel.digest,
        arrival=1,
        form=parcel.form,
        body=parcel.body,
        received_at=datetime.now(UTC),
        tries=1,
    )


def traces_in(exporter: InMemorySpanExporter) -> set[int]:
    return {span.context.trace_id for span in exporter.get_finished_spans() if span.context}


class Receiver:
    """A collector's door."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests.append(await read_request(scope, receive))
        await respond(send, Response())


async def test_spans_go_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Receiver()
    async with serving(receiver) as base:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", base)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-hub")
        tracer = tracer_of(Settings(traces=True), "me")
        with tracer.keeping([a_parcel(ConnectionId(uuid7()))]):
            pass
        await tracer.aclose()
    (told,) = receiver.requests
    assert told.path == "/v1/traces"
    assert b"shop-hub" in told.body
    assert b"hook" in told.body


def test_a_sampler_decides_alike_for_door_and_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    door, reader = InMemorySpanExporter(), InMemorySpanExporter()
    at_door = Traced(SimpleSpanProcessor(door), "door")
    at_reader = Traced(SimpleSpanProcessor(reader), "reader")
    for _ in range(40):
        parcel = a_parcel(ConnectionId(uuid7()))
        with at_door.keeping([parcel]):
            pass
        with at_reader.reading("telegram", as_read(parcel)):
            pass
    assert 0 < len(traces_in(door)) < 40
    assert traces_in(door) == traces_in(reader)


def test_while_traces_are_off_nothing_of_them_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", OFF], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "middleware.tracing.otel", None)
    with pytest.raises(NoTraces, match=r"threadline\[otel\]"):
        tracer_of(Settings(traces=True), "me")


def test_a_trace_is_found_again_from_what_the_inbox_knows() -> None:
    one, two = ConnectionId(uuid7()), ConnectionId(uuid7())
    assert root_of(one, digest_of("1")) == root_of(one, digest_of("1"))
    found = {root_of(c, digest_of(key)).trace for c in (one, two) for key in "12"}
    assert len(found) == 4
