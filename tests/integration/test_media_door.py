"""Where files are served: under a signed address alone, as what they are, and until forgotten."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx

from mappers.vocabulary import DeliveryState, MessageId
from middleware.app import make_app
from middleware.hub import Hub, media_link
from middleware.media.store import forget_old
from middleware.store.rows import FileRow
from tests.builders import (
    a_caller,
    a_connection,
    a_conversation,
    a_delivery,
    a_message,
)

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 300_000


@asynccontextmanager
async def stranger(hub: Hub) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=make_app(hub))
    async with httpx.AsyncClient(transport=transport, base_url="https://hub.example") as client:
        yield client


async def a_file(hub: Hub, body: bytes = PNG, mime: str = "image/png") -> MessageId:
    workspace = (await a_caller(hub)).workspace
    bot = await a_connection(hub, workspace)
    message = await a_message(hub, await a_conversation(hub, bot), bot)
    row = FileRow(
        message=message,
        position=0,
        state="stored",
        key=await hub.media.put(body),
        mime=mime,
        size_bytes=len(body),
        name="Счёт 4512.png",
    )
    async with hub.store.unit() as unit:
        await unit.keep_file(row)
    return message


def path_of(hub: Hub, message: MessageId, position: int = 0) -> str:
    return urlsplit(media_link(hub.settings, hub.vault, message, position)).path


async def test_a_signed_address_brings_the_file_as_what_it_is(hub: Hub) -> None:
    path = path_of(hub, await a_file(hub))
    async with stranger(hub) as client:
        got, head = await client.get(path), await client.head(path)
    assert (got.status_code, got.content) == (200, PNG)
    assert (head.status_code, head.content) == (200, b"")
    for answer in (got, head):
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["content-length"] == str(len(PNG))
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-disposition"].startswith("inline; filename*=UTF-8''%D0%A1")


async def test_a_page_in_disguise_is_only_downloaded(hub: Hub) -> None:
    path = path_of(hub, await a_file(hub, b"<script>", "application/octet-stream"))
    async with stranger(hub) as client:
        got = await client.get(path)
    assert got.headers["content-disposition"].startswith("attachment")


async def test_every_other_address_brings_nothing(hub: Hub) -> None:
    message = await a_file(hub)
    path = path_of(hub, message)
    door = path.rpartition("/")[0]
    others = [
        path[:-1] + ("0" if path[-1] != "0" else "1"),
        path_of(hub, message, 1),
        f"{door}/{message}.0",
        f"{door}/x",
        f"{door}/..%2f..%2fkeys",
        path.replace(".0.", ".1."),
    ]
    async with stranger(hub) as client:
        assert {(await client.get(other)).status_code for other in others} == {404}


async def test_without_a_public_address_there_is_no_link(hub: Hub) -> None:
    private = hub.settings.model_copy(update={"public_url": ""})
    assert media_link(private, hub.vault, await a_file(hub), 0) == ""


async def test_old_files_go_and_those_of_unsettled_work_stay(hub: Hub) -> None:
    done, owed = await a_file(hub), await a_file(hub, PNG + b"2")
    bot = await a_connection(hub, (await a_caller(hub)).workspace)
    await a_delivery(hub, bot, DeliveryState.READY, message_id=owed)
    later = datetime.now(UTC) + timedelta(days=1)
    assert await forget_old(hub.files, hub.media, later) == 1
    async with stranger(hub) as client:
        assert (await client.get(path_of(hub, done))).status_code == 404
        assert (await client.get(path_of(hub, owed))).status_code == 200


async def test_bytes_that_another_message_shows_too_stay(hub: Hub) -> None:
    first, second = await a_file(hub), await a_file(hub)
    bot = await a_connection(hub, (await a_caller(hub)).workspace)
    await a_delivery(hub, bot, DeliveryState.READY, message_id=second)
    assert await forget_old(hub.files, hub.media, datetime.now(UTC) + timedelta(days=1)) == 0
    async with stranger(hub) as client:
        assert (await client.get(path_of(hub, first))).status_code == 404
        assert (await client.get(path_of(hub, second))).content == PNG
