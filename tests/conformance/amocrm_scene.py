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
from crm_clients.amocrm import MANIFEST, AmoCrm, Application, Config
from crm_clients.amocrm.doors import ApplicationDoor
from crm_clients.emulators.amocrm import FAULTS, AmoCrmEmulator
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
    emulator: AmoCrmEmulator, application: Application, config: Config, http: LoopbackHttp
) -> Bench:
    def reply(to: str, text: str) -> str:
        said = emulator.reply(ACME, to, text).message
        # Operators are slower than this test: each reply has a moment of its own.
        said.timestamp_ms += sum(len(chat.messages) for chat in emulator.timeline(ACME))
        return said.id

    def timeline(ours: str) -> list[str]:
        chats = [chat for chat in emulator.timeline(ACME) if chat.client_id == ours]
        return [message.text for chat in chats for message in chat.messages]

    def felt(ours: str) -> list[str]:
        chats = [chat for chat in emulator.timeline(ACME) if chat.client_id == ours]
        messages = [message for chat in chats for message in chat.messages]
        return [emoji for message in messages for emoji in message.reactions.values()]

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
        entrances=(chat_entrance(application, config), account_entrance(config, application)),
        faults_of_write=OF_WRITE,
        faults_of_create=OF_CREATE,
        elsewhere=ELSEWHERE,
        known_faults=FAULTS | NETWORK_FAULTS,
        arm=lambda fault, call: emulator.stage.arm(fault, match=PATHS[call]),
        reply=reply,
        timeline=timeline,
        felt=felt,
        counts=lambda: (len(emulator.contacts(ACME)), len(emulator.leads(ACME))),
        delete_record=lambda record: emulator.delete_contact(ACME, int(record)),
        tasks=tasks,
        tags=tags,
        dismiss=dismiss,
        address=ADDRESS,
    )


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


def account_entrance(config: Config, application: Application) -> Entrance:
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
