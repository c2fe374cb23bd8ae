"""The page behind a held reply's link: looking changes nothing, a button decides, once."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from middleware.app import make_app
from middleware.hub import Hub, held_link
from middleware.operations.deliveries import flow
from tests.builders import WORDS, a_caller, a_held_reply, an_open_hub, states_of


@asynccontextmanager
async def phone(hub: Hub) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=make_app(hub))
    async with httpx.AsyncClient(transport=transport, base_url="https://hub.example") as client:
        yield client


def path_of(hub: Hub, subject: object) -> str:
    return urlsplit(held_link(hub.settings, hub.vault, str(subject))).path


async def parts_of(hub: Hub, subject: object) -> list[str]:
    caller = await a_caller(hub)
    parts = await flow.held_parts(hub, caller, subject)  # type: ignore[arg-type]
    return await states_of(hub, *(part.id for part in parts))


async def test_looking_changes_nothing_and_shows_what_is_known(hub: Hub) -> None:
    message = await a_held_reply(hub, (await a_caller(hub)).workspace, parts=2)
    async with phone(hub) as client:
        await client.get(path_of(hub, message))
        page = await client.get(path_of(hub, message))
    assert page.status_code == 200
    assert "Shop bot" in page.text
    assert "did not confirm" in page.text
    assert "К••••" in page.text
    assert WORDS not in page.text
    assert re.findall(r'name="decision" value="(\w+)"', page.text) == ["send", "sent", "drop"]
    assert await parts_of(hub, message) == ["held", "held"]


async def test_it_leaks_nothing_and_runs_nothing(hub: Hub) -> None:
    message = await a_held_reply(hub, (await a_caller(hub)).workspace)
    async with phone(hub) as client:
        page = await client.get(path_of(hub, message))
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script" not in page.text
    assert "<style nonce=" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert 'name="viewport"' in page.text


@pytest.mark.parametrize(
    ("decision", "state", "said"),
    [
        ("send", "ready", "goes out"),
        ("sent", "done", "was sent"),
        ("drop", "skipped", "will not be sent"),
    ],
)
async def test_a_button_decides_and_the_page_says_so(
    hub: Hub, decision: str, state: str, said: str
) -> None:
    message = await a_held_reply(hub, (await a_caller(hub)).workspace)
    async with phone(hub) as client:
        answer = await client.post(path_of(hub, message), data={"decision": decision})
        assert answer.status_code == 303
        page = await client.get(answer.headers["location"])
        assert said in page.text
        assert "<form" not in page.text
        again = await client.post(path_of(hub, message), data={"decision": "send"})
        assert again.status_code == 303
    assert await parts_of(hub, message) == [state]


async def test_a_link_to_one_part_decides_that_part(hub: Hub) -> None:
    caller = await a_caller(hub)
    message = await a_held_reply(hub, caller.workspace, parts=2)
    first, _ = await flow.held_parts(hub, caller, message)
    async with phone(hub) as client:
        await client.post(path_of(hub, first.id), data={"decision": "drop"})
    assert await parts_of(hub, message) == ["skipped", "held"]


async def test_only_our_signature_opens_it(hub: Hub) -> None:
    message = await a_held_reply(hub, (await a_caller(hub)).workspace)
    path = path_of(hub, message)
    signature = path.rpartition("/")[2]
    async with phone(hub) as client:
        for wrong in (
            path[:-1] + ("0" if path[-1] != "0" else "1"),
            f"/held/{uuid4()}/{signature}",
            f"/held/{message}/ÿ",
            path_of(hub, uuid4()),
        ):
            assert (await client.get(wrong)).status_code == 404
            answer = await client.post(wrong, data={"decision": "drop"})
            assert answer.status_code == 404
        assert (await client.post(path, data={"decision": "burn"})).status_code == 404
    assert await parts_of(hub, message) == ["held"]


async def test_it_speaks_the_language_of_the_house(postgres_url: str, tmp_path: Path) -> None:
    async with an_open_hub(postgres_url, tmp_path, language="ru") as hub:
        message = await a_held_reply(hub, (await a_caller(hub)).workspace)
        async with phone(hub) as client:
            page = await client.get(path_of(hub, message))
    assert '<html lang="ru">' in page.text
    assert "Ответ ждёт решения" in page.text
