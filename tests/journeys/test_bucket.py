"""Files that lie in a bucket: they pass as from a folder, and an outage holds up no words."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.bucket import S3Server, s3_server
from tests.journeys.town import ACCOUNT, Plan, Town, open_town

NINA = 1001
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 3000


@pytest.fixture
def server() -> Iterator[S3Server]:
    with s3_server() as started:
        yield started


@pytest.fixture
async def town(server: S3Server, postgres_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    plan = Plan(settings=server.settings())
    async with open_town(postgres_url, tmp_path, plan) as opened:
        opened.amocrm.switches.set("fetches_media", value=True)
        yield opened


def shown_in(town: Town) -> list[tuple[str, bytes | None]]:
    """What the operator reads, and the bytes behind it."""
    fetched = town.amocrm.world.fetched
    return [
        (entry.text, fetched.get(str(entry.content.get("media"))))
        for entry in town.timeline()[0].messages
        if not entry.is_from_operator
    ]


async def test_files_pass_both_ways_through_a_bucket(town: Town) -> None:
    town.telegram.show(NINA, "photo", content=JPEG, caption="Вот")
    await town.settle()
    assert shown_in(town) == [("Вот", JPEG)]

    sent = town.amocrm.upload(town.world.amocrm_base, "красные.jpg", JPEG + b"2")
    town.amocrm.reply_with_files(ACCOUNT, town.timeline()[0].chat_id, [sent], text="Такие?")
    await town.settle()
    (seen,) = [each for each in town.telegram.chats()[0]["messages"] if each["from"] == "bot"]
    assert seen["text"] == "Такие?"
    assert town.telegram.world.files[seen["shown"][0]["file_id"]].content == JPEG + b"2"


async def test_a_bucket_that_is_away_delays_files_and_no_words(
    town: Town, server: S3Server
) -> None:
    server.stop()
    try:
        town.telegram.show(NINA, "photo", content=JPEG, caption="Вот")
        town.telegram.say(NINA, "Есть такие?", name="Нина")
        async with town.patience():
            while not town.timeline() or len(shown_in(town)) < 2:
                await town.pause()
        assert shown_in(town) == [("[Фото]\nВот", None), ("Есть такие?", None)]
    finally:
        server.start()
    await town.settle()
    assert shown_in(town)[2:] == [("", JPEG)]
