"""The emulated Bitrix24 under clients that others wrote: b24pysdk, and fast-bitrix24."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from b24pysdk import BitrixApp, BitrixToken, BitrixWebhook, errors
from b24pysdk.credentials import OAuthEventData, OAuthPlacementData
from b24pysdk.errors import oauth as oauth_errors
from fast_bitrix24 import BitrixAsync

from channel_clients.emulators.stage import serving
from crm_clients.emulators.bitrix24 import php
from tests.emulators.bitrix24_scene import Rig

DOMAIN = ".bitrix24.ru"
PLAIN_REQUEST = requests.Session.request


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    for number in range(120):
        rig.emulator.add_card("acme", "contact", {"NAME": f"Контакт {number}"})
    return rig


def by_name(base: str, own: str) -> Callable[..., requests.Response]:
    """Return how `requests` is to send: the hosts' names lead to one address, as DNS would.

    `acme.bitrix24.ru` is `/acme` of it, the OAuth host is the address itself. Who is sent on to
    the address by which the emulator calls itself is sent on to a name again.
    """

    def request(session: requests.Session, method: str, url: str, **more: Any) -> requests.Response:
        session.trust_env = False
        parts = urlsplit(url)
        host = str(parts.hostname)
        where = f"/{host.removesuffix(DOMAIN)}" if host.endswith(DOMAIN) else ""
        answer = PLAIN_REQUEST(session, method, f"{base}{where}{parts.path}", **more)
        sent_on = answer.headers.get("location", "")
        if sent_on:
            slug, _, path = sent_on.removeprefix(f"{own}/").partition("/")
            answer.headers["location"] = f"https://{slug}{DOMAIN}/{path}"
        return answer

    return request


async def driven(rig: Rig, patch: pytest.MonkeyPatch, drive: Callable[[], None]) -> None:
    """Let a client that blocks talk to the emulator, by the hosts' own names."""
    async with serving(rig.emulator.app) as base:
        patch.setattr(requests.Session, "request", by_name(base, rig.emulator.world.base))
        await asyncio.to_thread(drive)


def application(rig: Rig) -> BitrixToken:
    app = BitrixApp(client_id=rig.app.client_id, client_secret=rig.app.client_secret)
    return BitrixToken(
        domain="acme.bitrix24.ru",
        auth_token=rig.token,
        refresh_token=rig.told["refresh_token"],
        bitrix_app=app,
    )


async def test_the_sdk_calls_lists_and_batches(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def drive() -> None:
        token = application(rig)
        made = token.call_method("crm.contact.add", {"fields": {"NAME": "Иван"}})
        assert made["result"] == 121
        assert made["time"]["operating"] == 0
        every = token.call_list("crm.contact.list", {"select": ["ID", "NAME"]})
        assert [row["ID"] for row in every["result"]] == [str(n) for n in range(1, 122)]
        fast = token.call_list_fast("crm.contact.list", {"select": ["ID"]})
        assert len(list(fast["result"])) == 121
        methods = {"me": ("profile", {}), "bad": ("crm.contact.get", {"id": 0})}
        told = token.call_batch(methods)["result"]
        assert told["result"]["me"]["NAME"] == "Ольга"
        assert told["result_error"]["bad"]["error"] == ""
        many = token.call_batches([("crm.contact.get", {"id": n}) for n in range(1, 61)])
        assert len(many["result"]["result"]) == 60

    await driven(rig, monkeypatch, drive)


async def test_the_sdk_renews_an_expired_token_by_itself(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.clock.ahead(hours=2)
    rig.emulator.switches.set("code_answer_whole", value=True)  # the SDK asks for all of it

    def drive() -> None:
        token = application(rig)
        assert token.call_method("profile")["result"]["ID"] == "1"
        assert token.auth_token != rig.token
        assert token.refresh_token != rig.told["refresh_token"]
        info = token.get_app_info().result
        assert info.install.member_id == rig.portal.member_id
        assert info.client_id == rig.app.client_id
        code = rig.emulator.consent("acme", rig.app.client_id)
        assert token.bitrix_app.get_oauth_token(code).oauth_token.access_token
        dead = BitrixApp(client_id=rig.app.client_id, client_secret=rig.app.client_secret)
        with pytest.raises(oauth_errors.BitrixOAuthInvalidGrant):
            dead.refresh_oauth_token(rig.told["refresh_token"])

    await driven(rig, monkeypatch, drive)


async def test_the_sdk_follows_a_portal_to_its_new_name(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.emulator.rename("acme", "acme-new")

    def drive() -> None:
        token = application(rig)
        made = token.call_method("crm.contact.add", {"fields": {"NAME": "Иван"}})
        assert made["result"] == 121
        assert token.domain == "acme-new.bitrix24.ru"

    await driven(rig, monkeypatch, drive)


async def test_the_sdk_knows_every_refusal(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = {
        "OPERATION_TIME_LIMIT": errors.BitrixAPIOperationTimeLimit,
        "OVERLOAD_LIMIT": errors.BitrixAPIOverloadLimit,
        "QUERY_LIMIT_EXCEEDED": errors.BitrixAPIQueryLimitExceeded,
        "access_denied_plan": errors.BitrixAPIAccessDenied,
        "portal_deleted": errors.BitrixAPIPortalDeleted,
        "internal_error_before": errors.BitrixAPIInternalServerError,
        "html_500": errors.BitrixResponse500JSONDecodeError,
        "access_denied_page": errors.BitrixResponse403JSONDecodeError,
    }

    def drive() -> None:
        token = application(rig)
        for fault, kind in faults.items():
            rig.emulator.stage.arm(fault)
            with pytest.raises(kind):
                token.call_method("profile", max_retries=1)
        hook = BitrixWebhook(domain="acme.bitrix24.ru", webhook_token=f"1/{rig.hook['secret']}")
        assert hook.call_method("user.current")["result"]["ID"] == "1"
        with pytest.raises(errors.BitrixAPIWrongAuthType):
            hook.call_method("event.get")
        with pytest.raises(errors.BitrixAPINotFound):
            hook.call_method("no.such.method")
        with pytest.raises(errors.BitrixAPIBadRequest):
            hook.call_method("crm.contact.get", {"id": 9999})
        with pytest.raises(errors.BitrixAPIInvalidArgValue):
            hook.call_method("crm.item.list", {"entityTypeId": 3, "filter": {"X": 1}})

    await driven(rig, monkeypatch, drive)


async def test_the_sdk_reads_what_is_posted(rig: Rig) -> None:
    await rig.listens("ONCRMCONTACTADD")
    rig.emulator.add_card("acme", "contact", {"NAME": "Иван"})
    rig.emulator.install("acme", rig.app.client_id)
    await rig.settle()
    event, page = rig.hub.pushes
    told = OAuthEventData.from_dict(php.query(event.body.decode()))
    assert told.auth.member_id == rig.portal.member_id
    assert told.auth.application_token == rig.told["application_token"]
    opened = php.query(f"{page.body.decode()}&{urlsplit(page.url).query}")
    frame = OAuthPlacementData.from_dict(opened)
    assert frame.member_id == rig.portal.member_id
    assert frame.oauth_token.access_token


async def test_fast_bitrix24_reads_everything_and_calls_in_batches(rig: Rig) -> None:
    async with serving(rig.emulator.app) as base:
        hook = f"{base}/acme/rest/1/{rig.hook['secret']}/"
        client = BitrixAsync(hook, verbose=False)
        rows = await client.get_all("crm.contact.list", {"select": ["ID", "NAME"]})
        assert sorted(int(row["ID"]) for row in rows) == list(range(1, 121))
        found = await client.get_by_ID("crm.contact.get", [3, 4], ID_field_name="id")
        assert {row["ID"] for row in found.values()} == {"3", "4"}
        made = await client.call(
            "crm.contact.add", [{"fields": {"NAME": f"Новый & {n}"}} for n in range(3)]
        )
        assert sorted(made) == [121, 122, 123]
    names = [card["name"] for card in rig.emulator.contacts("acme")[-3:]]
    assert names == [f"Новый & {n}" for n in range(3)]


async def test_fast_bitrix24_tries_a_write_again_and_so_makes_two(rig: Rig) -> None:
    rig.emulator.stage.arm("internal_error_after", match="crm.contact.add")
    async with serving(rig.emulator.app) as base:
        hook = f"{base}/acme/rest/1/{rig.hook['secret']}/"
        client = BitrixAsync(hook, verbose=False)
        await client.call("crm.contact.add", {"fields": {"NAME": "Двойник"}}, raw=True)
    names = [card["name"] for card in rig.emulator.contacts("acme")]
    assert names.count("Двойник") == 2
