"""Which deal a customer's messages go to, as a route says: over time, by channel, across them."""

from datetime import timedelta
from typing import Any

from mappers.vocabulary import ConnectionId
from middleware.connections.flow import Wanted, connect
from middleware.store.policy import Policy
from tests.journeys.conftest import Opened
from tests.journeys.town import ACCOUNT, Plan, Town

NINA = 1001
SHOP, SERVICE = "shop_bot", "service_bot"
TOKEN = "700200:" + "B" * 35
DAY = timedelta(days=1)


def leads(town: Town) -> list[dict[str, Any]]:
    return [dict(lead) for lead in town.amocrm.leads(ACCOUNT) if not lead["is_deleted"]]


async def second_bot(town: Town, policy: Policy) -> ConnectionId:
    """Connect another bot, routed to the same CRM."""
    town.telegram.add_bot(TOKEN, SERVICE)
    values = {"token": TOKEN, "api_base": town.world.telegram_base}
    hushed = {"mode": "webhook", "webhook_secret": "hush-hush-2"}
    wanted = Wanted(provider="telegram", values={**values, **hushed}, listen=False)
    bot = (await connect(town.hub, town.workspace, wanted)).id
    await town.hub.connections.set_route(town.workspace, bot, town.crm, policy)
    return bot


async def say(town: Town, words: str, bot: str = SHOP) -> None:
    town.telegram.say(NINA, words, name="Нина", bot=bot)
    await town.settle()


async def test_a_closed_deal_is_used_while_it_rests_and_then_no_more(town_of: Opened) -> None:
    async with town_of(Plan(policy=Policy(deal_rest=DAY))) as town:
        await say(town, "Хочу чайник")
        (first,) = leads(town)
        town.amocrm.close_lead(ACCOUNT, first["id"])
        await town.settle()
        await say(town, "Спасибо!")
        assert [lead["id"] for lead in leads(town)] == [first["id"]]

        lead = town.amocrm.world.account(ACCOUNT).leads[first["id"]]
        lead.closed_at = (lead.closed_at or 0) - 2 * 86400
        await town.rows("UPDATE deals SET closed_at = closed_at - interval '2 days' RETURNING 1")
        await say(town, "Хочу ещё чайник")
        assert len(leads(town)) == len([first, "another"])
        assert [lead["is_unsorted"] for lead in leads(town)] == [False, False]
        assert town.entries() == ["Хочу чайник", "Спасибо!", "Хочу ещё чайник"]


async def test_a_reopened_deal_is_used_again(town_of: Opened) -> None:
    async with town_of(Plan()) as town:
        await say(town, "Хочу чайник")
        (first,) = leads(town)
        town.amocrm.close_lead(ACCOUNT, first["id"], won=False)
        await town.settle()
        (known,) = await town.rows("SELECT state, closed_at FROM deals")
        assert (known["state"], known["closed_at"] is None) == ("lost", False)

        where = {"status": first["status_id"], "pipeline": first["pipeline_id"]}
        town.amocrm.move_lead(ACCOUNT, first["id"], **where)
        await town.settle()
        assert await town.rows("SELECT state, closed_at FROM deals") == [
            {"state": "open", "closed_at": None}
        ]
        await say(town, "Передумала: беру")
        assert [lead["id"] for lead in leads(town)] == [first["id"]]


async def test_a_customer_has_a_deal_for_each_channel(town_of: Opened) -> None:
    policy = Policy(deal_scope="channel")
    async with town_of(Plan(policy=policy)) as town:
        await second_bot(town, policy)
        for words in ("Хочу чайник", "Когда привезут?"):
            await say(town, words, SHOP)
            await say(town, f"{words} Чайник сломан", SERVICE)

        assert len(town.amocrm.contacts(ACCOUNT)) == 1
        assert len(leads(town)) == len((SHOP, SERVICE))
        known = await town.rows("SELECT DISTINCT source_id FROM deals")
        assert len(known) == len((SHOP, SERVICE))


async def test_two_first_messages_at_once_make_a_deal_for_each_channel(town_of: Opened) -> None:
    policy = Policy(deal_scope="channel")
    async with town_of(Plan(policy=policy)) as town:
        await second_bot(town, policy)
        town.telegram.say(NINA, "Хочу чайник", name="Нина", bot=SHOP)
        town.telegram.say(NINA, "Чайник сломан", name="Нина", bot=SERVICE)
        await town.settle()
        assert len(leads(town)) == len((SHOP, SERVICE))


async def test_an_exchange_goes_on_across_channels_within_its_window(town_of: Opened) -> None:
    policy = Policy(deal_scope="channel", thread_window=DAY)
    async with town_of(Plan(policy=policy)) as town:
        await second_bot(town, policy)
        await say(town, "Хочу чайник", SHOP)
        await say(town, "Пишу сюда: тот же чайник", SERVICE)
        assert len(leads(town)) == 1

        await town.rows("UPDATE deals SET used_at = used_at - interval '2 days' RETURNING 1")
        await say(town, "А это другое", SERVICE)
        assert len(leads(town)) == len((SHOP, SERVICE))


async def test_only_words_open_a_deal(town_of: Opened) -> None:
    async with town_of(Plan(policy=Policy(deal_on="text"))) as town:
        town.telegram.start(NINA)
        await town.settle()
        assert town.entries() == ["/start"]
        assert leads(town) == []
        assert len(town.amocrm.contacts(ACCOUNT)) == 1

        await say(town, "Хочу чайник")
        (lead,) = leads(town)
        assert not lead["is_unsorted"]
        town.telegram.start(NINA)
        await town.settle()
        assert town.entries() == ["/start", "Хочу чайник", "/start"]
        assert len(leads(town)) == 1


async def test_a_crm_that_opens_deals_opens_none_without_words(town_of: Opened) -> None:
    async with town_of(Plan(policy=Policy(deal_owner="crm", deal_on="text"))) as town:
        town.telegram.start(NINA)
        await town.settle()
        assert leads(town) == []
        await say(town, "Хочу чайник")
        (lead,) = leads(town)
        assert lead["is_unsorted"]


async def test_a_deal_that_was_moved_away_is_not_used(town_of: Opened) -> None:
    async with town_of(Plan()) as town:
        account = town.amocrm.world.account(ACCOUNT)
        here, other = (
            town.amocrm.add_pipeline(ACCOUNT, "Сервис", ("Новое",)),
            account.main_pipeline(),
        )
        policy = Policy(pipeline=str(here.id))
        await town.hub.connections.set_route(town.workspace, town.bot, town.crm, policy)
        await say(town, "Хочу чайник")
        (first,) = leads(town)
        assert first["pipeline_id"] == here.id

        status = other.statuses[1].id
        town.amocrm.move_lead(ACCOUNT, first["id"], status=status, pipeline=other.id)
        await town.settle()
        await say(town, "И ещё один")
        assert [lead["pipeline_id"] for lead in leads(town)] == [other.id, here.id]
