"""Connecting a portal of HubSpot: by a key, and by its administrator's consent."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from channel_clients.emulators.stage import Stage, serving
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


@pytest.mark.parametrize(("tier", "connected"), [("professional", True), ("free", False)])
async def test_a_portal_is_connected_by_consent_where_its_plan_has_a_channel(
    hub: Hub, anna: Caller, tier: Any, connected: bool
) -> None:
    callback = "https://hub.example/oauth/hubspot/callback"
    hubspot = HubSpotEmulator(stage=Stage())
    portal = hubspot.add_portal("acme", tier=tier)
    ours = hubspot.add_app(callback)
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
        said = await client.get(back.path, params=back.params)
        connections = (await client.get(f"{API}/connections")).json()
    await hubspot.aclose()
    assert len(portal.talks.accounts) == connected
    assert [(each["provider"], each["state"]) for each in connections] == (
        [("hubspot", "active")] if connected else []
    )
    assert said.status_code == (200 if connected else 422)
    assert ("Professional" in said.text and "--cards" in said.text) is not connected
