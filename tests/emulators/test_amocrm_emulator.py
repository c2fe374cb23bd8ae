"""The emulated amoCRM against its documentation, and against the amocrm-api package."""

import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import requests
from amocrm.v2.entity.contact import ContactsInteraction
from amocrm.v2.entity.lead import LeadsInteraction
from amocrm.v2.entity.pipeline import PipelinesInteraction
from amocrm.v2.entity.user import UsersInteraction
from amocrm.v2.exceptions import AmoApiException, NotFound, UnAuthorizedException, ValidationError
from amocrm.v2.interaction import GenericInteraction

from channel_clients.emulators.stage import (
    ConnectionCut,
    Push,
    Request,
    Response,
    Stage,
    serving,
)
from crm_clients.emulators.amocrm import AmoCrmEmulator
from crm_clients.emulators.amocrm.signing import flaw, is_stale, signature
from tests.emulators.clock import FastClock

HUB = "https://hub.example/amo/:scope_id"
LISTENER = "https://hub.example/account"
CALLBACK = "https://hub.example/callback"
SECRET = "f2d7f8704eff95087ed45b23ba99c0b5aac8278e"
C = "344a5002-f8ca-454d-af3d-396180102ac7"
S = f"{C}_52e591f7-c98f-4255-8495-827210138c81"
PHONE = "+7 (915) 111-22-33"


class Hub:
    """Takes the pushes of amoCRM; answers with `statuses` in turn, then with 200."""

    def __init__(self) -> None:
        self.pushes: list[Push] = []
        self.statuses: list[int | None] = []

    async def __call__(self, push: Push) -> int | None:
        self.pushes.append(push)
        return self.statuses.pop(0) if self.statuses else 200

    def chat_hooks(self) -> list[Any]:
        return [json.loads(push.body) for push in self.pushes if "/amo/" in push.url]

    def account_hooks(self, start: str) -> list[dict[str, str]]:
        forms = [
            dict(parse_qsl(push.body.decode(), keep_blank_values=True)) for push in self.pushes
        ]
        return [form for form in forms if any(key.startswith(start) for key in form)]


class Rig:
    """An account `acme` with an integration and a connected channel, in virtual time."""

    def __init__(self) -> None:
        self.clock, self.hub = FastClock(), Hub()
        self.emulator = AmoCrmEmulator(stage=Stage(clock=self.clock, push=self.hub))
        self.account = self.emulator.add_account("acme", users=("Ольга", "Иван"))
        self.app = self.emulator.add_integration(CALLBACK)
        self.channel = self.emulator.add_channel(self.app, HUB, approved=["acme"], secret=SECRET)
        self.scope = self.emulator.connect_channel(self.channel, "acme")
        self.tokens = self.emulator.tokens(self.app.client_id, "acme")
        self.emulator.switches.set("rate_limited", value=False)

    async def call(self, request: Request) -> Response:
        return await self.emulator.stage.exchange(request, self.emulator.answer)

    async def rest(self, method: str, path: str, body: Any = None, **query: Any) -> Response:
        request = Request(
            method=method,
            path=f"/acme/api/v4{path}",
            query=tuple((key, str(value)) for key, value in query.items()),
            headers={"authorization": f"Bearer {self.tokens.access_token}", "user-agent": "t"},
            body=b"" if body is None else json.dumps(body).encode(),
        )
        return await self.call(request)

    async def oauth(self, **fields: str) -> Response:
        body = {
            "client_id": self.app.client_id,
            "client_secret": self.app.client_secret,
            "redirect_uri": CALLBACK,
            **fields,
        }
        path = "/acme/oauth2/access_token"
        return await self.call(Request(method="POST", path=path, body=json.dumps(body).encode()))

    async def amojo(self, method: str, path: str, body: Any = None, **query: Any) -> Response:
        raw = b"" if body is None else json.dumps(body).encode()
        path = f"/v2/origin/custom/{path}"
        headers = signed(method, path, raw, self.clock.now())
        pairs = tuple((key, str(value)) for key, value in query.items())
        request = Request(
            method=method, path=f"/amojo{path}", query=pairs, headers=headers, body=raw
        )
        return await self.call(request)

    async def says(self, text: str, msgid: str = "m-1", **payload: Any) -> Response:
        """The client writes, in the conversation `c-1` unless told otherwise."""
        body = {
            "timestamp": int(self.clock.now().timestamp()),
            "msgid": msgid,
            "conversation_id": "c-1",
            "sender": {"id": "u-1", "name": "Пётр Клиент", "profile": {"phone": PHONE}},
            "message": {"type": "text", "text": text},
            **payload,
        }
        return await self.amojo("POST", self.scope, {"event_type": "new_message", "payload": body})

    async def listens(self, *events: str) -> None:
        body = {"destination": LISTENER, "settings": list(events)}
        assert (await self.rest("POST", "/webhooks", body)).status == 201

    async def settle(self) -> None:
        """Let every hook and every retry of it come to an end."""
        await self.emulator.drain()
        while self.emulator.state()["hooks_waiting"]:
            await asyncio.sleep(0)
            await self.emulator.drain()


def signed(method: str, path: str, raw: bytes, at: datetime) -> dict[str, str]:
    """Sign as the documentation tells a client to, without the emulator's help."""
    headers = {
        "content-md5": hashlib.md5(raw, usedforsecurity=False).hexdigest(),
        "content-type": "application/json",
        "date": format_datetime(at),
    }
    text = "\n".join([method, *headers.values(), path])
    digest = hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).hexdigest()
    return {**headers, "x-signature": digest}


def said(response: Response) -> Any:
    return json.loads(response.body)


def phone(value: str) -> list[dict[str, Any]]:
    return [{"field_code": "PHONE", "values": [{"value": value, "enum_code": "WORK"}]}]


@pytest.fixture
def rig() -> Rig:
    return Rig()


# From the documentation's step-by-step page: what was sent, when; the MD5 and the signature.
@pytest.mark.parametrize(
    ("target", "date", "digests"),
    [
        (f"POST {C}/connect", "Wed, 15 Dec 2021 23:12:55",
         "2fbcb3c652b61e24e004daddfc73d0ce 81211856ce0c5095f3e1a90c0a38dc9d736cfd55"),
        (f"DELETE {C}/disconnect", "Wed, 15 Dec 2021 23:59:28",
         "271fa2e4fb0ff84a3ef9689027bd1f38 e1678e3b6aa674b5127f4feb448e6200ce0bfc72"),
        (f"POST {S}", "Thu, 16 Dec 2021 13:15:29",
         "223ef85def871bc7cb58aa6f02f0a26e 29b49e9eaf03f13a66ecaff315f2855b31b25eee"),
        (f"POST {S}", "Fri, 17 Dec 2021 10:59:28",
         "353178c993f09a8ec5f3eab4093b753e e895539b52051e1a8d3f89d454c7ad7406705234"),
        (f"POST {S}/chats", "Thu, 16 Dec 2021 23:22:49",
         "5139e573382c0eae38f476822abb2014 a601e486d694c8e7e8a5b637660f949f8bb7efaf"),
        (f"POST {S}/079e44fb-fc22-476b-9e8a-421b688ec53b/delivery_status",
         "Thu, 16 Dec 2021 12:58:40",
         "a0bbbac729c6341f0a521e2db7a8a236 ca51f810785031385a801f41103244713c1a2352"),
        (f"POST {S}/typing", "Thu, 16 Dec 2021 16:01:21",
         "255a22566d68be207fa36804e78a523a e8263b1daf2b20396c02db6c8c846f95cc0f9540"),
    ],
)  # fmt: skip
def test_the_documented_signatures_come_out(target: str, date: str, digests: str) -> None:
    method, path = target.split()
    md5, expected = digests.split()
    kind = "application/json"
    headers = {"date": f"{date} +0000", "content-md5": md5, "content-type": kind}
    assert signature(SECRET, method, headers, f"/v2/origin/custom/{path}") == expected


def test_the_checker_accepts_a_documented_request_and_no_change_to_it() -> None:
    body = b'{"account_id":"52e591f7-c98f-4255-8495-827210138c81"}'
    headers = {
        "date": "Wed, 15 Dec 2021 23:59:28 +0000",
        "content-md5": "271fa2e4fb0ff84a3ef9689027bd1f38",
        "content-type": "application/json",
        "x-signature": "e1678e3b6aa674b5127f4feb448e6200ce0bfc72",
    }
    target = ("DELETE", f"/v2/origin/custom/{C}/disconnect")
    assert flaw(SECRET, target, headers, body) == ""
    assert "MD5" in flaw(SECRET, target, headers, body + b"\n")
    assert "Signature" in flaw(SECRET, ("POST", target[1]), headers, body)
    utf8 = {**headers, "content-type": "application/json; charset=utf-8"}
    assert "Content-Type" in flaw(SECRET, target, utf8, body)
    assert not is_stale(headers, datetime(2021, 12, 16, 0, 14, tzinfo=UTC))
    assert is_stale(headers, datetime(2021, 12, 16, 0, 15, tzinfo=UTC))


class Elsewhere(requests.Session):
    """Sends what is meant for `*.amocrm.ru` to the emulator."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base
        self.trust_env = False

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(str(url))
        subdomain = str(parts.hostname).removesuffix(".amocrm.ru")
        return super().request(method, f"{self._base}/{subdomain}{parts.path}", *args, **kwargs)


class Token:
    def __init__(self, value: str) -> None:
        self.subdomain, self._value = "acme", value

    def get_access_token(self) -> str:
        return self._value


async def test_amocrm_api_works_with_it(rig: Rig) -> None:
    for number in range(260):
        rig.emulator.add_contact("acme", {"name": f"Контакт {number}"})
    async with serving(rig.emulator.app) as base:
        await asyncio.to_thread(use_amocrm_api, rig, base)
    assert rig.emulator.contacts("acme")[-1]["name"] == "Пётр Второй"


def use_amocrm_api(rig: Rig, base: str) -> None:
    with Elsewhere(base) as session:
        means: dict[str, Any] = {
            "session": session,
            "token_manager": Token(rig.tokens.access_token),
        }
        contacts, leads = ContactsInteraction(**means), LeadsInteraction(**means)
        assert len(list(contacts.get_all())) == 260
        made = contacts.create({"name": "Пётр Клиент", "custom_fields_values": phone(PHONE)})
        assert [found["id"] for found in contacts.get_all(query="9151112233")] == [made["id"]]
        contacts.update(made["id"], {"name": "Пётр Второй"})
        assert contacts.get(made["id"])["last_name"] == "Второй"
        with pytest.raises(NotFound):
            contacts.get(1)
        with pytest.raises(ValidationError):
            contacts.create({"name": 5})
        lead = leads.create({"name": "Доставка", "_embedded": {"contacts": [{"id": made["id"]}]}})
        shown = leads.get(lead["id"], include=["contacts"])
        assert shown["_embedded"]["contacts"][0]["id"] == made["id"]
        [pipeline] = PipelinesInteraction(**means).get_all()
        assert {142, 143} <= {status["id"] for status in pipeline["_embedded"]["statuses"]}
        assert [user["name"] for user in UsersInteraction(**means).get_all()] == ["Ольга", "Иван"]
        fields = GenericInteraction(path="contacts/custom_fields", field="custom_fields", **means)
        fields.create({"type": "text", "name": "Ник", "code": "NICK"})
        assert [field["code"] for field in fields.get_all()][-1] == "NICK"
        rig.emulator.stage.arm("flood")
        with pytest.raises(AmoApiException, match="429"):
            contacts.get(made["id"])
        rig.emulator.revoke(rig.app.client_id, "acme")
        with pytest.raises(UnAuthorizedException):
            contacts.get(made["id"])


async def test_consent_yields_a_code_that_works_once(rig: Rig) -> None:
    query = (("client_id", rig.app.client_id), ("state", "s"))
    answer = await rig.call(Request(method="GET", path="/oauth", query=query))
    back = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert (answer.status, back["referer"], back["state"]) == (302, "acme.amocrm.ru", "s")
    first = await rig.oauth(grant_type="authorization_code", code=back["code"])
    assert said(first)["expires_in"] == 86400
    second = await rig.oauth(grant_type="authorization_code", code=back["code"])
    assert (second.status, said(second)["hint"]) == (400, "Authorization code has been revoked")


async def test_a_refresh_token_works_once(rig: Rig) -> None:
    old = rig.tokens.refresh_token or ""
    fresh = await rig.oauth(grant_type="refresh_token", refresh_token=old)
    again = await rig.oauth(grant_type="refresh_token", refresh_token=old)
    assert (again.status, said(again)["hint"]) == (401, "Token has been revoked")
    rig.emulator.stage.arm("refresh_answer_lost")
    newer = said(fresh)["refresh_token"]
    with pytest.raises(ConnectionCut):
        await rig.oauth(grant_type="refresh_token", refresh_token=newer)
    assert (await rig.oauth(grant_type="refresh_token", refresh_token=newer)).status == 401


async def test_access_ends_after_a_day_and_long_lived_access_does_not(rig: Rig) -> None:
    rig.clock.ahead(hours=25)
    assert (await rig.rest("GET", "/account")).status == 401
    rig.tokens = rig.emulator.long_lived_token(rig.app.client_id, "acme")
    account = said(await rig.rest("GET", "/account", **{"with": "amojo_id"}))
    assert account["amojo_id"] == rig.account.amojo_id


async def test_the_new_subdomain_is_told_to_the_holder_of_a_refresh_token(rig: Rig) -> None:
    rig.emulator.rename("acme", "acme2")
    assert (await rig.rest("GET", "/account")).status == 401
    headers = {"x-refresh-token": rig.tokens.refresh_token or ""}
    path = "/api-b/oauth2/account/current/subdomain"
    answer = await rig.call(Request(method="GET", path=path, headers=headers))
    assert said(answer)["domain"] == "acme2.amocrm.ru"


async def test_nothing_is_a_204_without_a_body(rig: Rig) -> None:
    for path in ("/contacts", "/contacts/1", "/leads", "/leads/unsorted", "/sources", "/tasks"):
        answer = await rig.rest("GET", path)
        assert (answer.status, answer.body) == (204, b""), path


async def test_search_hits_any_field_and_filters_are_ignored_unless_paid(rig: Rig) -> None:
    note = rig.emulator.add_field("acme", "contacts", {"name": "Заметка", "type": "text"})
    right = rig.emulator.add_contact("acme", {"name": "А", "custom_fields_values": phone(PHONE)})
    value = {"field_id": note.id, "values": [{"value": "перезвонить на 79151112233"}]}
    wrong = rig.emulator.add_contact("acme", {"name": "Б", "custom_fields_values": [value]})
    found = said(await rig.rest("GET", "/contacts", query="9151112233"))
    ids = [contact["id"] for contact in found["_embedded"]["contacts"]]
    assert ids == [right.id, wrong.id]
    query = {"filter[id][]": right.id}
    assert len(said(await rig.rest("GET", "/contacts", **query))["_embedded"]["contacts"]) == 2
    rig.account.is_api_filter_enabled = True
    assert len(said(await rig.rest("GET", "/contacts", **query))["_embedded"]["contacts"]) == 1


async def test_a_new_contact_may_be_unknown_to_the_search_for_a_while(rig: Rig) -> None:
    rig.emulator.stage.arm("search_lag", seconds=30)
    await rig.rest("POST", "/contacts", [{"name": "Лена"}])
    assert (await rig.rest("GET", "/contacts", query="лена")).status == 204
    rig.clock.ahead(seconds=31)
    assert (await rig.rest("GET", "/contacts", query="лена")).status == 200


async def test_equal_contacts_are_two_and_request_ids_come_back(rig: Rig) -> None:
    answer = await rig.rest("POST", "/contacts", [{"name": "А", "request_id": "r"}, {"name": "А"}])
    made = said(answer)["_embedded"]["contacts"]
    assert [item["request_id"] for item in made] == ["r", "1"]
    assert len(rig.emulator.contacts("acme")) == 2


async def test_a_patch_replaces_all_phones(rig: Rig) -> None:
    both = [{"field_code": "PHONE", "values": [{"value": "+71"}, {"value": "+72"}]}]
    contact = rig.emulator.add_contact("acme", {"custom_fields_values": both})
    await rig.rest("PATCH", f"/contacts/{contact.id}", {"custom_fields_values": phone("+73")})
    assert rig.emulator.contacts("acme")[0]["phones"] == ["+73"]


async def test_a_batch_with_a_mistake_is_refused_whole(rig: Rig) -> None:
    wrong = {"request_id": "bad", "custom_fields_values": [{"field_id": 7, "values": []}]}
    answer = await rig.rest("POST", "/contacts", [{"name": "А"}, wrong])
    assert answer.headers["content-type"] == "application/problem+json"
    [item] = said(answer)["validation-errors"]
    assert item["request_id"] == "bad"
    assert item["errors"][0]["path"] == "custom_fields_values.0.field_id"
    assert rig.emulator.contacts("acme") == ()


async def test_excess_is_429_and_stubborn_excess_a_block(rig: Rig) -> None:
    rig.emulator.switches.set("rate_limited", value=True)
    statuses = [(await rig.rest("GET", "/account")).status for _ in range(30)]
    assert statuses == [200] * 7 + [429] * 20 + [403] * 3
    rig.clock.ahead(hours=1)
    answer = await rig.rest("GET", "/account")
    assert (answer.status, b"nginx" in answer.body) == (403, True)
    rig.emulator.unblock()
    assert (await rig.rest("GET", "/account")).status == 200


async def test_notes_are_written_again_by_who_writes_them_again(rig: Rig) -> None:
    contact = rig.emulator.add_contact("acme", {"name": "А"})
    note = {"note_type": "service_message", "params": {"service": "Bridge", "text": "#k7"}}
    for _ in range(2):
        await rig.rest("POST", f"/contacts/{contact.id}/notes", [note])
    shown = said(await rig.rest("GET", f"/contacts/{contact.id}/notes"))["_embedded"]["notes"]
    assert [each["params"]["text"] for each in shown] == ["#k7", "#k7"]
    assert (await rig.rest("POST", "/contacts/1/notes", [note])).status == 400


async def test_a_first_message_makes_a_chat_a_contact_and_an_unsorted_lead(rig: Rig) -> None:
    answer = said(await rig.says("Когда доставка?"))["new_message"]
    await rig.says("Ау?", "m-2")
    [chat] = rig.emulator.timeline("acme")
    [contact], [lead] = rig.emulator.contacts("acme"), rig.emulator.leads("acme")
    assert answer["ref_id"] == "m-1"
    assert [(each.client_id, each.text) for each in chat.messages] == [
        ("m-1", "Когда доставка?"),
        ("m-2", "Ау?"),
    ]
    assert (chat.client_id, chat.contact_id, contact["phones"]) == ("c-1", contact["id"], [PHONE])
    assert lead["is_unsorted"]
    assert (await rig.rest("GET", "/contacts")).status == 204
    [item] = said(await rig.rest("GET", "/leads/unsorted"))["_embedded"]["unsorted"]
    assert (await rig.rest("POST", f"/leads/unsorted/{item['uid']}/accept", {})).status == 200
    assert (await rig.rest("POST", f"/leads/unsorted/{item['uid']}/accept", {})).status == 404
    assert not rig.emulator.leads("acme")[0]["is_unsorted"]
    assert (await rig.rest("GET", "/contacts")).status == 200


@pytest.mark.parametrize(("silent", "expected"), [(False, 1), (True, 0)])
async def test_a_chat_bound_in_advance_makes_no_second_contact(
    rig: Rig, silent: bool, expected: int
) -> None:
    contact = rig.emulator.add_contact("acme", {"name": "Пётр"})
    body = {"conversation_id": "c-1", "user": {"id": "u-1", "name": "Пётр"}}
    chat = said(await rig.amojo("POST", f"{rig.scope}/chats", body))
    assert said(await rig.amojo("POST", f"{rig.scope}/chats", body))["id"] == chat["id"]
    assert rig.emulator.leads("acme") == ()
    pair = {"contact_id": contact.id, "chat_id": chat["id"]}
    bound = said(await rig.rest("POST", "/contacts/chats", [pair]))["_embedded"]["chats"]
    assert (bound[0]["contact_id"], bound[0]["request_id"]) == (contact.id, "0")
    await rig.says("Здравствуйте", silent=silent)
    assert [each["id"] for each in rig.emulator.contacts("acme")] == [contact.id]
    assert len(rig.emulator.leads("acme")) == expected


async def test_a_silent_message_makes_a_contact_and_no_lead(rig: Rig) -> None:
    await rig.says("из архива", silent=True)
    assert [contact["is_unsorted"] for contact in rig.emulator.contacts("acme")] == [False]
    assert rig.emulator.leads("acme") == ()


async def test_an_edit_changes_the_text_and_starts_nothing_new(rig: Rig) -> None:
    await rig.says("Когда доставка?")
    message = {"type": "text", "text": "Когда будет доставка?"}
    payload = {"msgid": "m-1", "conversation_id": "c-1", "message": message}
    body = {"event_type": "edit_message", "payload": payload}
    assert (await rig.amojo("POST", rig.scope, body)).status == 200
    [shown] = rig.emulator.timeline("acme")[0].messages
    assert (shown.text, shown.edited) == ("Когда будет доставка?", True)


async def test_a_message_after_the_talk_was_closed_opens_another(rig: Rig) -> None:
    await rig.listens("add_talk", "update_talk")
    await rig.says("раз")
    [talk_id] = rig.account.talks
    closing = [(await rig.rest("POST", f"/talks/{talk_id}/close", {})).status for _ in range(2)]
    await rig.says("два", "m-2")
    await rig.settle()
    assert closing == [202, 422]
    assert len(rig.hub.account_hooks("talk[add]")) == 2
    assert rig.hub.account_hooks("talk[update]")[0]["talk[update][0][is_in_work]"] == "0"


async def test_links_are_made_from_the_side_of_the_lead(rig: Rig) -> None:
    contact = rig.emulator.add_contact("acme", {"name": "А"})
    lead = rig.emulator.add_lead("acme", {"name": "Доставка"})
    link = [{"to_entity_id": contact.id, "to_entity_type": "contacts", "metadata": {}}]
    await rig.rest("POST", f"/leads/{lead.id}/link", link)
    [shown] = said(await rig.rest("GET", f"/leads/{lead.id}/links"))["_embedded"]["links"]
    assert (shown["to_entity_id"], shown["metadata"]) == (contact.id, {"main_contact": True})
    statuses = [(await rig.rest("POST", f"/leads/{lead.id}/unlink", link)).status for _ in range(2)]
    assert (statuses, lead.contact_ids) == ([204, 204], [])


async def test_a_source_sends_its_leads_to_its_own_pipeline(rig: Rig) -> None:
    pipeline = rig.emulator.add_pipeline("acme", "Вторая", ("Новые",))
    source = {"name": "Бот", "external_id": "bot-1", "pipeline_id": pipeline.id}
    statuses = [(await rig.rest("POST", "/sources", [source])).status for _ in range(2)]
    await rig.says("раз", source={"external_id": "bot-1"})
    assert statuses == [200, 400]
    assert rig.emulator.leads("acme")[0]["pipeline_id"] == pipeline.id


@pytest.mark.parametrize(
    ("policy", "status", "count"), [("same_ids", 200, 1), ("error", 400, 1), ("accept", 200, 2)]
)
async def test_a_repeated_msgid_meets_the_policy(
    rig: Rig, policy: str, status: int, count: int
) -> None:
    rig.emulator.switches.set("duplicate_msgid", policy)
    first, second = await rig.says("раз"), await rig.says("раз")
    assert second.status == status
    assert len(rig.emulator.timeline("acme")[0].messages) == count
    assert (second.body == first.body) == (policy == "same_ids")


async def test_a_repeated_msgid_may_be_refused_once(rig: Rig) -> None:
    rig.emulator.stage.arm("duplicate_msgid_error")
    assert [(await rig.says("раз")).status for _ in range(3)] == [200, 400, 200]


@pytest.mark.parametrize(
    "wrong",
    [
        {"timestamp": "1751622000"},
        {"message": {"type": "text", "text": ""}},
        {"message": {"type": "hologram"}},
        {"receiver": {"id": "u-1", "name": "Пётр"}},
        {"message": {"type": "picture", "text": "", "media": "https://m.example/1.jpg"}},
    ],
)
async def test_chats_are_strict_about_what_they_take(rig: Rig, wrong: dict[str, Any]) -> None:
    answer = await rig.says("раз", **wrong)
    assert (answer.status, said(answer)["error_code"]) == (400, 400)
    assert rig.emulator.timeline("acme") == ()


async def test_a_channel_is_connected_to_approved_accounts_only(rig: Rig) -> None:
    other = rig.emulator.add_account("other")
    path = f"{rig.channel.id}/connect"
    refused = await rig.amojo("POST", path, {"account_id": other.amojo_id})
    assert refused.status == 403
    body = {"account_id": rig.account.amojo_id, "hook_api_version": "v2"}
    assert said(await rig.amojo("POST", path, body))["scope_id"] == rig.scope
    await rig.amojo("DELETE", f"{rig.channel.id}/disconnect", body)
    assert (await rig.says("раз")).status == 403


async def test_history_shows_the_newest_first_once_processed(rig: Rig) -> None:
    rig.emulator.switches.set("history_delay_s", 5)
    await rig.says("раз", "m-1")
    rig.clock.ahead(seconds=2)
    await rig.says("два", "m-2")
    path = f"{rig.scope}/chats/{rig.emulator.timeline('acme')[0].chat_id}/history"
    assert (await rig.amojo("GET", path)).status == 204
    rig.clock.ahead(seconds=5)
    shown = said(await rig.amojo("GET", path, limit=50))["messages"]
    assert [each["message"]["client_id"] for each in shown] == ["m-2", "m-1"]
    assert len(said(await rig.amojo("GET", path, limit=1, offset=1))["messages"]) == 1
    assert (await rig.amojo("GET", path, limit=51)).status == 400


async def test_an_operators_reply_is_pushed_once_and_signed(rig: Rig) -> None:
    await rig.says("Где курьер?")
    rig.hub.statuses = [500]
    rig.emulator.reply("acme", "c-1", "Выехал")
    await rig.settle()
    [push] = rig.hub.pushes
    body = json.loads(push.body)
    digest = hmac.new(SECRET.encode(), push.body, hashlib.sha1).hexdigest()
    assert (push.url, push.headers["x-signature"]) == (
        f"https://hub.example/amo/{rig.scope}",
        digest,
    )
    assert push.timeout_s == 5
    assert body["message"]["conversation"]["client_id"] == "c-1"
    [reply] = rig.emulator.replies
    assert (reply.hook_status, reply.message_id) == (500, body["message"]["message"]["id"])


async def test_delivery_statuses_are_kept_in_both_dialects(rig: Rig) -> None:
    await rig.says("Где курьер?")
    rig.emulator.reply("acme", "c-1", "Выехал")
    path = f"{rig.scope}/{rig.emulator.replies[0].message_id}/delivery_status"
    bodies: list[dict[str, Any]] = [
        {"msgid": rig.emulator.replies[0].message_id, "delivery_status": 1},
        {"status_code": -1, "error_code": 905, "error": "нет связи"},
    ]
    assert [(await rig.amojo("POST", path, body)).status for body in bodies] == [200, 200]
    assert [status.code for status in rig.emulator.replies[0].statuses] == [1, -1]
    missing = f"{rig.scope}/{C}/delivery_status"
    assert (await rig.amojo("POST", missing, {"status_code": 1})).status == 404
    assert (await rig.amojo("POST", path, {"status_code": -1})).status == 400


async def test_the_answer_to_a_first_letter_names_the_conversation(rig: Rig) -> None:
    person = rig.emulator.add_contact("acme", {"name": "А", "custom_fields_values": phone(PHONE)})
    rig.emulator.write_first("acme", person.id, "Добрый день")
    await rig.settle()
    hook = rig.hub.chat_hooks()[0]["message"]
    assert "client_id" not in hook["conversation"]
    assert hook["receiver"]["phone"] == PHONE
    sender = {"id": "u-9", "name": "А", "ref_id": hook["receiver"]["id"]}
    await rig.says("Да?", conversation_ref_id=hook["conversation"]["id"], sender=sender)
    [chat] = rig.emulator.timeline("acme")
    assert (chat.client_id, chat.contact_id, len(chat.messages)) == ("c-1", person.id, 2)


@pytest.mark.parametrize(
    ("fault", "texts"),
    [
        ("lost_hook", ["второй"]),
        ("duplicate_hook", ["первый", "первый", "второй"]),
        ("reordered_hooks", ["второй", "первый"]),
        ("bad_signature_hook", ["первый", "второй"]),
    ],
)
async def test_hooks_suffer_their_faults(rig: Rig, fault: str, texts: list[str]) -> None:
    await rig.says("?")
    rig.emulator.stage.arm(fault)
    for text in ("первый", "второй"):
        rig.emulator.reply("acme", "c-1", text)
    await rig.settle()
    assert [hook["message"]["message"]["text"] for hook in rig.hub.chat_hooks()] == texts
    forged = [push for push in rig.hub.pushes if push.headers["x-signature"] == "0" * 40]
    assert len(forged) == (1 if fault == "bad_signature_hook" else 0)


async def test_api_writes_echo_in_account_webhooks(rig: Rig) -> None:
    await rig.listens("add_contact", "update_contact", "add_message", "status_lead")
    await rig.rest("POST", "/contacts", [{"name": "А", "custom_fields_values": phone("+71")}])
    await rig.says("Когда?")
    rig.emulator.close_lead("acme", rig.emulator.leads("acme")[0]["id"])
    await rig.settle()
    added = rig.hub.account_hooks("contacts[add]")[0]
    assert added["contacts[add][0][custom_fields][0][code]"] == "PHONE"
    assert added["account[subdomain]"] == "acme"
    texts = [form["message[add][0][text]"] for form in rig.hub.account_hooks("message[add]")]
    assert texts == ["Когда?"]
    assert rig.hub.account_hooks("leads[status]")[0]["leads[status][0][status_id]"] == "142"


@pytest.mark.parametrize(
    ("status", "waits"), [(None, [300, 900]), (404, [300, 900]), (500, [300, 900, 900, 3600])]
)
async def test_account_webhooks_are_repeated_by_the_table(
    rig: Rig, status: int | None, waits: list[float]
) -> None:
    await rig.listens("add_contact")
    rig.hub.statuses = [status] * 9
    await rig.rest("POST", "/contacts", [{"name": "А"}])
    await rig.settle()
    assert rig.clock.slept == waits
    assert {push.timeout_s for push in rig.hub.pushes} == {2.0}


async def test_a_webhook_that_keeps_failing_is_disabled_until_subscribed_again(rig: Rig) -> None:
    await rig.listens("add_contact")
    rig.emulator.switches.set("retry_scale", 0)
    rig.hub.statuses = [404] * 200
    await rig.rest("POST", "/contacts", [{"name": "А"}] * 60)
    await rig.settle()
    assert rig.emulator.state()["accounts"][0]["webhooks"][0]["disabled"]
    await rig.listens("add_contact")
    assert not rig.emulator.state()["accounts"][0]["webhooks"][0]["disabled"]


async def test_a_merge_moves_chats_and_leads_to_the_survivor(rig: Rig) -> None:
    await rig.listens("delete_contact")
    survivor = rig.emulator.add_contact("acme", {"name": "Пётр"})
    await rig.says("Здравствуйте")
    gone = rig.emulator.contacts("acme")[1]
    rig.emulator.merge_contacts("acme", survivor.id, gone["id"])
    await rig.settle()
    assert rig.emulator.timeline("acme")[0].contact_id == survivor.id
    assert rig.emulator.leads("acme")[0]["contact_ids"] == [survivor.id]
    assert rig.emulator.contacts("acme")[0]["phones"] == [PHONE]
    assert (await rig.rest("GET", f"/contacts/{gone['id']}")).status == 204
    assert rig.hub.account_hooks("contacts[delete]")[0]["contacts[delete][0][id]"] == str(
        gone["id"]
    )


async def test_uninstalling_revokes_disconnects_and_says_goodbye(rig: Rig) -> None:
    rig.app.uninstall_url = "https://hub.example/bye"
    rig.emulator.uninstall(rig.app.client_id, "acme")
    await rig.settle()
    [push] = rig.hub.pushes
    text = f"{rig.app.client_id}|{rig.account.id}".encode()
    digest = hmac.new(rig.app.client_secret.encode(), text, hashlib.sha256).hexdigest()
    assert dict(parse_qsl(urlsplit(push.url).query))["signature"] == digest
    assert (await rig.rest("GET", "/account")).status == 401
    assert (await rig.says("?")).status == 403


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("flood", 429, "text/html"),
        ("flood_json", 429, "application/problem+json"),
        ("blocked_403", 403, "text/html"),
        ("token_expired", 401, "application/problem+json"),
        ("payment_required", 402, "application/problem+json"),
        ("validation", 400, "application/problem+json"),
        ("html_500", 500, "text/html"),
    ],
)
async def test_faults_answer_in_place_of_the_account(
    rig: Rig, fault: str, status: int, kind: str
) -> None:
    rig.emulator.stage.arm(fault)
    answer = await rig.rest("POST", "/contacts", [{"name": "А"}])
    assert (answer.status, answer.headers["content-type"]) == (status, kind)
    assert rig.emulator.contacts("acme") == ()
    assert rig.emulator.stage.log[-1].fault == fault


async def test_the_stage_is_set_and_read_over_http(rig: Rig) -> None:
    await rig.says("Где курьер?")
    async with (
        serving(rig.emulator.app) as base,
        httpx.AsyncClient(base_url=f"{base}/_stage/", trust_env=False) as stage,
    ):
        reply = {"account": "acme", "to": "c-1", "text": "Выехал"}
        assert (await stage.post("reply", json=reply)).json()["result"]["text"] == "Выехал"
        await rig.settle()
        [shown] = (await stage.get("replies")).json()["replies"]
        assert (shown["client_conversation_id"], shown["hook_status"]) == ("c-1", 200)
        [chat] = (await stage.get("timeline", params={"account": "acme"})).json()["chats"]
        assert [each["text"] for each in chat["messages"]] == ["Где курьер?", "Выехал"]
        made = await stage.post("setup", json={"account": {"subdomain": "two"}})
        assert made.json()["account"]["subdomain"] == "two"
        assert (await stage.post("switch", json={"name": "text_limit", "value": 5})).is_success
        assert (await stage.post("switch", json={"name": "nope", "value": 5})).status_code == 400
        assert (await stage.post("reply", json={**reply, "to": "c-2"})).status_code == 404
        assert (await stage.get("faults")).json()["known"]
