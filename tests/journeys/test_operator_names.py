"""Customers see who answers them, as the route says, and no reply waits for a name."""

from mappers.names import Manner
from middleware.store.policy import Policy
from tests.journeys.conftest import Opened
from tests.journeys.town import ACCOUNT, Plan, Town

NINA = 1001
OLGA = "Петрова Ольга Ивановна"


async def greeted(town: Town) -> int:
    """A customer writes, and somebody new is hired to answer."""
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    return town.amocrm.add_user(ACCOUNT, OLGA).id


def plan(manner: Manner) -> Plan:
    return Plan(policy=Policy(operator_name=manner))


async def test_a_name_that_the_hook_tells_is_shown_at_once_and_bold(town_of: Opened) -> None:
    async with town_of(plan("first")) as town:
        olga = await greeted(town)
        town.amocrm.switches.set("hook_sender_name", value=True)
        town.reply(NINA, "Добрый день", user_id=olga)
        await town.settle()

        assert town.seen_by(NINA) == ["Ольга: Добрый день"]
        (shown,) = [m for m in town.telegram.chats()[0]["messages"] if m["from"] == "bot"]
        entry = town.telegram.bot().chats[NINA].living(shown["message_id"])
        assert entry is not None
        assert entry.wire["entities"] == [{"type": "bold", "offset": 0, "length": len("Ольга")}]


async def test_a_name_that_is_not_told_is_asked_for_and_no_reply_waits(town_of: Opened) -> None:
    async with town_of(plan("full")) as town:
        olga = await greeted(town)
        town.reply(NINA, "Первый", user_id=olga)
        await town.settle()
        town.reply(NINA, "Второй", user_id=olga)
        await town.settle()

        assert town.seen_by(NINA) == ["Первый", f"{OLGA}: Второй"]
        assert await town.count("SELECT count(*) FROM deliveries WHERE kind='read_operators'") == 1


async def test_a_crm_that_cannot_name_its_operators_stops_nothing(town_of: Opened) -> None:
    async with town_of(plan("full")) as town:
        olga = await greeted(town)
        town.amocrm.stage.arm("blocked_403", match="GET /shop/api/v4/users")
        town.reply(NINA, "Первый", user_id=olga)
        await town.settle()

        assert town.seen_by(NINA) == ["Первый"]


async def test_a_long_reply_is_named_once(town_of: Opened) -> None:
    async with town_of(plan("first")) as town:
        olga = await greeted(town)
        town.amocrm.switches.set("hook_sender_name", value=True)
        words = " ".join(f"слово{n}" for n in range(1500))
        town.reply(NINA, words, user_id=olga)
        await town.settle()

        parts = town.seen_by(NINA)
        assert len(parts) > 1
        assert " ".join(part.strip() for part in parts) == f"Ольга: {words}"


async def test_a_route_that_shows_no_names_asks_for_none(town: Town) -> None:
    olga = await greeted(town)
    town.amocrm.switches.set("hook_sender_name", value=True)
    town.reply(NINA, "Добрый день", user_id=olga)
    await town.settle()

    assert town.seen_by(NINA) == ["Добрый день"]
    assert await town.count("SELECT count(*) FROM deliveries WHERE kind = 'read_operators'") == 0
