"""Connecting a portal of HubSpot: by a key, and by its administrator's consent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from channel_clients.emulators.stage import Push, Response, Stage, serving
from crm_clients.emulators.hubspot import HubSpotEmulator
from middleware.hub import Hub
from middleware.operations.model import Caller
from tests.builders import a_token
from tests.integration.test_api import API, talking
from tests.integration.test_cli import Shell


@pytest.fixture
def shell(postgres_url: str, tmp_path: Path) -> Shell:
    return Shell(postgres_url, tmp_path)


async def test_a_portal_is_connected_by_a_service_key_that_is_never_shown(shell: Shell) -> None:
    hubspot = HubSpotEmulator(stage=Stage())
    portal = hubspot.add_portal("acme")
    token = hubspot.static_token("acme")
    async with serving(hubspot.app) as base:
        words = ("connect", "hubspot", "--token", "-", "--api-base", base, "--tickets")
        said = await asyncio.to_thread(shell.says, *words, stdin=f"{token}\n")
        wrong = await asyncio.to_thread(shell.says, *words, stdin="pat-na1-hush\n", status=1)
        doctor = await asyncio.to_thread(shell.says, "doctor")
    await hubspot.aclose()
    assert "Connected: " in said
    assert str(portal.hub_id) in said
    assert "Contacts and tickets can be read" in doctor
    assert "did not let us sign in" in wrong
    assert token not in said + doctor
    assert "hush" not in wrong


def test_consent_begins_with_an_address_to_open_and_keeps_how_the_portal_is_used(
    shell: Shell,
) -> None:
    app = ("--client-id", "abc", "--client-secret", "hush", "--app-id", "70001")
    begun = shell.run("connect", "hubspot", *app, "--cards", "--entries", "communications")
    assert begun.exit_code == 0, begun.output
    asked = httpx.URL(begun.stdout.strip())
    assert asked.host == "app.hubspot.com"
    assert asked.params["client_id"] == "abc"
    assert asked.params["redirect_uri"] == "https://hub.example/oauth/hubspot/callback"
    assert "https://hub.example/hooks/" in begun.stderr
    assert "hush" not in begun.output
    again = shell.run("connect", "hubspot")
    assert httpx.URL(again.stdout.strip()).params["client_id"] == "abc"


def test_without_an_app_or_a_key_it_says_what_is_needed(shell: Shell) -> None:
    assert "--application-file" in shell.says("connect", "hubspot", status=1)
    odd = ("--client-id", "abc", "--client-secret", "hush", "--app-id", "seven")
    assert "hush" not in shell.says("connect", "hubspot", *odd, status=1)


@asynccontextmanager
async def consented(
    hub: Hub, anna: Caller, hubspot: HubSpotEmulator
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.Response]]:
    """Register an application and let its administrator consent; yield what they were told."""
    ours = hubspot.add_app("https://hub.example/oauth/hubspot/callback")
    async with (
        serving(hubspot.app) as base,
        talking(hub, await a_token(hub, anna)) as client,
        httpx.AsyncClient(trust_env=False) as browser,
    ):
        values = {
            "client_id": ours.client_id,
            "client_secret": ours.client_secret,
            "app_id": ours.app_id,
            "developer_key": ours.developer_key,
            "api_base": base,
            "app_base": base,
        }
        asked = {"provider": "hubspot", "values": values}
        registered = await client.put(f"{API}/applications", json=asked)
        assert registered.status_code == 200, registered.text
        url = f"{API}/applications/{registered.json()['id']}/authorization"
        page = (await client.post(url)).json()["url"]
        back = httpx.URL((await browser.get(page)).headers["location"])
        yield client, await client.get(back.path, params=back.params)
    await hubspot.aclose()


@pytest.mark.parametrize(("tier", "connected"), [("professional", True), ("free", False)])
async def test_a_portal_is_connected_by_consent_where_its_plan_has_a_channel(
    hub: Hub, anna: Caller, tier: Any, connected: bool
) -> None:
    hubspot = HubSpotEmulator(stage=Stage())
    portal = hubspot.add_portal("acme", tier=tier)
    async with consented(hub, anna, hubspot) as (client, said):
        connections = (await client.get(f"{API}/connections")).json()
    assert len(portal.talks.accounts) == connected
    assert [(each["provider"], each["state"]) for each in connections] == (
        [("hubspot", "active")] if connected else []
    )
    assert said.status_code == (200 if connected else 422)
    assert ("Professional" in said.text and "--cards" in said.text) is not connected


async def test_an_account_that_was_taken_away_is_connected_again_from_its_inbox(
    hub: Hub, anna: Caller
) -> None:
    opened: list[httpx.URL] = []

    async def open_page(push: Push) -> Response:
        opened.append(httpx.URL(push.url))
        return Response(status=200)

    hubspot = HubSpotEmulator(stage=Stage(push=open_page))
    portal = hubspot.add_portal("acme")
    async with consented(hub, anna, hubspot) as (client, _):
        (first,) = portal.talks.accounts.values()
        await hubspot.drain()
        opened.clear()
        await hubspot.connect_account("acme", first.channel_id, inbox=first.inbox_id)
        (page,) = opened
        told = dict(page.params)
        needless = await client.get(page.path, params=told)
        hubspot.purge_account("acme", first.id)
        elsewhere = {**told, "redirectUrl": "https://evil.example/hubspot.com"}
        strange = [
            await client.get(page.path, params=each)
            for each in (elsewhere, {**told, "accountToken": "another"}, {**told, "portalId": "1"})
        ]
        done = [await client.get(page.path, params=told) for _ in range(2)]
        made = hubspot.return_from_channel("acme", told["accountToken"])
    assert page.host == "hub.example"
    assert [each.status_code for each in (needless, *strange)] == [422, 422, 422, 404]
    assert [each.headers.get("location") for each in done] == [told["redirectUrl"]] * 2
    assert made.delivery_id == first.delivery_id
