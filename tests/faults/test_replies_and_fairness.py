"""Replies that may have arrived, and neighbours who are loud."""

from uuid import UUID

import pytest

from mappers.vocabulary import DeliveryState
from middleware.operations.deliveries.flow import find, settle
from middleware.operations.deliveries.model import Decision, Filter
from middleware.operations.model import Caller
from middleware.store.policy import Policy
from tests.faults.scene import NINA, PETR, SEND, calls, change, open_shop, until, words_of
from tests.journeys.town import Town

OTHER_BOT = "700300:" + "C" * 35
FLOOD = 120


async def lose_answer(town: Town) -> None:
    """A reply reaches the customer, and the answer to our call is lost."""
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    town.telegram.stage.arm("cut_after", match="sendMessage")
    town.reply(NINA, "дошло?")
    await town.settle()


@pytest.mark.parametrize(
    ("decision", "seen", "codes"),
    [
        (Decision.SENT, ["дошло?"], [-1, 1]),
        (Decision.SEND, ["дошло?", "дошло?"], [-1, 1]),
        (Decision.DROP, ["дошло?"], [-1, -1]),
    ],
)
async def test_fault_36_a_reply_that_may_have_arrived_is_held_until_a_person_decides(
    town: Town, decision: Decision, seen: list[str], codes: list[int]
) -> None:
    await lose_answer(town)
    (status,) = town.amocrm.replies[0].statuses
    assert status.code == -1
    assert "Не набирайте" in str(status.error)
    assert town.seen_by(NINA) == ["дошло?"]

    caller = Caller(workspace=town.workspace, name="admin")
    (held,) = (await find(town.hub, caller, Filter(states=(DeliveryState.HELD,)))).items
    await settle(town.hub, caller, UUID(str(held.id)), decision)
    await town.settle()

    assert town.seen_by(NINA) == seen
    assert [status.code for status in town.amocrm.replies[0].statuses] == codes


async def test_fault_36_a_doubtful_reply_is_sent_again_where_the_company_prefers_it(
    town: Town,
) -> None:
    await change(
        town,
        """
        UPDATE connections SET settings = settings || '{"on_doubt": "resend"}',
            config_version = config_version + 1
        WHERE id = :bot
        """,
        bot=town.bot,
    )
    await lose_answer(town)

    assert town.seen_by(NINA) == ["дошло?", "дошло?"]
    assert calls(town.telegram.stage, SEND) == [None, 200]
    assert [status.code for status in town.amocrm.replies[0].statuses] == [1]


async def test_a_route_s_word_on_doubt_goes_before_its_channel_s(town: Town) -> None:
    policy = Policy(on_doubt="resend")
    await town.hub.connections.set_route(town.workspace, town.bot, town.crm, policy)
    await lose_answer(town)

    assert town.seen_by(NINA) == ["дошло?", "дошло?"]


@pytest.mark.parametrize(
    ("policy", "seen"),
    [
        (Policy(lane_policy="skip"), ["дошло?", "второй"]),
        (Policy(lane_policy="wait"), ["дошло?"]),
    ],
)
async def test_a_route_says_whether_replies_wait_behind_a_held_one(
    town: Town, policy: Policy, seen: list[str]
) -> None:
    await town.hub.connections.set_route(town.workspace, town.bot, town.crm, policy)
    await lose_answer(town)
    town.reply(NINA, "второй")
    await town.settle()
    assert town.seen_by(NINA) == seen

    caller = Caller(workspace=town.workspace, name="admin")
    (held,) = (await find(town.hub, caller, Filter(states=(DeliveryState.HELD,)))).items
    await settle(town.hub, caller, UUID(str(held.id)), Decision.SENT)
    await town.settle()
    assert town.seen_by(NINA) == ["дошло?", "второй"]


async def test_fault_34_a_flooded_shop_costs_its_neighbour_nothing(town: Town) -> None:
    rival = await open_shop(town, OTHER_BOT, "rival", town.workspace)
    for number in range(FLOOD):
        town.telegram.say(NINA, f"{number}", name="Нина", bot="shop_bot")
    await until(town, lambda: bool(town.entries()))
    town.telegram.say(PETR, "я один", name="Пётр", bot=rival.token)
    await until(town, lambda: bool(words_of(town, PETR, account="rival", bot=rival.token)))
    assert len(town.entries()) < FLOOD
    await town.settle()

    assert town.entries() == [f"{number}" for number in range(FLOOD)]


async def test_fault_35_a_flooded_conversation_keeps_its_order_and_lets_others_pass(
    town: Town,
) -> None:
    for number in range(FLOOD):
        town.telegram.say(NINA, f"{number}", name="Нина")
    await until(town, lambda: bool(words_of(town, NINA)))
    town.telegram.say(PETR, "я один", name="Пётр")
    await until(town, lambda: bool(words_of(town, PETR)))
    assert len(words_of(town, NINA)) < FLOOD
    town.reply(PETR, "сию минуту")
    await until(town, lambda: town.seen_by(PETR) == ["сию минуту"])
    assert len(words_of(town, NINA)) < FLOOD
    await town.settle()

    assert words_of(town, NINA) == [f"{number}" for number in range(FLOOD)]
