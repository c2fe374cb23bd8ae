"""HubSpot set for a test of its other mode: messages on cards, by an application or a key."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import httpx
from pydantic import SecretStr

from channel_clients.emulators.stage import serving
from crm_clients.emulators.hubspot import HubSpotEmulator
from crm_clients.hubspot import MANIFEST, Application, Config
from crm_clients.hubspot.adapter_on_cards import HubSpotOnCards
from crm_clients.hubspot.bodies import said_in, words_in
from crm_clients.hubspot.markers import MARKER
from crm_clients.on_cards import mark_of
from mappers.vocabulary import AttachmentKind, DealDraft, Entry, MediaFile, OperatorReplied
from mappers.vocabulary.hooks import Polled
from tests.conformance.crm_bench import OURS, Bench
from tests.conformance.hubspot_scene import (
    ACME,
    ADDRESS,
    a_bench,
    entrance_of_crm,
    phone_of,
    signed_in,
)
from tests.port import LoopbackHttp

PICTURE = b"\x89PNG\r\n\x1a\n and so on"
MADE = "POST /crm/objects/*/"
PATHS: Mapping[str, str] = MappingProxyType(
    {"create": f"{MADE}*s", "task": f"{MADE}tasks", "bulk": f"{MADE}*/batch/create"}
)


@asynccontextmanager
async def with_notes(
    emulator: HubSpotEmulator, *, properties: str = "unique", entry_object: str = "notes"
) -> AsyncIterator[Bench]:
    """An application without a channel; `properties` is the emulator's switch of that name."""
    emulator.switches.set("engagement_properties", properties)
    ways = {"timeline": "cards", "entry_object": entry_object}
    async with signed_in(emulator, **ways) as (application, config, http):
        ready = await _set_up(config, application, http)
        yield replace(
            _bench(emulator, application, ready, http),
            entrances=(entrance_of_crm(application),),
        )


@asynccontextmanager
async def with_service_key(emulator: HubSpotEmulator) -> AsyncIterator[Bench]:
    """No application: a token made by hand, which nobody tells anything."""
    token = emulator.static_token(ACME)
    async with serving(emulator.app) as base, httpx.AsyncClient(trust_env=False) as client:
        http = LoopbackHttp(client, at=datetime.now(UTC))
        config = Config(
            portal_id=str(emulator.world.portal(ACME).hub_id),
            access_token=SecretStr(token),
            timeline="cards",
            api_base=base,
        )
        ready = await _set_up(config, None, http)
        yield _bench(emulator, None, ready, http)


async def _set_up(config: Config, application: Application | None, http: LoopbackHttp) -> Config:
    crm = MANIFEST.build(config, application, http)
    assert isinstance(crm, HubSpotOnCards)
    done = await crm.set_up(ADDRESS, take_over=False)
    http.calls.clear()
    return Config.model_validate({**config.model_dump(), **done.changes})


def _bench(
    emulator: HubSpotEmulator, application: Application | None, ready: Config, http: LoopbackHttp
) -> Bench:
    kind = ready.entry_object
    paths = {**PATHS, "write": f"{MADE}{kind}"}
    bench = a_bench(emulator, application, ready, http)
    return replace(
        bench,
        arm=lambda fault, call: emulator.stage.arm(fault, match=paths[call]),
        reply=lambda _, text: noted(emulator, f"<p>// {text}</p>"),
        timeline=lambda to: messages(emulator, kind, _keys(to)),
        tasks=lambda: tasks(emulator),
        calls=lambda: [phone_of(each) for each in things(emulator, "calls")],
        emails=lambda: [each["hs_email_subject"] for each in things(emulator, "emails")],
        **_found_by_key(bench, is_marked=kind in ready.marked),
    )


def _found_by_key(bench: Bench, *, is_marked: bool) -> dict[str, Any]:
    """Where the portal keeps our keys unique, what was written may be written again."""
    if not is_marked:
        return {}
    of_write = {
        fault: "transient" if kind == "ambiguous" else kind
        for fault, kind in bench.faults_of_write.items()
    }
    repeatable = frozenset({"write", "bulk", "task", "log"})
    return {"faults_of_write": of_write, "repeatable": repeatable}


def noted(emulator: HubSpotEmulator, body: str, *tied_to: tuple[str, int], **more: str) -> str:
    """Let somebody note something, on the newest contact unless cards are named."""
    user = emulator.world.portal(ACME).user()
    written = {
        "hs_note_body": body,
        "hs_timestamp": str(round(emulator.world.now() * 1000)),
        "hubspot_owner_id": str(user.owner_id),
        **more,
    }
    cards = tied_to or (("contacts", live(emulator, "contacts")[-1]["id"]),)
    return f"notes/{emulator.add_record(ACME, 'notes', written, tied_to=cards).id}"


def live(emulator: HubSpotEmulator, kind: str) -> list[dict[str, Any]]:
    return [each for each in emulator.records(ACME, kind) if not each["is_deleted"]]


def things(emulator: HubSpotEmulator, kind: str) -> list[dict[str, str]]:
    return [each["properties"] for each in live(emulator, kind)]


def ours(emulator: HubSpotEmulator, kind: str = "notes") -> list[dict[str, Any]]:
    """Messages of ours as the emulator holds them."""
    return [
        each
        for each in live(emulator, kind)
        if each["properties"]["hs_object_source"] == "INTEGRATION"
    ]


def messages(
    emulator: HubSpotEmulator, kind: str = "notes", keys: Collection[str] = ()
) -> list[str]:
    """What our messages say, as people read them: without the title above, or a mark below.

    `keys` narrow it to those of one conversation, which a card does not tell.
    """
    name = "hs_note_body" if kind == "notes" else "hs_communication_body"
    marks = tuple(map(mark_of, keys))
    found = [each["properties"] for each in ours(emulator, kind)]
    return [
        words_in(each[name])
        for each in found
        if not keys or each.get(MARKER) in keys or any(mark in each[name] for mark in marks)
    ]


def _keys(to: str) -> tuple[str, ...]:
    """The keys of one of several conversations, as tests of bulk number them."""
    number = to.removeprefix(OURS)
    return (f"hello{number}", f"entry{number}") if number else ()


def tasks(emulator: HubSpotEmulator) -> list[tuple[str, str, str]]:
    found = []
    for each in live(emulator, "tasks"):
        about = (each["tied"].get("deals") or each["tied"]["contacts"])[0]
        said = each["properties"]
        words = said_in(said["hs_task_body"]).text
        found.append((str(about), words, said.get("hubspot_owner_id", "")))
    return found


def on_cards(bench: Bench) -> HubSpotOnCards:
    crm = bench.crm
    assert isinstance(crm, HubSpotOnCards)
    return crm


async def on_a_deal(bench: Bench) -> Entry:
    entry = await bench.entry()
    deal = await bench.crm.create_deal(DealDraft(record=entry.record, title="Диван"), key="d")
    return replace(entry, deal=deal)


def a_file() -> MediaFile:
    async def read() -> bytes:
        return PICTURE

    return MediaFile(
        kind=AttachmentKind.IMAGE,
        name="счёт 1.png",
        mime="image/png",
        size_bytes=len(PICTURE),
        url="https://hub.example.com/media/1/signed",
        read=read,
    )


def said_by(bench: Bench, polled: Polled) -> list[OperatorReplied]:
    events = [event for parcel in polled.parcels for event in bench.read(parcel).events]
    return [each for each in events if isinstance(each, OperatorReplied)]


def words(bench: Bench, polled: Polled) -> list[str]:
    return [each.message.text for each in said_by(bench, polled)]
