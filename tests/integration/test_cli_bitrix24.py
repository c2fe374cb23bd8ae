"""Connecting a portal from the command line."""

import asyncio
from pathlib import Path

import pytest

from channel_clients.emulators.stage import Stage, serving
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from tests.integration.test_cli import Shell


@pytest.fixture
def shell(postgres_url: str, tmp_path: Path) -> Shell:
    return Shell(postgres_url, tmp_path)


async def test_a_portal_is_connected_by_a_webhook_that_is_never_shown(shell: Shell) -> None:
    bitrix24 = Bitrix24Emulator(stage=Stage())
    bitrix24.add_portal("acme")
    made = bitrix24.add_webhook("acme", scopes=("crm",))
    words = ("connect", "bitrix24", "--webhook", "-")
    async with serving(bitrix24.app) as base:
        address = f"{base}/acme/rest/1/{made['secret']}/"
        said = await asyncio.to_thread(shell.says, *words, stdin=f"{address}\n")
        odd = f"http://acme.bitrix24.ru/rest/1/{made['secret']}/\n"
        refused = await asyncio.to_thread(shell.says, *words, stdin=odd, status=1)
    await bitrix24.aclose()
    assert "Connected: " in said
    assert "need an application" in " ".join(said.split())
    assert "incoming webhook" in refused
    assert made["secret"] not in said + refused
