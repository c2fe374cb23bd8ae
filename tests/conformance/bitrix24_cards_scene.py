"""Bitrix24 set for a test of its other modes: messages on cards, by an application or a webhook."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import httpx
from pydantic import SecretStr

from channel_clients.emulators.stage import serving
from crm_clients.bitrix24 import MANIFEST, Application, Bitrix24OnCards, Config
from crm_clients.bitrix24.bbcode import GAP
from crm_clients.bitrix24.tasks import TASK
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from mappers.vocabulary import Webhook
from tests.conformance.bitrix24_scene import (
    ACME,
    ADDRESS,
    ELSEWHERE,
    OF_CREATE,
    a_bench,
    form,
    signed,
    signed_in,
)
from tests.conformance.crm_bench import Bench, Entrance
from tests.port import LoopbackHttp

OUTGOING = "outgoing-token-of-the-portal"
CARD_PATHS = {"write": "crm.activity.add", "create": ".add", "task": "crm.activity.add"}
ELSEWHERE_ON_CARDS = ELSEWHERE | {"item_failed", "no_session"}
REMARK_PATHS = {
    "write": "crm.timeline.comment.add",
    "create": ".add",
    "task": "crm.activity.todo.add",
}


@asynccontextmanager
async def with_activities(emulator: Bitrix24Emulator) -> AsyncIterator[Bench]:
    """An application without open lines, installed and set up."""
    async with signed_in(emulator, timeline="cards") as (application, config, http):
        ready = await _set_up(config, application, http)
        yield replace(
            a_bench(emulator, application, ready, http),
            entrances=(_deletions(ready),),
            arm=lambda fault, call: emulator.stage.arm(fault, match=CARD_PATHS[call]),
            reply=lambda _, text: _commented(emulator, text),
            timeline=lambda _: activities(emulator),
            faults_of_write=OF_CREATE,
            elsewhere=ELSEWHERE_ON_CARDS,
        )


@asynccontextmanager
async def with_webhook(emulator: Bitrix24Emulator) -> AsyncIterator[Bench]:
    """No application: a webhook's address, and the token of an outgoing one."""
    made = emulator.add_webhook(ACME, scopes=("crm", "user"))
    async with serving(emulator.app) as base, httpx.AsyncClient(trust_env=False) as client:
        http = LoopbackHttp(client, at=datetime.now(UTC))
        address = f"{base}/{ACME}/rest/{made['user_id']}/{made['secret']}/"
        config = Config.model_validate(
            {"webhook": SecretStr(address), "application_token": OUTGOING}
        )
        ready = await _set_up(config, None, http)
        yield replace(
            a_bench(emulator, None, ready, http),
            entrances=(_deletions(ready),),
            arm=lambda fault, call: emulator.stage.arm(fault, match=REMARK_PATHS[call]),
            reply=lambda _, text: _commented(emulator, text),
            timeline=lambda _: remarks(emulator),
            faults_of_write=OF_CREATE,
            elsewhere=ELSEWHERE_ON_CARDS,
            secrets=(made["secret"],),
        )


async def _set_up(config: Config, application: Application | None, http: LoopbackHttp) -> Config:
    crm = MANIFEST.build(config, application, http)
    assert isinstance(crm, Bitrix24OnCards)
    done = await crm.set_up(ADDRESS, take_over=False)
    http.calls.clear()
    return Config.model_validate({**config.model_dump(), **done.changes})


def _commented(emulator: Bitrix24Emulator, text: str) -> str:
    contact = emulator.contacts(ACME)[-1]["id"]
    return f"comment/{emulator.write_note(ACME, contact, f'// {text}').id}"


def activities(emulator: Bitrix24Emulator, portal: str = ACME) -> list[str]:
    """What our messages say, as people read them."""
    ours = [each["fields"] for each in emulator.activities(portal)]
    messages = [each for each in ours if each["PROVIDER_ID"] == "REST_APP"]
    return [
        each["DESCRIPTION"].replace(GAP, "")
        for each in messages
        if each["PROVIDER_TYPE_ID"] != TASK
    ]


def remarks(emulator: Bitrix24Emulator, portal: str = ACME) -> list[str]:
    """The same of comments: without the title above, and the mark below."""
    ours = {each.id: each.text for each in emulator.notes(portal) if each.text.endswith("[/size]")}
    return ["\n".join(text.split("\n")[1:-1]).replace(GAP, "") for text in ours.values()]


def _deletions(config: Config) -> Entrance:
    """The door of a portal that tells of deletions alone."""
    told = _event(config, "ONCRMCONTACTDELETE")
    spoiled = [
        {**told, "auth[application_token]": "0" * 32},
        {**told, "auth[application_token]": ""},
        {key: value for key, value in told.items() if not key.startswith("auth")},
    ]
    return Entrance(
        door=MANIFEST.door(config, None),
        sign=signed,
        told=form(told),
        told_unknown=form(_event(config, "ONCRMCOMPANYADD")),
        forged=(*(signed(form(each)) for each in spoiled), Webhook(method="GET")),
    )


def _event(config: Config, name: str) -> dict[str, str]:
    return {
        "event": name,
        "data[FIELDS][ID]": "5",
        "ts": "1773759161",
        "auth[member_id]": config.member_id or "d" * 32,
        "auth[application_token]": config.application_token.get_secret_value(),
    }


def on_cards(bench: Bench) -> Bitrix24OnCards:
    crm = bench.crm
    assert isinstance(crm, Bitrix24OnCards)
    return crm
