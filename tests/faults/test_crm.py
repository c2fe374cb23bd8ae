"""The CRM errs, lags, forgets, refuses and is edited by people while we write to it."""

from datetime import timedelta
from itertools import pairwise

import pytest

from channel_clients.emulators.stage import Exchange, Response
from crm_clients.emulators.amocrm import rest
from mappers.vocabulary import DeliveryKind, DeliveryState
from middleware.operations.deliveries.flow import find, replay
from middleware.operations.deliveries.model import Filter
from middleware.operations.model import Caller
from middleware.store.policy import Policy
from tests.faults.conftest import Opened
from tests.faults.scene import (
    CREATE_CONTACT,
    CREATE_DEAL,
    NINA,
    PETR,
    WRITE,
    add_bot,
    back_in,
    calls,
    cards,
    deals,
    gate,
    show_repeats,
    until,
    until_rows,
    words_of,
)
from tests.journeys.town import ACCOUNT, Plan, Town

PHONE = "+79990001122"
REST = f"/{ACCOUNT}/api/v4/"
CREATIONS = ("POST /shop/api/v4/contacts", "POST /shop/api/v4/leads")


@pytest.mark.parametrize("fault", ["cut_after", "error_500_after", "bad_gateway_after", "garbage"])
async def test_fault_10_an_answer_that_is_lost_after_the_crm_wrote_is_found_again(
    town: Town, fault: str
) -> None:
    show_repeats(town)
    for path in CREATIONS:
        town.amocrm.stage.arm(fault, match=path)
    town.amocrm.stage.arm(fault, times=2, match="POST /amojo")
    town.telegram.say(NINA, "раз", name="Нина")
    town.telegram.say(NINA, "два")
    await town.settle()

    assert town.amocrm.stage.faults_met == {fault: 4}
    assert town.entries() == ["раз", "два"]
    assert len(cards(town)) == 1
    assert len(deals(town)) == 1


async def test_fault_10_a_call_that_takes_effect_after_we_gave_it_up_is_waited_for(
    town_of: Opened, impatient: float
) -> None:
    """The provider is slower than our patience, and quicker than its own settling time."""
    pace = {"settling_pace": impatient * 3 / 20, "lease_ttl": timedelta(seconds=20)}
    async with town_of(Plan(settings=pace)) as town:
        show_repeats(town)
        for path in (*CREATIONS, "POST /amojo"):
            town.amocrm.stage.arm("hang_after", match=path, seconds=impatient * 1.5)
        town.telegram.say(NINA, "раз", name="Нина")
        town.telegram.say(NINA, "два")
        await town.settle()

        assert town.amocrm.stage.faults_met == {"hang_after": 3}
        assert town.entries() == ["раз", "два"]
        assert len(cards(town)) == 1
        assert len(deals(town)) == 1


async def test_fault_11_a_reading_that_lags_is_waited_for_and_nothing_is_written_twice(
    town_of: Opened,
) -> None:
    async with town_of(Plan(settings={"settling_pace": 0.15})) as town:
        show_repeats(town)
        town.amocrm.switches.set("history_delay_s", 2.0)
        town.amocrm.switches.set("search_lag_s", 3600.0)
        for path in CREATIONS:
            town.amocrm.stage.arm("cut_after", match=path)
        with gate(town.amocrm.stage, WRITE) as first:
            town.telegram.say(NINA, "раз", name="Нина")
            async with town.patience():
                await first.reached.wait()
            town.amocrm.stage.arm("cut_after", match="POST /amojo")
            town.telegram.say(NINA, "два")
            first.open()
            await town.settle()

        assert town.amocrm.stage.faults_met == {"cut_after": 3}
        assert town.entries() == ["раз", "два"]
        assert calls(town.amocrm.stage, WRITE).count(200) == 1
        assert len(cards(town)) == 1
        assert len(deals(town)) == 1


def too_soon(log: list[Exchange], pause: timedelta) -> list[Exchange]:
    """Calls of one account that were made although the one before had been turned away."""
    found = [line for line in log if REST in line.path]
    return [
        later
        for earlier, later in pairwise(found)
        if earlier.status == 429 and later.at - earlier.at < pause
    ]


@pytest.mark.parametrize("told", [None, 2])
async def test_fault_12_one_rejection_pauses_everything_for_as_long_as_it_says(
    town: Town, monkeypatch: pytest.MonkeyPatch, told: int | None
) -> None:
    headers = {} if told is None else {"retry-after": str(told)}
    storm = Response(status=429, body=b"<html>429</html>", headers=headers)
    monkeypatch.setitem(rest.CANNED, "flood", lambda: storm)
    town.amocrm.stage.arm("flood", times=2, match=REST)
    for number in range(3):
        town.telegram.say(NINA, f"{number}", name="Нина")
    await town.settle()

    statuses = calls(town.amocrm.stage, REST)
    assert statuses.count(429) == 2
    assert too_soon(town.amocrm.stage.log, timedelta(seconds=told or 1)) == []
    assert town.entries() == ["0", "1", "2"]
    burnt = await town.rows("SELECT failures FROM deliveries WHERE failures > 0")
    assert burnt == []


async def test_fault_14_an_outage_burns_no_message_and_ends_in_order(town: Town) -> None:
    show_repeats(town)
    town.telegram.say(NINA, "до", name="Нина")
    await town.settle()
    town.amocrm.stage.arm("html_500", times=-1)
    for number in range(4):
        town.telegram.say(NINA, f"{number}")
        town.telegram.say(PETR, f"{number}", name="Пётр")
    await until(town, lambda: town.amocrm.stage.faults_met.get("html_500", 0) >= 12)
    given_up = "SELECT count(*) FROM deliveries WHERE state IN ('dead', 'held', 'parked')"
    assert await town.count(given_up) == 0
    town.amocrm.stage.clear()
    await town.settle()

    assert words_of(town, NINA) == ["до", "0", "1", "2", "3"]
    assert words_of(town, PETR) == ["0", "1", "2", "3"]
    assert len(cards(town)) == 2


async def test_fault_28_a_field_that_the_crm_refuses_is_shown_and_the_messages_wait_for_it(
    town: Town,
) -> None:
    town.amocrm.stage.arm("validation", times=-1, match="POST /shop/api/v4/contacts")
    town.telegram.say(NINA, "раз", name="Нина")
    await until_rows(town, "SELECT count(*) FROM deliveries WHERE state = 'dead'")
    town.telegram.say(NINA, "два")
    await until_rows(town, "SELECT count(*) FROM deliveries WHERE kind = 'write'", 2)
    assert town.entries() == []
    assert calls(town.amocrm.stage, CREATE_CONTACT) == [400]

    caller = Caller(workspace=town.workspace, name="admin")
    page = await find(town.hub, caller, Filter(states=(DeliveryState.DEAD,)))
    (refused,) = page.items
    assert refused.kind is DeliveryKind.ENSURE_CONTACT
    assert refused.code == "amocrm.invalid.NotSupportedChoice"
    town.amocrm.stage.clear()
    assert await replay(town.hub, caller, refused.id)
    await town.settle()

    assert town.entries() == ["раз", "два"]
    assert len(cards(town)) == 1


@pytest.mark.parametrize("moment", [CREATE_CONTACT, CREATE_DEAL])
async def test_fault_29_a_card_deleted_under_our_hands_is_made_anew_once(
    town: Town, moment: str
) -> None:
    with gate(town.amocrm.stage, moment) as answers:
        town.telegram.say(NINA, "раз", name="Нина")
        async with town.patience():
            await answers.reached.wait()
        (card,) = cards(town)
        town.amocrm.delete_contact(ACCOUNT, card["id"])
    await town.settle()

    (made,) = cards(town)
    assert made["id"] != card["id"]
    assert town.entries() == ["раз"]
    assert town.timeline()[0].contact_id == made["id"]


@pytest.mark.parametrize("moment", [CREATE_CONTACT, CREATE_DEAL])
async def test_fault_29_a_card_merged_under_our_hands_is_followed(town: Town, moment: str) -> None:
    card = {"name": "Нина Петровна", "custom_fields_values": []}
    survivor = town.amocrm.add_contact(ACCOUNT, card).id
    with gate(town.amocrm.stage, moment) as answers:
        town.telegram.say(NINA, "раз", name="Нина")
        async with town.patience():
            await answers.reached.wait()
        (ours,) = [each["id"] for each in cards(town) if each["id"] != survivor]
        town.amocrm.merge_contacts(ACCOUNT, survivor, ours)
    await town.settle()
    town.telegram.say(NINA, "два")
    await town.settle()

    assert town.entries() == ["раз", "два"]
    living = {each["id"] for each in cards(town)}
    assert town.timeline()[0].contact_id in living


async def test_fault_30_one_person_first_heard_on_two_channels_at_once_is_one_contact(
    town: Town,
) -> None:
    token = "700200:" + "B" * 35
    second = await add_bot(town, token, "second_bot", town.workspace)
    await town.hub.connections.set_route(town.workspace, second, town.crm, Policy())
    first = town.telegram.bot("shop_bot").token
    for bot in (first, token):
        town.telegram.share_contact(NINA, PHONE, bot=bot)
        town.telegram.say(NINA, "это я", bot=bot)
    await town.settle()

    (card,) = cards(town)
    assert card["phones"] == [PHONE]
    assert len(deals(town)) == 1
    assert {chat.contact_id for chat in town.timeline()} == {card["id"]}
    assert [words_of(town, NINA, bot=bot)[-1] for bot in (first, token)] == ["это я"] * 2


async def test_fault_37_our_own_entries_come_back_by_every_road_and_are_never_news(
    quiet_town: Town,
) -> None:
    """As hooks of the account, as hooks of the chat, twice, and read back after a silence."""
    town = quiet_town
    for switch in ("own_messages_raise_hook", "hooks_for_imported", "webhook_twice"):
        town.amocrm.switches.set(switch, value=True)
    settings = town.hub.settings.model_copy(update={"gap_after": timedelta(milliseconds=1)})
    async with back_in(town, settings) as first:
        town.telegram.say(NINA, "вопрос", name="Нина")
        await first.settle()
        town.reply(NINA, "ответ")
        await first.settle()
    for _ in range(2):
        async with back_in(town, settings) as again:
            await again.settle()

    assert town.entries() == ["вопрос", "ответ"]
    assert town.seen_by(NINA) == ["ответ"]
    assert calls(town.telegram.stage, "sendMessage") == [200]
