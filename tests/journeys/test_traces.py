"""One message is one trace: from the hook, through the database, to the call; without words."""

import json
from dataclasses import replace
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from channel_clients.emulators.stage import serving
from middleware.app import make_app
from middleware.hub import open_hub
from middleware.tracing.otel import Traced
from tests.journeys.town import (
    TOKEN,
    Plan,
    Town,
    free_port,
    move_in,
    open_town,
    open_world,
    running,
    settings_for,
)

NINA = 1001
PHONE = "+79161234567"
WORDS = "Здравствуйте, это секрет"
ANSWER = "Никому не скажем"
ALLOWED = {
    "hook": {"threadline.connection_id"},
    "read": {
        "threadline.provider",
        "threadline.connection_id",
        "threadline.arrival",
        "threadline.tries",
    },
    "attempt": {
        "threadline.provider",
        "threadline.connection_id",
        "threadline.delivery_id",
        "threadline.kind",
        "threadline.attempt",
        "threadline.was",
        "threadline.outcome",
    },
    "call": {
        "threadline.call",
        "threadline.number",
        "http.request.method",
        "http.response.status_code",
        "server.address",
    },
}


class Collector:
    """What a collector of traces would hold."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()

    def tracer(self, owner: str = "one") -> Traced:
        return Traced(SimpleSpanProcessor(self._exporter), owner)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def traces(self) -> dict[int, list[ReadableSpan]]:
        found: dict[int, list[ReadableSpan]] = {}
        for span in self.spans:
            found.setdefault(_at(span)[0], []).append(span)
        return found

    def trace_with(self, kind: str) -> list[ReadableSpan]:
        """The one trace in which a delivery of that kind is attempted."""
        (found,) = (
            spans
            for spans in self.traces().values()
            if any(_about(span).get("threadline.kind") == kind for span in spans)
        )
        return found


def _at(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


def _about(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def _parent(span: ReadableSpan, spans: list[ReadableSpan]) -> ReadableSpan:
    assert span.parent is not None
    return next(each for each in spans if _at(each)[1] == span.parent.span_id)


async def talk(town: Town) -> None:
    town.telegram.say(NINA, WORDS, name="Нина")
    await town.settle()
    town.reply(NINA, ANSWER)
    await town.settle()
    assert town.seen_by(NINA) == [ANSWER]


async def test_a_message_and_its_answer_are_a_trace_each(postgres_url: str, tmp_path: Path) -> None:
    collector = Collector()
    async with open_town(postgres_url, tmp_path, tracer=collector.tracer()) as town:
        await talk(town)

    for kind in ("write", "send"):
        spans = collector.trace_with(kind)
        (hook,) = (span for span in spans if span.name == "hook")
        (read,) = (span for span in spans if span.name == "read")
        attempts = [span for span in spans if span.name == "attempt"]
        calls = [span for span in spans if span.name == "call"]
        assert hook.parent is None
        assert _parent(read, spans) is hook
        assert read.start_time is not None
        assert hook.start_time is not None
        assert hook.start_time <= read.start_time
        first = next(span for span in attempts if _about(span)["threadline.kind"] == kind)
        assert _parent(first, spans) is read
        assert _about(first)["threadline.outcome"] == "done"
        assert any(_parent(call, spans) is first for call in calls)


async def test_a_trace_says_what_it_may_and_nothing_else(postgres_url: str, tmp_path: Path) -> None:
    collector = Collector()
    async with open_town(postgres_url, tmp_path, tracer=collector.tracer()) as town:
        town.telegram.share_contact(NINA, PHONE)
        await talk(town)

    assert {span.name for span in collector.spans} == set(ALLOWED)
    for span in collector.spans:
        assert set(_about(span)) == ALLOWED[span.name]
        assert not span.events
        told = span.to_json()
        for secret in (WORDS, ANSWER, "Нина", PHONE[1:], str(NINA), TOKEN, "hush-hush"):
            assert secret not in told
            assert json.dumps(secret)[1:-1] not in told


async def test_a_failed_call_is_told_without_its_sentence(
    postgres_url: str, tmp_path: Path
) -> None:
    collector = Collector()
    async with open_town(postgres_url, tmp_path, tracer=collector.tracer()) as town:
        town.amocrm.stage.arm("error_500_before", match="/contacts", times=1)
        town.telegram.say(NINA, WORDS, name="Нина")
        await town.settle()

    failed = [span for span in collector.spans if span.status.status_code is StatusCode.ERROR]
    assert failed
    assert all(span.status.description is None for span in failed)


async def test_a_trace_goes_on_in_another_process(postgres_url: str, tmp_path: Path) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port())
    door, worker = Collector(), Collector()
    async with open_world() as world:
        async with running(settings) as hub:
            town = await move_in(world, hub, Plan())
        async with open_hub(settings, tracer=door.tracer("door")) as hub:
            await hub.executor.stop()
            await hub.addresses.reload()
            async with serving(make_app(hub), settings.port):
                town.telegram.say(NINA, WORDS, name="Нина")
                await town.telegram.drain()
        async with running(settings, worker.tracer("worker")) as hub:
            town = replace(town, hub=hub)
            await town.settle()
            assert town.entries() == [WORDS]

    (hook,) = door.spans
    assert hook.name == "hook"
    spans = worker.trace_with("write")
    assert {_at(span)[0] for span in spans} == {_at(hook)[0]}
    (read,) = (span for span in spans if span.name == "read")
    assert read.parent is not None
    assert read.parent.span_id == _at(hook)[1]
    assert hook.resource.attributes["service.instance.id"] == "door"


async def test_what_is_planned_untraced_is_attempted_in_a_trace_of_its_own(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port())
    collector = Collector()
    async with open_world() as world:
        async with running(settings) as hub:
            town = await move_in(world, hub, Plan())
            world.amocrm.stage.arm("error_500_before", times=-1)
            town.telegram.say(NINA, WORDS, name="Нина")
            await town.telegram.drain()
            async with town.patience():
                while not await town.count("SELECT count(*) FROM deliveries"):
                    await town.pause()
        world.amocrm.stage.clear()
        async with running(settings, collector.tracer()) as hub:
            await replace(town, hub=hub).settle()
    spans = collector.trace_with("write")
    assert [span.parent for span in spans if span.name == "attempt"] == [None]
