"""`/api/v1` as programs meet it: who may, whose it is, what is said when it goes wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update

from mappers.vocabulary import DeliveryState
from middleware.app import make_app
from middleware.db import tables
from middleware.db.engine import transaction
from middleware.hub import Hub
from middleware.operations.access.rules import Scope
from middleware.operations.mappings import flow as mappings
from middleware.operations.model import Caller
from middleware.operations.people import flow as people
from tests.builders import (
    PHONE,
    WORDS,
    a_claim,
    a_connection,
    a_contact,
    a_conversation,
    a_delivery,
    a_held_reply,
    a_message,
    a_stranger,
    a_token,
    an_application,
)
from tests.journeys.town import ACCOUNT, World, open_world

API = "/api/v1"
READ, OPERATE, ADMIN = Scope.READ, Scope.OPERATE, Scope.ADMIN
NEEDED: dict[tuple[str, str], Scope] = {
    ("get", "/deliveries"): READ,
    ("get", "/deliveries/{delivery_id}"): READ,
    ("post", "/deliveries/{delivery_id}/replay"): OPERATE,
    ("post", "/replays"): OPERATE,
    ("get", "/held"): READ,
    ("post", "/held/{subject}"): OPERATE,
    ("get", "/trace/{asked}"): READ,
    ("get", "/claims"): READ,
    ("post", "/claims/{claim_id}/decision"): OPERATE,
    ("post", "/contacts/{contact_id}/link"): OPERATE,
    ("post", "/contacts/{contact_id}/unlink"): OPERATE,
    ("post", "/joins/{join_id}/undo"): OPERATE,
    ("get", "/connections"): READ,
    ("post", "/connections"): ADMIN,
    ("get", "/connections/{connection_id}"): READ,
    ("get", "/connections/{connection_id}/diagnosis"): OPERATE,
    ("post", "/connections/{connection_id}/pause"): OPERATE,
    ("post", "/connections/{connection_id}/resume"): OPERATE,
    ("delete", "/connections/{connection_id}"): ADMIN,
    ("get", "/inbox"): READ,
    ("post", "/connections/{connection_id}/inbox/read-again"): OPERATE,
    ("get", "/applications"): ADMIN,
    ("put", "/applications"): ADMIN,
    ("post", "/applications/{application_id}/authorization"): ADMIN,
    ("get", "/routes"): READ,
    ("put", "/routes/{source_id}/{target_id}"): ADMIN,
    ("patch", "/routes/{source_id}/{target_id}"): ADMIN,
    ("delete", "/routes/{source_id}/{target_id}"): ADMIN,
    ("get", "/mappings"): READ,
    ("post", "/mappings"): ADMIN,
    ("post", "/mappings/lint"): OPERATE,
    ("post", "/mappings/try"): OPERATE,
    ("post", "/mappings/preview"): OPERATE,
    ("get", "/mappings/{mapping_id}"): READ,
    ("get", "/mappings/{mapping_id}/versions"): READ,
    ("post", "/mappings/{mapping_id}/versions"): ADMIN,
    ("get", "/mappings/{mapping_id}/versions/{number}"): READ,
    ("get", "/mappings/{mapping_id}/diff/{older}/{newer}"): READ,
    ("post", "/mappings/{mapping_id}/activate"): ADMIN,
    ("post", "/mappings/{mapping_id}/rollback"): ADMIN,
    ("put", "/routes/{source_id}/{target_id}/mapping"): ADMIN,
    ("get", "/connections/{connection_id}/catalogue"): OPERATE,
    ("get", "/tokens"): ADMIN,
    ("post", "/tokens"): ADMIN,
    ("delete", "/tokens/{token_id}"): ADMIN,
    ("get", "/audit"): ADMIN,
}
BODIES: dict[tuple[str, str], Any] = {
    ("post", "/deliveries/{delivery_id}/replay"): {},
    ("post", "/held/{subject}"): {"decision": "drop"},
    ("post", "/claims/{claim_id}/decision"): {"decision": "different"},
    ("post", "/contacts/{contact_id}/link"): {"join": str(UUID(int=2))},
    ("post", "/contacts/{contact_id}/unlink"): {"conversation": str(UUID(int=2))},
    ("post", "/connections/{connection_id}/inbox/read-again"): {},
    ("put", "/routes/{source_id}/{target_id}"): {},
    ("patch", "/routes/{source_id}/{target_id}"): {},
    ("post", "/mappings/{mapping_id}/versions"): {"document": ""},
    ("post", "/mappings/{mapping_id}/activate"): {"number": 1},
    ("put", "/routes/{source_id}/{target_id}/mapping"): {"mapping": None},
}


@asynccontextmanager
async def talking(hub: Hub, token: str = "") -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=make_app(hub))
    headers = {"authorization": f"Bearer {token}"} if token else {}
    base = "https://hub.example"
    async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as client:
        yield client


async def operations(client: httpx.AsyncClient) -> list[tuple[str, str]]:
    """Every method of every path that the API describes."""
    described = (await client.get(f"{API}/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    return [
        (method, path.removeprefix(API))
        for path, methods in described["paths"].items()
        for method in methods
    ]


async def ids_of(hub: Hub, caller: Caller) -> dict[str, UUID | int]:
    """Something of a workspace for every name in a path."""
    bot = await a_connection(hub, caller.workspace)
    crm = await a_connection(hub, caller.workspace, "amocrm")
    contact = await a_contact(hub, caller.workspace)
    message = await a_message(hub, await a_conversation(hub, bot, contact), bot)
    delivery = await a_delivery(hub, crm, DeliveryState.HELD, message_id=message, subject=message)
    claim = await a_claim(
        hub, await a_contact(hub, caller.workspace, phone="+79160000001"), contact
    )
    twin = await a_contact(hub, caller.workspace, phone="+79160000002")
    joined = await people.link(hub, caller, contact, twin)
    await a_token(hub, caller)
    async with talking(hub, await a_token(hub, caller)) as client:
        tokens = (await client.get(f"{API}/tokens")).json()
    return {
        "claim_id": claim,
        "contact_id": contact,
        "join_id": joined.id or claim,
        "delivery_id": delivery,
        "subject": delivery,
        "asked": message,
        "connection_id": bot,
        "source_id": bot,
        "target_id": crm,
        "application_id": await an_application(hub, caller.workspace),
        "token_id": tokens[0]["id"],
        "mapping_id": (await mappings.create(hub, caller, "fields")).id,
        "number": 1,
        "older": 1,
        "newer": 1,
    }


class TestWhoMay:
    async def test_every_operation_says_which_scope_it_needs(self, hub: Hub) -> None:
        async with talking(hub) as client:
            assert set(await operations(client)) == set(NEEDED)

    async def test_without_a_token_nothing_is_told(self, hub: Hub) -> None:
        async with talking(hub) as client:
            for method, path in NEEDED:
                answer = await client.request(method, API + path, json={})
                assert answer.status_code == 401, path
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.json()["code"] == "token.unknown"

    @pytest.mark.parametrize("shown", ["nonsense", "tl_unknown"])
    async def test_a_token_of_nobody_is_none(self, hub: Hub, shown: str) -> None:
        async with talking(hub, shown) as client:
            assert (await client.get(f"{API}/connections")).status_code == 401

    async def test_a_revoked_token_is_none(self, hub: Hub, anna: Caller) -> None:
        async with talking(hub, await a_token(hub, anna)) as client:
            (token,) = (await client.get(f"{API}/tokens")).json()
            assert (await client.delete(f"{API}/tokens/{token['id']}")).status_code == 204
            assert (await client.get(f"{API}/tokens")).status_code == 401

    @pytest.mark.parametrize("scope", list(Scope))
    async def test_a_scope_opens_what_it_contains_and_nothing_else(
        self, hub: Hub, anna: Caller, scope: Scope
    ) -> None:
        nothing = dict.fromkeys(await ids_of(hub, anna), UUID(int=1))
        async with talking(hub, await a_token(hub, anna, scope)) as client:
            for (method, path), needed in NEEDED.items():
                answer = await client.request(
                    method, API + path.format(**nothing), json=BODIES.get((method, path), {})
                )
                may = scope.rank >= needed.rank
                assert (answer.status_code == 403) != may, (method, path)
                assert answer.status_code < 500

    async def test_words_in_clear_are_for_admins(self, hub: Hub, anna: Caller) -> None:
        message = (await ids_of(hub, anna))["asked"]
        async with talking(hub, await a_token(hub, anna, READ)) as client:
            masked = await client.get(f"{API}/trace/{message}")
            refused = await client.get(f"{API}/trace/{message}", params={"raw": True})
        assert masked.status_code == 200
        assert not [word for word in (*WORDS.split()[1:], PHONE, "Мария") if word in masked.text]
        assert refused.status_code == 403
        async with talking(hub, await a_token(hub, anna)) as client:
            clear = await client.get(f"{API}/trace/{message}", params={"raw": True})
        assert WORDS in clear.text
        assert PHONE in clear.text


class TestWhoseItIs:
    async def test_what_is_another_workspace_s_is_not_there(self, hub: Hub, anna: Caller) -> None:
        ours = await ids_of(hub, anna)
        stranger = await a_stranger(hub)
        async with talking(hub, await a_token(hub, stranger)) as client:
            asked = [(m, p) for m, p in await operations(client) if "{" in p]
            assert asked
            for method, path in asked:
                answer = await client.request(
                    method, API + path.format(**ours), json=BODIES.get((method, path))
                )
                assert answer.status_code == 404, (method, path, answer.text)
                assert answer.headers["content-type"] == "application/problem+json"

    async def test_lists_hold_nothing_of_another_workspace(self, hub: Hub, anna: Caller) -> None:
        await ids_of(hub, anna)
        async with talking(hub, await a_token(hub, await a_stranger(hub))) as client:
            for path in ("deliveries", "held", "inbox"):
                assert (await client.get(f"{API}/{path}")).json()["items"] == []
            for path in ("connections", "routes", "applications", "mappings"):
                assert (await client.get(f"{API}/{path}")).json() == []
            assert len((await client.get(f"{API}/tokens")).json()) == 1
            estimate = (await client.post(f"{API}/replays", json={"state": ["held"]})).json()
            assert estimate["estimate"] == []


class TestProblems:
    async def test_a_malformed_request_is_explained_without_being_repeated(
        self, hub: Hub, anna: Caller
    ) -> None:
        async with talking(hub, await a_token(hub, anna)) as client:
            answer = await client.post(
                f"{API}/connections", json={"provider": "telegram", "values": "hush-hush"}
            )
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "request.malformed"
        assert answer.json()["errors"][0]["where"] == "body.values"
        assert "hush" not in answer.text

    async def test_a_refused_secret_is_not_repeated(self, hub: Hub, anna: Caller) -> None:
        async with talking(hub, await a_token(hub, anna)) as client:
            values = {"token": "hush-hush"}
            answer = await client.post(
                f"{API}/connections", json={"provider": "telegram", "values": values}
            )
        assert answer.status_code == 422
        assert "hush" not in answer.text

    @pytest.mark.parametrize("path", ["/nothing", "/deliveries/1", "/deliveries?state=lost"])
    async def test_every_error_is_a_problem_document(
        self, hub: Hub, anna: Caller, path: str
    ) -> None:
        async with talking(hub, await a_token(hub, anna)) as client:
            answer = await client.get(API + path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code

    async def test_a_conflict_says_why(self, hub: Hub, anna: Caller) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        delivery = await a_delivery(hub, crm, DeliveryState.DONE)
        async with talking(hub, await a_token(hub, anna)) as client:
            answer = await client.post(f"{API}/deliveries/{delivery}/replay", json={})
        assert answer.status_code == 409
        assert answer.json()["code"] == "delivery.not_replayable"
        assert "again" in answer.json()["detail"]

    async def test_a_secret_that_no_key_opens_is_said_so(self, hub: Hub, anna: Caller) -> None:
        bot = await a_connection(hub, anna.workspace)
        async with transaction(hub.engine) as at:
            await at.execute(update(tables.connections).values(config=b"sealed by someone else"))
        async with talking(hub, await a_token(hub, anna)) as client:
            answer = await client.get(f"{API}/connections/{bot}/diagnosis")
        assert (answer.status_code, answer.json()["code"]) == (500, "secret.unreadable")


class TestDoing:
    async def test_pages_of_deliveries_lead_to_the_end(self, hub: Hub, anna: Caller) -> None:
        bot = await a_connection(hub, anna.workspace)
        made = [str(await a_delivery(hub, bot)) for _ in range(5)]
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 2, "state": "ready"}
        async with talking(hub, await a_token(hub, anna)) as client:
            while True:
                page = (await client.get(f"{API}/deliveries", params=query)).json()
                seen += [line["id"] for line in page["items"]]
                if not page["next"]:
                    break
                query["cursor"] = page["next"]
        assert seen == made[::-1]

    async def test_a_dry_run_comes_first_and_a_key_makes_repeating_harmless(
        self, hub: Hub, anna: Caller
    ) -> None:
        crm = await a_connection(hub, anna.workspace, "amocrm")
        for _ in range(3):
            await a_delivery(hub, crm, DeliveryState.DEAD)
        key = {"Idempotency-Key": "monday"}
        async with talking(hub, await a_token(hub, anna)) as client:
            dry = (await client.post(f"{API}/replays", json={})).json()
            assert (dry["dry_run"], dry["estimate"][0]["count"], dry["replayed"]) == (True, 3, [])
            wet = {"dry_run": False}
            done = (await client.post(f"{API}/replays", json=wet, headers=key)).json()
            assert len(done["replayed"]) == 3
            async with transaction(hub.engine) as at:
                await at.execute(update(tables.deliveries).values(state="dead"))
            again = (await client.post(f"{API}/replays", json=wet, headers=key)).json()
            assert again["replayed"] == []

    async def test_a_held_reply_is_decided_once(self, hub: Hub, anna: Caller) -> None:
        message = await a_held_reply(hub, anna.workspace)
        async with talking(hub, await a_token(hub, anna, OPERATE)) as client:
            (held,) = (await client.get(f"{API}/held")).json()["items"]
            assert WORDS not in str(held)
            url = f"{API}/held/{message}"
            assert (await client.post(url, json={"decision": "sent"})).status_code == 200
            answer = await client.post(url, json={"decision": "send"})
        assert (answer.status_code, answer.json()["code"]) == (409, "delivery.not_held")

    async def test_a_claim_is_seen_masked_previewed_and_decided_once(
        self, hub: Hub, anna: Caller
    ) -> None:
        claim = (await ids_of(hub, anna))["claim_id"]
        url = f"{API}/claims/{claim}/decision"
        async with talking(hub, await a_token(hub, anna, OPERATE)) as client:
            queue = await client.get(f"{API}/claims")
            assert [line["id"] for line in queue.json()["items"]] == [str(claim)]
            assert not [word for word in (PHONE, "Мария") if word in queue.text]
            seen = await client.post(url, json={"decision": "same"}, params={"preview": True})
            assert (seen.json()["join"]["id"], seen.json()["preview"]) == (None, True)
            done = await client.post(url, json={"decision": "same"})
            again = await client.post(url, json={"decision": "same"})
            undo = f"{API}/joins/{done.json()['join']['id']}/undo"
            undone = [(await client.post(undo)).status_code for _ in range(2)]
        assert (again.status_code, again.json()["code"]) == (409, "claim.decided")
        assert undone == [200, 409]

    async def test_a_token_is_shown_once_and_repeated_requests_make_no_other(
        self, hub: Hub, anna: Caller
    ) -> None:
        key = {"Idempotency-Key": "ci"}
        asked = {"name": "ci", "scopes": ["read"]}
        async with talking(hub, await a_token(hub, anna)) as client:
            made = (await client.post(f"{API}/tokens", json=asked, headers=key)).json()
            again = await client.post(f"{API}/tokens", json=asked, headers=key)
            listed = await client.get(f"{API}/tokens")
        assert again.status_code == 409
        assert made["token"] not in listed.text
        async with talking(hub, made["token"]) as client:
            assert (await client.get(f"{API}/connections")).status_code == 200

    async def test_what_is_done_is_written_down(self, hub: Hub, anna: Caller) -> None:
        bot = await a_connection(hub, anna.workspace)
        async with talking(hub, await a_token(hub, anna)) as client:
            assert (await client.post(f"{API}/connections/{bot}/pause")).status_code == 200
            assert (await client.get(f"{API}/connections/{bot}")).json()["state"] == "paused"
            audit = (await client.get(f"{API}/audit", params={"subject": str(bot)})).json()
        (line,) = audit["items"]
        assert (line["actor"], line["action"]) == ("token test", "connection.paused")

    async def test_consent_begins_here_and_only_here(self, hub: Hub, anna: Caller) -> None:
        application = await an_application(hub, anna.workspace)
        async with talking(hub, await a_token(hub, anna)) as client:
            url = f"{API}/applications/{application}/authorization"
            asked = httpx.URL((await client.post(url)).json()["url"])
            assert asked.host == "www.amocrm.ru"
            back = {"code": "c", "referer": "evil.example", "state": asked.params["state"]}
            refused = await client.get("/oauth/amocrm/callback", params=back)
            assert (refused.status_code, "address" in refused.text) == (422, True)
            forged = {**back, "state": f"{application.hex}.9999999999.{'0' * 32}"}
            answer = await client.get("/oauth/amocrm/callback", params=forged)
            assert answer.status_code == 403
            denied = await client.get("/oauth/amocrm/callback", params={"error": "access_denied"})
            assert denied.status_code == 400


async def test_an_account_is_connected_by_its_administrator_s_consent(
    hub: Hub, anna: Caller
) -> None:
    async with (
        open_world() as world,
        talking(hub, await a_token(hub, anna)) as client,
        httpx.AsyncClient(trust_env=False) as browser,
    ):
        callback = "https://hub.example/oauth/amocrm/callback"
        integration = world.amocrm.add_integration(callback)
        values = {
            "client_id": integration.client_id,
            "client_secret": integration.client_secret,
            "oauth_base": world.amocrm_base,
            "amojo_base": f"{world.amocrm_base}/amojo",
            "trusted_origins": [world.amocrm_base],
        }
        registered = await client.put(
            f"{API}/applications", json={"provider": "amocrm", "values": values}
        )
        assert registered.status_code == 200, registered.text
        url = f"{API}/applications/{registered.json()['id']}/authorization"
        page = (await client.post(url)).json()["url"]
        back = httpx.URL((await browser.get(page)).headers["location"])
        assert str(back).startswith(callback)
        said = await client.get(back.path, params={**back.params, "referer": account_of(world)})
        assert said.status_code == 200, said.text
        (connection,) = (await client.get(f"{API}/connections")).json()
        spent = await client.get(back.path, params={**back.params, "referer": account_of(world)})
    assert (connection["provider"], connection["state"]) == ("amocrm", "active")
    assert spent.status_code == 502


def account_of(world: World) -> str:
    """Where the account lives: at the emulator one host serves many."""
    return f"{world.amocrm_base}/{ACCOUNT}"
