"""amoCRM set for a test: an emulator over real HTTP, one account connected to it, its hooks."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from channel_clients.emulators.stage import NETWORK_FAULTS, serving
from crm_clients.amocrm import (
    MANIFEST,
    AmoCrm,
    AmoCrmNotes,
    Application,
    Config,
    connect_with_token,
)
from crm_clients.amocrm.doors import ApplicationDoor
from crm_clients.emulators.amocrm import FAULTS, AmoCrmEmulator
from crm_clients.emulators.amocrm.model import Account
from mappers.vocabulary import Webhook
from tests.conformance.bench import forgeries
from tests.conformance.crm_bench import OURS, Bench, Entrance
from tests.port import LoopbackHttp

ACME = "acme"
NETWORK = dict.fromkeys(NETWORK_FAULTS - {"slow"}, "ambiguous")
OF_WRITE = {
    **NETWORK,
    "flood": "rate_limited",
    "blocked_403": "blocked",
    "html_500": "ambiguous",
}
OF_CREATE = {
    **OF_WRITE,
    "flood_json": "rate_limited",
    "token_expired": "auth_expired",
    "payment_required": "blocked",
    "validation": "permanent",
}
ELSEWHERE = frozenset(
    {
        "slow",  # a good answer
        "refresh_answer_lost",
        "duplicate_hook",
        "lost_hook",
        "reordered_hooks",
        "bad_signature_hook",
        "search_lag",
        "duplicate_msgid_error",
    }
)
PATHS = {
    "write": "POST /amojo/v2/origin/custom",
    "create": "POST /acme/api/v4/",
    "task": "POST /acme/api/v4/tasks",
}
NOTES_PATHS = {**PATHS, "write": "POST /acme/api/v4/contacts/notes"}
# One field of each type that a mapping can write.
TYPES = (
    *("text", "textarea", "url", "streetaddress", "numeric", "price", "monetary", "checkbox"),
    *("select", "radiobutton", "multiselect", "category", "date", "birthday", "date_time"),
)
CHOOSING = frozenset({"select", "radiobutton", "multiselect", "category"})
ADDRESS = "https://hub.example.com/hooks/0192"


@asynccontextmanager
async def an_emulator() -> AsyncIterator[AmoCrmEmulator]:
    emulator = AmoCrmEmulator()
    emulator.switches.rate_limited = False
    emulator.add_account(ACME, users=("Ольга Менеджер", "Иван Оператор"))
    emulator.add_pipeline(ACME, "Опт", ("Заявка", "Счёт"))
    for kind in TYPES:
        enums = [{"value": "Да"}, {"value": "Нет"}] if kind in CHOOSING else []
        for entity in ("contacts", "leads"):
            emulator.add_field(ACME, entity, {"name": kind, "type": kind, "enums": enums})
    try:
        yield emulator
    finally:
        await emulator.aclose()


@asynccontextmanager
async def with_notes(emulator: AmoCrmEmulator) -> AsyncIterator[Bench]:
    """Connect the account without a registration, by a token made in it: messages are notes."""
    account = emulator.world.account(ACME)
    integration = emulator.add_integration("https://hub.example.com/oauth")
    token = emulator.long_lived_token(integration.client_id, ACME).access_token
    async with serving(emulator.app) as base, httpx.AsyncClient(trust_env=False) as client:
        http = LoopbackHttp(client, at=datetime.now(UTC))
        values = await connect_with_token(http, None, f"{base}/{ACME}", token)
        config = Config.model_validate({**values, "timeline": "notes"})
        done = await AmoCrmNotes(config, None, http).set_up("", take_over=False)
        http.calls.clear()
        config = Config.model_validate({**config.model_dump(), **done.changes})
        yield replace(
            _bench(emulator, None, config, http),
            entrances=(account_entrance(config, None), notes_entrance(config)),
            reply=lambda _, text: _noted(emulator, account, text),
            timeline=lambda _: [n.text for n in emulator.notes(ACME) if n.title],
            faults_of_write=OF_CREATE,
            arm=lambda fault, call: emulator.stage.arm(fault, match=NOTES_PATHS[call]),
        )


def _noted(emulator: AmoCrmEmulator, account: Account, text: str) -> str:
    contact = next(iter(account.contacts))
    return f"contacts/{emulator.write_note(ACME, contact, f'// {text}').id}"


@asynccontextmanager
async def on_the_bench(emulator: AmoCrmEmulator) -> AsyncIterator[Bench]:
    """Connect the account as the hub would: sign in, set up, keep the changes."""
    account = emulator.world.account(ACME)
    integration = emulator.add_integration("https://hub.example.com/oauth")
    channel = emulator.add_channel(integration, f"{ADDRESS}/:scope_id", approved=[account])
    tokens = emulator.tokens(integration.client_id, ACME)
    async with serving(emulator.app) as base, httpx.AsyncClient(trust_env=False) as client:
        application = Application(
            client_id=integration.client_id,
            client_secret=SecretStr(integration.client_secret),
            redirect_uri=integration.redirect_uri,
            channel_id=channel.id,
            channel_secret=SecretStr(channel.secret),
            channel_bot_id=channel.bot_id,
            channel_code=channel.code,
            amojo_base=f"{base}/amojo",
            oauth_base=base,
            trusted_origins=(base,),
        )
        config = Config(
            base=f"{base}/{ACME}",
            account_id=str(account.id),
            amojo_id=account.amojo_id,
            access_token=SecretStr(tokens.access_token),
            refresh_token=SecretStr(tokens.refresh_token or ""),
            expires_at=datetime.now(UTC) + timedelta(days=1),
        )
        http = LoopbackHttp(client, at=datetime.now(UTC))
        done = await AmoCrm(config, application, http).set_up("", take_over=False)
        http.calls.clear()
        config = Config.model_validate({**config.model_dump(), **done.changes})
        yield _bench(emulator, application, config, http)


def _bench(
    emulator: AmoCrmEmulator, application: Application | None, config: Config, http: LoopbackHttp
) -> Bench:
    def reply(to: str, text: str) -> str:
        said = emulator.reply(ACME, to, text).message
        # Operators are slower than this test: each reply has a moment of its own.
        said.timestamp_ms += sum(len(chat.messages) for chat in emulator.timeline(ACME))
        return said.id

    def timeline(ours: str) -> list[str]:
        chats = [chat for chat in emulator.timeline(ACME) if chat.client_id == ours]
        return [message.text for chat in chats for message in chat.messages]

    def tasks() -> list[tuple[str, str, str]]:
        given = emulator.tasks(ACME)
        return [(str(t["entity_id"]), t["text"], str(t["responsible_user_id"])) for t in given]

    def tags(deal: str) -> list[str]:
        return next(each["tags"] for each in emulator.leads(ACME) if str(each["id"]) == deal)

    def dismiss(user: str) -> None:
        emulator.world.account(ACME).users[int(user)].is_active = False

    return Bench(
        manifest=MANIFEST,
        config=config,
        application=application,
        http=http,
        entrances=_entrances(config, application),
        faults_of_write=OF_WRITE,
        faults_of_create=OF_CREATE,
        elsewhere=ELSEWHERE,
        known_faults=FAULTS | NETWORK_FAULTS,
        arm=lambda fault, call: emulator.stage.arm(fault, match=PATHS[call]),
        reply=reply,
        timeline=timeline,
        felt=lambda ours: _felt(emulator, ours),
        counts=lambda: (len(emulator.contacts(ACME)), len(emulator.leads(ACME))),
        delete_record=lambda record: emulator.delete_contact(ACME, int(record)),
        tasks=tasks,
        tags=tags,
        dismiss=dismiss,
        address=ADDRESS,
        calls=lambda: [n.params["phone"] for n in emulator.notes(ACME) if "phone" in n.params],
        emails=lambda: _emails(emulator),
    )


def _felt(emulator: AmoCrmEmulator, ours: str) -> list[str]:
    chats = [chat for chat in emulator.timeline(ACME) if chat.client_id == ours]
    messages = [message for chat in chats for message in chat.messages]
    return [emoji for message in messages for emoji in message.reactions.values()]


def _emails(emulator: AmoCrmEmulator) -> list[str]:
    letters = [note for note in emulator.notes(ACME) if note.title.startswith("E-mail")]
    return [note.text.splitlines()[0] for note in letters]


def _entrances(config: Config, application: Application | None) -> tuple[Entrance, ...]:
    account = account_entrance(config, application)
    return (account,) if application is None else (chat_entrance(application, config), account)


def chat_entrance(application: Application, config: Config) -> Entrance:
    tail = f"{application.channel_id}_{config.amojo_id}"

    def sign(body: bytes) -> Webhook:
        secret = application.channel_secret.get_secret_value().encode()
        signature = hmac.new(secret, body, hashlib.sha1).hexdigest()
        headers = {"x-signature": signature, "content-type": "application/json"}
        return Webhook(method="POST", body=body, headers=headers, tail=tail)

    told = sign(json.dumps(reply_hook(config.amojo_id)).encode())
    others = f"{application.channel_id}_{'0' * 8}-of-another-account"
    unknown = {"account_id": config.amojo_id, "time": 1, "action": {"typing": {}}}
    forged = [replace(told, headers=each) for each in forgeries(told.headers, ("x-signature",))]
    return Entrance(
        door=ApplicationDoor(application),
        sign=sign,
        told=told.body,
        told_unknown=json.dumps(unknown).encode(),
        forged=(*forged, replace(told, tail=others), replace(told, body=told.body + b" {}")),
    )


def account_entrance(config: Config, application: Application | None) -> Entrance:
    def sign(body: bytes) -> Webhook:
        return Webhook(method="POST", body=body)

    told = {"contacts[delete][0][id]": "40401635", "contacts[delete][0][type]": "contact"}
    ours = {"account[id]": config.account_id, "account[subdomain]": ACME}
    unknown = urlencode({"talk[add][0][talk_id]": "117", **ours}).encode()
    theirs = urlencode({**told, "account[id]": "1", "account[subdomain]": ACME}).encode()
    named = urlencode({**told, "account[subdomain]": "other"}).encode()
    return Entrance(
        door=MANIFEST.door(config, application),
        sign=sign,
        told=urlencode({**told, **ours}).encode(),
        told_unknown=unknown,
        forged=(sign(theirs), sign(named), Webhook(method="GET")),
    )


def notes_entrance(config: Config) -> Entrance:
    """The account's door, where a note is told: the reported body, in an operator's name."""
    told = note_hook(config.account_id, "// Курьер выехал")
    return replace(
        account_entrance(config, None),
        told=urlencode(told).encode(),
        told_unknown=urlencode(note_hook(config.account_id, "Перезвонить")).encode(),
        forged=(),
    )


def note_hook(account: str, text: str) -> dict[str, str]:
    said = {
        "note_type": "4",
        "element_type": "2",
        "element_id": "10185151",
        "text": text,
        "metadata": '{"event_source":{"type":5,"author_name":"Ольга Менеджер"}}',
        "account_id": account,
        "date_create": "2025-07-04 12:40:00",
        "created_by": "504141",
        "modified_by": "504141",
        "main_user_id": "504141",
        "group_id": "0",
        "id": "76787983",
        "created_at": "1751622000",
        "updated_at": "1751622000",
    }
    return {
        **{f"leads[note][0][note][{name}]": value for name, value in said.items()},
        "account[subdomain]": ACME,
        "account[id]": account,
    }


def reply_hook(amojo_id: str) -> dict[str, object]:
    said = {
        "receiver": {"id": "86a0caef", "client_id": "telegram:100500"},
        "sender": {"id": "76fc2bea"},
        "conversation": {"id": "6cbab3d5", "client_id": OURS},
        "timestamp": 1751622300,
        "msec_timestamp": 1751622300980,
        "message": {"id": "0371a0ff", "type": "text", "text": "Курьер выехал"},
    }
    return {"account_id": amojo_id, "time": 1751622301, "message": said}


def parts_of(bench: Bench) -> tuple[Application, str]:
    assert isinstance(bench.application, Application)
    assert isinstance(bench.config, Config)
    return bench.application, bench.config.base


def adapter_of(bench: Bench) -> AmoCrm:
    crm = bench.crm
    assert isinstance(crm, AmoCrm)
    return crm
