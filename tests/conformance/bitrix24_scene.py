"""Bitrix24 set for a test: an emulator over real HTTP, one portal connected to it, its events."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from channel_clients.emulators.stage import NETWORK_FAULTS, serving
from crm_clients.bitrix24 import MANIFEST, Application, Bitrix24, Config
from crm_clients.bitrix24.lines import connector_of, external, reply_id
from crm_clients.bitrix24.tasks import TASK
from crm_clients.emulators.bitrix24 import FAULTS, Bitrix24Emulator
from crm_clients.emulators.bitrix24.crm_model import Activity
from mappers.vocabulary import Webhook
from tests.conformance.crm_bench import OURS, Bench, Entrance
from tests.port import LoopbackHttp

ACME = "acme"
CALL, LETTER = 2, 4
ADDRESS = "https://hub.example.com/hooks/0192"
NETWORK = dict.fromkeys(NETWORK_FAULTS - {"slow"}, "ambiguous")
OF_CREATE = {
    **NETWORK,
    "QUERY_LIMIT_EXCEEDED": "rate_limited",
    "OPERATION_TIME_LIMIT": "rate_limited",
    "OVERLOAD_LIMIT": "blocked",
    "ERROR_CORE": "permanent",
    "expired_token": "auth_expired",
    "access_denied_plan": "blocked",
    "access_denied_page": "blocked",
    "portal_deleted": "blocked",
    "internal_error_before": "ambiguous",
    "internal_error_after": "ambiguous",
    "html_500": "ambiguous",
    "html_502": "ambiguous",
    "empty_200": "ambiguous",
}
OF_WRITE = {**OF_CREATE, "item_failed": "permanent", "no_session": "ambiguous"}
ELSEWHERE = frozenset(
    {
        "slow",  # a good answer
        "batch_dies",
        "payment_required",
        "refresh_answer_lost",
        "lost_event",
        "duplicate_event",
        "reordered_events",
        "merged_events",
        "wrong_application_token",
        "event_without_tokens",
        "file_lost",
        "history_denied",
        "search_lag",
    }
)
PATHS = {
    "write": "imconnector.send.messages",
    "create": ".add",
    "task": "crm.activity.add",
    "bulk": "batch",
}
# One custom field of each type that a mapping can write.
TYPES = (
    *("string", "url", "address", "integer", "double", "money", "boolean", "enumeration"),
    *("crm_status", "employee", "date", "datetime"),
)
# Those of which cards may have several values.
LISTS = ("string", "enumeration", "date")
# And those that hold what is no word, or what lies elsewhere.
ELSEWHERE_KEPT = ("file", "crm", "iblock_element", "iblock_section")


@asynccontextmanager
async def an_emulator() -> AsyncIterator[Bitrix24Emulator]:
    emulator = Bitrix24Emulator()
    emulator.switches.rate_limited = False
    emulator.add_portal(ACME, users=("Ольга Менеджер", "Иван Оператор"))
    emulator.add_pipeline(ACME, "Опт")
    for entity in ("contact", "deal"):
        for kind in (*TYPES, *ELSEWHERE_KEPT):
            _add_field(emulator, entity, kind)
        for kind in LISTS:
            _add_field(emulator, entity, kind, "Y")
    try:
        yield emulator
    finally:
        await emulator.aclose()


def _add_field(emulator: Bitrix24Emulator, entity: str, kind: str, multiple: str = "N") -> None:
    name = f"MANY_{kind}" if multiple == "Y" else kind
    choices = [{"VALUE": "Да"}, {"VALUE": "Нет"}] if kind == "enumeration" else []
    settings = {"ENTITY_TYPE": "SOURCE"} if kind == "crm_status" else {}
    body = {"MULTIPLE": multiple, "LIST": choices, "SETTINGS": settings}
    emulator.add_field(ACME, entity, name, kind, LABEL=f"Поле {name}", **body)


@asynccontextmanager
async def signed_in(
    emulator: Bitrix24Emulator, **details: Any
) -> AsyncIterator[tuple[Application, Config, LoopbackHttp]]:
    """Install the application quietly; set nothing up."""
    ours = emulator.add_application("https://hub.example.com/install")
    told = emulator.install(ACME, ours.client_id, quietly=True)
    portal = emulator.world.portal(ACME)
    async with serving(emulator.app) as base, httpx.AsyncClient(trust_env=False) as client:
        application = Application(
            client_id=ours.client_id,
            client_secret=SecretStr(ours.client_secret),
            trusted_origins=(base,),
        )
        config = Config(
            base=f"{base}/{ACME}",
            member_id=portal.member_id,
            oauth_base=base,
            access_token=SecretStr(told["access_token"]),
            refresh_token=SecretStr(told["refresh_token"]),
            expires_at=datetime.now(UTC) + timedelta(hours=1),
            application_token=SecretStr(told["application_token"]),
            **details,
        )
        yield application, config, LoopbackHttp(client, at=datetime.now(UTC))


@asynccontextmanager
async def on_the_bench(emulator: Bitrix24Emulator) -> AsyncIterator[Bench]:
    """Connect the portal as the hub would: installed, set up, the changes kept."""
    async with signed_in(emulator) as (application, config, http):
        done = await Bitrix24(config, application, http).set_up(ADDRESS, take_over=False)
        http.calls.clear()
        ready = Config.model_validate({**config.model_dump(), **done.changes})
        yield replace(
            a_bench(emulator, application, ready, http),
            entrances=(entrance(ready, application),),
        )


def a_bench(
    emulator: Bitrix24Emulator,
    application: Application | None,
    config: Config,
    http: LoopbackHttp,
) -> Bench:
    def reply(to: str, text: str) -> str:
        emulator.switches.events_lost = True
        said = emulator.reply(ACME, external(to), text)
        emulator.switches.events_lost = False
        return reply_id(str(said.dialog.chat_id), str(said.message.id))

    def timeline(ours: str) -> list[str]:
        dialogs = [each for each in emulator.timeline(ACME) if each.client_id == external(ours)]
        return [message.text for dialog in dialogs for message in dialog.messages]

    def tasks() -> list[tuple[str, str, str]]:
        given = [each["fields"] for each in emulator.activities(ACME)]
        return [
            (str(each["OWNER_ID"]), str(each["DESCRIPTION"]), str(each["RESPONSIBLE_ID"]))
            for each in given
            if each["PROVIDER_TYPE_ID"] == TASK or each["PROVIDER_ID"] == "CRM_TODO"
        ]

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
        counts=lambda: (len(emulator.contacts(ACME)), len(emulator.deals(ACME))),
        delete_record=lambda record: emulator.delete_card(ACME, "contact", int(record)),
        tasks=tasks,
        tags=lambda _: [],
        dismiss=lambda user: emulator.dismiss(ACME, int(user)),
        address=ADDRESS,
        is_writing=lambda call: not call.label.endswith("batch"),
        calls=lambda: [each["VALUE"] for each in _reached(emulator, CALL)],
        emails=lambda: [each.fields["SUBJECT"] for each in of_type(emulator, LETTER)],
    )


def of_type(emulator: Bitrix24Emulator, kind: int) -> list[Activity]:
    kept = emulator.world.portal(ACME).crm.activities.values()
    return [each for each in kept if int(each.fields["TYPE_ID"]) == kind]


def _reached(emulator: Bitrix24Emulator, kind: int) -> list[dict[str, Any]]:
    return [reached for each in of_type(emulator, kind) for reached in each.communications]


def entrance(config: Config, application: Application) -> Entrance:
    door = MANIFEST.door(config, application)
    said = told(config, application, "Курьер выехал")
    spoiled = [
        _with_auth(said, application_token="0" * 32),
        _with_auth(said, application_token=""),
        _with_auth(said, member_id="0" * 32),
        {key: value for key, value in said.items() if not key.startswith("auth")},
    ]
    unknown = {**_auth(config), "event": "ONCRMCOMPANYADD", "data[FIELDS][ID]": "5", "ts": "1"}
    return Entrance(
        door=door,
        sign=signed,
        told=form(said),
        told_unknown=form(unknown),
        forged=(*(signed(form(each)) for each in spoiled), Webhook(method="GET")),
    )


def signed(body: bytes) -> Webhook:
    return Webhook(method="POST", body=body)


def form(fields: dict[str, str]) -> bytes:
    return urlencode(fields).encode()


def told(config: Config, application: Application, text: str, **more: str) -> dict[str, str]:
    """The documented event of an operator's message."""
    message = "data[MESSAGES][0]"
    return {
        "event": "ONIMCONNECTORMESSAGEADD",
        "event_handler_id": "555",
        "data[CONNECTOR]": connector_of(application),
        "data[LINE]": config.line,
        f"{message}[im][chat_id]": "1807",
        f"{message}[im][message_id]": "86497",
        f"{message}[message][user_id]": "27",
        f"{message}[message][text]": text,
        f"{message}[chat][id]": external(OURS),
        "ts": "1773759161",
        **_auth(config),
        **more,
    }


def _auth(config: Config) -> dict[str, str]:
    return {
        "auth[access_token]": "ACCESS_TOKEN_1",
        "auth[member_id]": config.member_id,
        "auth[application_token]": config.application_token.get_secret_value(),
    }


def _with_auth(said: dict[str, str], **auth: str) -> dict[str, str]:
    return {**said, **{f"auth[{name}]": value for name, value in auth.items()}}


def parts_of(bench: Bench) -> tuple[Application, Config]:
    assert isinstance(bench.application, Application)
    assert isinstance(bench.config, Config)
    return bench.application, bench.config


def adapter_of(bench: Bench) -> Bitrix24:
    crm = bench.crm
    assert isinstance(crm, Bitrix24)
    return crm
