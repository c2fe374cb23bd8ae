"""What a connection decides is changed one by one, and never while its account signs in anew."""

from datetime import timedelta

import pytest

from middleware.connections.model import ConnectionSettings
from middleware.errors import Conflict
from middleware.hub import Hub
from middleware.operations.accounts.settings import BadSetting, change, problems_of
from middleware.operations.model import Caller
from tests.builders import a_connection

LEASE_TTL = timedelta(seconds=30)


async def test_what_is_not_named_stays(hub: Hub, anna: Caller) -> None:
    bot = await a_connection(hub, anna.workspace)
    before = await hub.connections.get(bot)
    await change(hub, anna, bot, {"reply_age_limit": "2d"})
    now = await change(hub, anna, bot, {"on_doubt": "resend"})
    kept = await hub.connections.get(bot)
    assert now == kept.settings
    assert now == ConnectionSettings(
        on_doubt="resend",
        reply_age_limit=timedelta(days=2),
        language=before.settings.language,
        file_wait=before.settings.file_wait,
    )
    assert kept.listens == before.listens
    assert kept.version > before.version


async def test_everything_that_is_wrong_is_said_and_nothing_changes(hub: Hub, anna: Caller) -> None:
    bot = await a_connection(hub, anna.workspace)
    before = await hub.connections.get(bot)
    with pytest.raises(BadSetting, match=r"ru, en.*3d, 12h"):
        await change(hub, anna, bot, {"language": "fr", "file_wait": "soon", "on_doubt": "hold"})
    assert await hub.connections.get(bot) == before


async def test_nothing_changes_while_the_account_signs_in_anew(hub: Hub, anna: Caller) -> None:
    bot = await a_connection(hub, anna.workspace)
    lease = await hub.store.acquire(bot, "refresh", "somebody", LEASE_TTL)
    assert lease is not None
    with pytest.raises(Conflict, match="Try again"):
        await change(hub, anna, bot, {"on_doubt": "resend"})
    await hub.store.release(lease)
    assert (await change(hub, anna, bot, {"on_doubt": "resend"})).on_doubt == "resend"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("color", "red", "it decides on_doubt"),
        ("reply_age_limit", "0s", "longer than nothing"),
        ("file_wait", "1h", "600 s at most"),
        ("language", "fr", "one of ru, en"),
    ],
)
def test_a_refusal_says_what_may_be(name: str, value: str, said: str) -> None:
    assert said in " ".join(problems_of({name: value}))
