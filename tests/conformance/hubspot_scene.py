"""HubSpot set for a test: an emulator over real HTTP, one portal connected to it, its hooks."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from channel_clients.emulators.stage import NETWORK_FAULTS, Push, Response, Stage, serving
from crm_clients.emulators.hubspot import FAULTS, HubSpotEmulator
from crm_clients.hubspot import MANIFEST, Application, Config, HubSpot
from crm_clients.hubspot.doors import ApplicationDoor, signature
from mappers.vocabulary import Webhook
from tests.conformance.crm_bench import OURS, Bench, Entrance
from tests.port import NOON, LoopbackHttp

ACME = "acme"
ADDRESS = "https://hub.example.com/hooks/0192"
CALLBACK = "https://hub.example.com/oauth/hubspot/callback"
NETWORK = dict.fromkeys(NETWORK_FAULTS - {"slow"}, "ambiguous")
OF_CREATE = {
    **NETWORK,
    "ten_secondly_limit": "rate_limited",
    "daily_limit": "rate_limited",
    "secondly_limit": "rate_limited",
    "record_locked": "rate_limited",
    "account_moving": "rate_limited",
    "expired_token": "auth_expired",
    "invalid_token": "auth_expired",
    "scopes_missing": "blocked",
    "rule_of_the_admin": "permanent",
    "internal_error_before": "ambiguous",
    "internal_error_after": "ambiguous",
    "gateway_timeout_before": "ambiguous",
    "gateway_timeout_after": "ambiguous",
    "no_answer_in_100_s_before": "ambiguous",
    "no_answer_in_100_s_after": "ambiguous",
}
OF_WRITE = dict(OF_CREATE)
ELSEWHERE = frozenset(
    {
        "slow",  # a good answer
        "email_race",
        "batch_dies",
        "oauth_flood",
        "refresh_answer_lost",
        "hub_unknown",
        "lost_hook",
        "duplicate_hook",
        "reordered_hooks",
        "forged_hook",
        "stale_hook",
    }
)
OBJECTS = "POST /crm/objects/2026-03"
PATHS = {
    "write": "/messages",
    "create": f"{OBJECTS}/*s",  # a kind of cards, and nothing about those that are there
    "task": f"{OBJECTS}/tasks",
    "bulk": f"{OBJECTS}/",
}
CONTACT, DEAL, TICKET, TASK, CALL, LETTER = "0-1", "0-3", "0-5", "0-27", "0-48", "0-49"


async def nobody(push: Push) -> Response:
    """Nothing is told in these tests but by asking."""
    del push
    return Response(status=200)


@asynccontextmanager
async def an_emulator() -> AsyncIterator[HubSpotEmulator]:
    emulator = HubSpotEmulator(stage=Stage(push=nobody))
    emulator.switches.rate_limited = False
    emulator.switches.lock_burst = 0
    emulator.switches.search_lag_s = 0.0
    emulator.add_portal(ACME, users=("Ольга Менеджер", "Иван Оператор"))
    for kind in (CONTACT, DEAL):
        _add_fields(emulator, kind)
    try:
        yield emulator
    finally:
        await emulator.aclose()


def _add_fields(emulator: HubSpotEmulator, kind: str) -> None:
    """One property of each type that a mapping can write, and of those that it cannot."""
    for name, type_id, field_type in (
        ("own_text", "string", "text"),
        ("own_page", "string", "html"),
        ("own_file", "string", "file"),
        ("own_number", "number", "number"),
        ("own_flag", "bool", "booleancheckbox"),
        ("own_date", "date", "date"),
        ("own_moment", "datetime", "date"),
        ("own_phone", "phone_number", "phonenumber"),
    ):
        emulator.add_property(ACME, kind, name, type_id, field_type)
    for name, field_type in (("own_choice", "select"), ("own_list", "checkbox")):
        emulator.add_property(ACME, kind, name, "enumeration", field_type, values=("Да", "Нет"))


@asynccontextmanager
async def signed_in(
    emulator: HubSpotEmulator, **details: Any
) -> AsyncIterator[tuple[Application, Config, LoopbackHttp]]:
    """Let the application in; set nothing up."""
    ours = emulator.add_app(CALLBACK, hook_url=ADDRESS)
    told = emulator.install(ACME, ours.client_id)
    async with serving(emulator.app) as base, httpx.AsyncClient(trust_env=False) as client:
        application = Application(
            client_id=ours.client_id,
            client_secret=SecretStr(ours.client_secret),
            app_id=str(ours.app_id),
            redirect_uri=CALLBACK,
            developer_key=SecretStr(ours.developer_key),
            hook_address=ADDRESS,
            api_base=base,
        )
        config = Config(
            portal_id=str(told["hub_id"]),
            access_token=SecretStr(told["access_token"]),
            refresh_token=SecretStr(told["refresh_token"]),
            expires_at=datetime.now(UTC) + timedelta(minutes=30),
            scopes=tuple(told["scopes"]),
            api_base=base,
            **details,
        )
        yield application, config, LoopbackHttp(client, at=datetime.now(UTC))


@asynccontextmanager
async def on_the_bench(emulator: HubSpotEmulator, **details: Any) -> AsyncIterator[Bench]:
    """Connect the portal as the hub would: let in, set up, the changes kept."""
    async with signed_in(emulator, **details) as (application, config, http):
        done = await HubSpot(config, application, http).set_up(ADDRESS, take_over=False)
        http.calls.clear()
        ready = Config.model_validate({**config.model_dump(), **done.changes})
        yield replace(
            a_bench(emulator, application, ready, http),
            entrances=(entrance_of_channel(application, ready), entrance_of_crm(application)),
        )


def a_bench(
    emulator: HubSpotEmulator,
    application: Application | None,
    config: Config,
    http: LoopbackHttp,
) -> Bench:
    case = TICKET if config.case == "tickets" else DEAL

    def reply(to: str, text: str) -> str:
        emulator.switches.hooks_lost = True
        said = emulator.reply(ACME, to, text)
        emulator.switches.hooks_lost = False
        return said.message.id

    def timeline(ours: str) -> list[str]:
        threads = [each for each in emulator.timeline(ACME) if each.client_id == ours]
        return [each.text for thread in threads for each in thread.messages if not each.is_system]

    return Bench(
        manifest=MANIFEST,
        config=config,
        application=application,
        http=http,
        entrances=(),
        faults_of_write=OF_WRITE,
        faults_of_create=OF_CREATE,
        elsewhere=ELSEWHERE,
        known_faults=FAULTS | NETWORK_FAULTS,
        arm=lambda fault, call: emulator.stage.arm(fault, match=PATHS[call]),
        reply=reply,
        timeline=timeline,
        felt=lambda _: [],
        counts=lambda: (_living(emulator, CONTACT), _living(emulator, case)),
        delete_record=lambda record: emulator.delete_record(ACME, CONTACT, int(record)),
        tasks=lambda: tasks_of(emulator),
        tags=lambda _: [],
        dismiss=lambda owner: emulator.dismiss(ACME, user_of(emulator, owner)),
        address=ADDRESS,
        is_writing=lambda call: call.method == "PATCH",
        calls=lambda: [phone_of(each) for each in _of(emulator, CALL)],
        emails=lambda: [each["hs_email_subject"] for each in _of(emulator, LETTER)],
    )


def tasks_of(emulator: HubSpotEmulator) -> list[tuple[str, str, str]]:
    """What employees were given to do: about what, the words, and for whom."""
    return [
        (
            str((each["tied"].get("deals") or each["tied"]["contacts"])[0]),
            each["properties"]["hs_task_subject"],
            each["properties"].get("hubspot_owner_id", ""),
        )
        for each in emulator.records(ACME, TASK)
    ]


def _living(emulator: HubSpotEmulator, kind: str) -> int:
    return len([each for each in emulator.records(ACME, kind) if not each["is_deleted"]])


def _of(emulator: HubSpotEmulator, kind: str) -> list[dict[str, str]]:
    return [each["properties"] for each in emulator.records(ACME, kind)]


def phone_of(call: dict[str, str]) -> str:
    is_inbound = call["hs_call_direction"] == "INBOUND"
    return call["hs_call_from_number" if is_inbound else "hs_call_to_number"]


def user_of(emulator: HubSpotEmulator, owner: str) -> int:
    users = emulator.world.portal(ACME).users.values()
    return next(each.id for each in users if str(each.owner_id) == owner)


def entrance_of_crm(application: Application) -> Entrance:
    """Events of the CRM: a list, signed in either way."""
    told = crm_events(subscriptionType="contact.deletion", objectId=901)
    return Entrance(
        door=ApplicationDoor(application),
        sign=lambda body: signed(application, body),
        told=told,
        told_unknown=crm_events(subscriptionType="company.creation", objectId=5),
        forged=_forged(application, told),
    )


def entrance_of_channel(application: Application, config: Config) -> Entrance:
    """Events of the channel: one at a time."""
    told = json.dumps(reply_hook(config, "Курьер выехал")).encode()
    unknown = {**reply_hook(config, ""), "type": "SOMETHING_NEW", "message": None}
    return Entrance(
        door=ApplicationDoor(application),
        sign=lambda body: signed(application, body),
        told=told,
        told_unknown=json.dumps(unknown).encode(),
        forged=_forged(application, told),
    )


def _forged(application: Application, told: bytes) -> tuple[Webhook, ...]:
    true = signed(application, told)
    spoiled: tuple[dict[str, str], ...] = (
        {**true.headers, "x-hubspot-signature-v3": "A" * 44},
        {key: each for key, each in true.headers.items() if not key.endswith("v3")},
        {**true.headers, "x-hubspot-request-timestamp": "1"},
        {},
    )
    return (
        *(replace(true, headers=headers) for headers in spoiled),
        replace(true, body=told + b" "),
        replace(true, raw_query="a=1"),
        replace(true, received_at=NOON + timedelta(minutes=6)),
        replace(true, method="GET"),
    )


def signed(application: Application, body: bytes) -> Webhook:
    stamp = str(round(NOON.timestamp() * 1000))
    secret = application.client_secret.get_secret_value()
    shown = signature(secret, "POST", application.hook_address, body, stamp)
    headers = {"x-hubspot-signature-v3": shown, "x-hubspot-request-timestamp": stamp}
    return Webhook(method="POST", body=body, headers=headers, received_at=NOON)


def crm_events(**details: Any) -> bytes:
    event = {
        "eventId": 100,
        "subscriptionId": 3001,
        "portalId": 4411,
        "appId": 70001,
        "occurredAt": 1763740800123,
        "attemptNumber": 0,
        "changeSource": "CRM_UI",
        **details,
    }
    return json.dumps([event]).encode()


def reply_hook(config: Config, text: str) -> dict[str, Any]:
    """What a channel is told of an operator's reply."""
    ours = {"type": "CHANNEL_SPECIFIC_OPAQUE_ID", "value": OURS}
    return {
        "type": "OUTGOING_CHANNEL_MESSAGE_CREATED",
        "portalId": config.portal_id,
        "channelId": config.channel_id,
        "eventTimestamp": "2026-11-21T16:03:10.000Z",
        "eventId": "0f4d7f1e-1111-4222-8333-444455556666",
        "channelIntegrationThreadIds": [OURS],
        "message": {
            "id": "c1c2c3c4d5d6d7d8",
            "type": "MESSAGE",
            "channelId": config.channel_id,
            "channelAccountId": config.channel_account_id,
            "conversationsThreadId": "6065362089",
            "createdAt": "2026-11-21T16:03:09.500Z",
            "createdBy": "A-222222",
            "client": {"clientType": "HUBSPOT"},
            "senders": [{"actorId": "A-222222", "name": "Olga Petrova"}],
            "recipients": [{"actorId": "V-100452", "deliveryIdentifier": ours}],
            "text": text,
            "richText": f"<p>{text}</p>",
            "attachments": [],
            "direction": "OUTGOING",
            "truncationStatus": "NOT_TRUNCATED",
            "status": {"statusType": "SENT"},
            "archived": False,
        },
    }


def parts_of(bench: Bench) -> tuple[Application, Config]:
    assert isinstance(bench.application, Application)
    assert isinstance(bench.config, Config)
    return bench.application, bench.config


def adapter_of(bench: Bench) -> HubSpot:
    crm = bench.crm
    assert isinstance(crm, HubSpot)
    return crm


def with_config(bench: Bench, **values: Any) -> Bench:
    _, config = parts_of(bench)
    return replace(bench, config=config.model_copy(update=values))
