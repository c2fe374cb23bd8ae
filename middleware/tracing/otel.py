"""Traces by OpenTelemetry: spans of a hook, its reading, the attempts it led to, and their calls.

Attributes are few and chosen here, one by one: ids of ours, a provider's name, states. No
address, header or body, no word and no phone is among them; exceptions are told by their type.

Where to, how many and under which name is said by the variables that OpenTelemetry knows
everywhere: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME and the like. A
sampler that goes by trace ids decides alike in every process, since every process derives the
same ids.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from middleware.http.ledger import Exchange
from middleware.outbox.rules import Verdict
from middleware.store.duties import Job
from middleware.store.rows import InboxRow, Parcelled
from middleware.tracing.place import Place, being_at, here, planned_at, root_of
from middleware.tracing.port import Ended

Attributes = Mapping[str, str | int]

FAILED = Status(StatusCode.ERROR)
NS_PER_MS = 1_000_000


def exporting(owner: str) -> "Traced":
    """Send spans in the background to where OTEL_EXPORTER_OTLP_ENDPOINT says."""
    return Traced(BatchSpanProcessor(OTLPSpanExporter()), owner)


class _Chosen(RandomIdGenerator):
    """Chance, except for the span that is being begun at a given place."""

    def __init__(self) -> None:
        self.place: Place | None = None

    def generate_trace_id(self) -> int:
        return super().generate_trace_id() if self.place is None else self.place.trace

    def generate_span_id(self) -> int:
        return super().generate_span_id() if self.place is None else self.place.span


class Traced:
    """Gives spans to `processor`. Used on one loop."""

    def __init__(self, processor: SpanProcessor, owner: str) -> None:
        self._ids = _Chosen()
        named = {
            "service.name": "threadline",
            "service.version": version("threadline"),
            "service.instance.id": owner,
        }
        # What the environment says goes before what we say.
        resource = Resource.create({**named, **OTELResourceDetector().detect().attributes})
        self._provider = TracerProvider(
            resource=resource, id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("threadline")

    @contextmanager
    def keeping(self, parcels: Sequence[Parcelled]) -> Iterator[None]:
        began = time.time_ns()
        yield
        for parcel in parcels:
            self._hook(parcel, began)

    def _hook(self, parcel: Parcelled, began: int) -> None:
        self._ids.place = root_of(parcel.connection, parcel.digest)
        try:
            about = {"threadline.connection_id": str(parcel.connection)}
            self._tracer.start_span(
                "hook", kind=SpanKind.SERVER, attributes=about, start_time=began
            ).end()
        finally:
            self._ids.place = None

    @contextmanager
    def reading(self, provider: str, row: InboxRow) -> Iterator[None]:
        about: Attributes = {
            "threadline.provider": provider,
            "threadline.connection_id": str(row.connection),
            "threadline.arrival": row.arrival,
            "threadline.tries": row.tries,
        }
        with self._span("read", root_of(row.connection, row.digest), about):
            yield

    @contextmanager
    def attempting(self, provider: str, job: Job) -> Iterator[Ended]:
        about: Attributes = {
            "threadline.provider": provider,
            "threadline.connection_id": str(job.target),
            "threadline.delivery_id": str(job.id),
            "threadline.kind": job.kind.value,
            "threadline.attempt": job.attempts,
            "threadline.was": job.was.value,
        }
        with self._span("attempt", planned_at(job), about) as span:

            def ended(verdict: Verdict | None) -> None:
                outcome = "done" if verdict is None else type(verdict).__name__
                span.set_attribute("threadline.outcome", outcome)

            yield ended

    def exchanged(self, exchange: Exchange) -> None:
        if (place := here()) is None:
            return
        about: dict[str, str | int] = {
            "threadline.call": exchange.label,
            "http.request.method": exchange.method,
            "server.address": exchange.host,
            "threadline.number": exchange.number,
        }
        if exchange.status is not None:
            about["http.response.status_code"] = exchange.status
        if exchange.failure:
            about["threadline.failure"] = exchange.failure
        began = round(exchange.started_at.timestamp() * 1000) * NS_PER_MS
        span = self._tracer.start_span(
            "call",
            context=set_span_in_context(self._known(place)),
            kind=SpanKind.CLIENT,
            attributes=about,
            start_time=began,
        )
        if exchange.status is None or exchange.status >= 400:
            span.set_status(FAILED)
        span.end(began + exchange.duration_ms * NS_PER_MS)

    @contextmanager
    def _span(self, name: str, parent: Place | None, about: Attributes) -> Iterator[Span]:
        context = None if parent is None else set_span_in_context(self._known(parent))
        span = self._tracer.start_span(
            name, context=context, kind=SpanKind.CONSUMER, attributes=dict(about)
        )
        at = span.get_span_context()
        try:
            with being_at(Place(at.trace_id, at.span_id)):
                yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(FAILED)
            raise
        finally:
            span.end()

    def _known(self, place: Place) -> Span:
        """Stand in for a span that began elsewhere, sampled or not as it was there."""
        asked = self._provider.sampler.should_sample(None, place.trace, "")
        sampled = asked.decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        return NonRecordingSpan(
            SpanContext(place.trace, place.span, is_remote=True, trace_flags=flags)
        )

    async def aclose(self) -> None:
        await asyncio.to_thread(self._provider.shutdown)
