"""Who is this: one person, one contact, one deal, whatever happens at once or in the CRM."""

from typing import Any

import pytest

from middleware.store.policy import Policy
from tests.journeys.conftest import Opened
from tests.journeys.town import ACCOUNT, Plan, Town

NINA, PETR = 1001, 1002
PHONE = "+79990001122"


def known(town: Town, phone: str, name: str = "Нина Петровна") -> int:
    """Someone whom the company has in its CRM already."""
    return town.world.side.known(town.world.crm, name, phone)


def contacts(town: Town) -> list[dict[str, Any]]:
    return town.contacts()


def leads(town: Town) -> list[dict[str, Any]]:
    return town.deals()


@pytest.mark.parametrize("spelling", ["+7 (999) 000-11-22", "8 999 000 11 22", "79990001122"])
async def test_a_known_customer_is_found_by_any_spelling_of_the_phone(
    every: Town, spelling: str
) -> None:
    card = known(every, spelling)
    every.telegram.share_contact(NINA, PHONE)
    await every.settle()

    assert [contact["id"] for contact in contacts(every)] == [card]
    assert every.chats()[0].contact_id == card


async def test_a_number_that_only_looks_alike_is_somebody_else(town: Town) -> None:
    stranger = known(town, "+49 9990001122")
    town.telegram.share_contact(NINA, PHONE)
    await town.settle()

    assert len(contacts(town)) == 2
    assert town.timeline()[0].contact_id != stranger


async def test_a_phone_shared_later_moves_the_chat_to_the_real_card(town: Town) -> None:
    card = known(town, PHONE)
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    assert town.timeline()[0].contact_id != card

    town.telegram.share_contact(NINA, PHONE)
    town.telegram.say(NINA, "Это мой номер")
    await town.settle()

    assert town.timeline()[0].contact_id == card
    assert len(contacts(town)) == 2


async def test_a_phone_shared_later_is_added_to_a_card_of_ours(every: Town) -> None:
    every.telegram.say(NINA, "Здравствуйте", name="Нина")
    await every.settle()
    every.telegram.share_contact(NINA, PHONE)
    await every.settle()

    (contact,) = contacts(every)
    assert contact["phones"] == [PHONE]


async def test_a_card_that_somebody_forwarded_proves_nothing(town: Town) -> None:
    card = known(town, PHONE)
    town.telegram.share_contact(NINA, PHONE, whose_id=777)
    await town.settle()

    assert town.timeline()[0].contact_id != card


async def test_many_first_messages_at_one_instant_make_one_contact_and_one_deal(
    every: Town,
) -> None:
    for number in range(20):
        every.telegram.say(NINA, f"раз {number}", name="Нина")
    await every.settle()

    assert len(contacts(every)) == 1
    assert len(leads(every)) == 1
    assert every.entries() == [f"раз {number}" for number in range(20)]


async def test_a_lost_answer_to_a_creation_makes_no_second_card(every: Town) -> None:
    for calls in ("contacts", "deals", "writes"):
        every.arm("cut_after", calls)
    every.telegram.say(NINA, "Здравствуйте", name="Нина")
    await every.settle()

    assert len(contacts(every)) == 1
    assert len(leads(every)) == 1
    assert every.entries() == ["Здравствуйте"]
    assert sum(every.world.crm.stage.faults_met.values()) == 3


async def test_a_merge_in_the_crm_is_followed(town: Town) -> None:
    survivor = known(town, "+79995554433")
    town.telegram.say(NINA, "До слияния", name="Нина")
    await town.settle()
    ours = town.timeline()[0].contact_id
    assert ours is not None
    town.amocrm.merge_contacts(ACCOUNT, survivor, ours)
    await town.settle()
    town.telegram.say(NINA, "После слияния")
    await town.settle()

    assert [contact["id"] for contact in contacts(town)] == [survivor]
    assert town.timeline()[0].contact_id == survivor
    assert town.entries() == ["До слияния", "После слияния"]


async def test_a_card_deleted_in_the_crm_is_made_anew(every: Town) -> None:
    every.telegram.say(NINA, "Раз", name="Нина")
    await every.settle()
    (ours,) = [contact["id"] for contact in contacts(every)]
    every.world.side.delete_contact(every.world.crm, ours)
    await every.settle()
    every.telegram.say(NINA, "Два")
    await every.settle()

    (contact,) = contacts(every)
    assert contact["id"] != ours
    assert every.entries() == ["Раз", "Два"]


async def test_a_card_that_people_gave_up_is_not_taken_again(town: Town) -> None:
    town.telegram.say(NINA, "Раз", name="Нина")
    await town.settle()
    ours = town.timeline()[0].contact_id
    await town.count(
        "WITH given AS (UPDATE contact_links SET state = 'dropped' RETURNING 1)"
        " SELECT count(*) FROM given"
    )
    town.telegram.say(NINA, "Два")
    await town.settle()

    assert len(contacts(town)) == 2
    assert town.timeline()[0].contact_id != ours


async def test_a_card_deleted_unseen_is_noticed_and_made_anew(town_of: Opened) -> None:
    async with town_of(Plan()) as town:
        town.telegram.say(NINA, "Раз", name="Нина")
        await town.settle()
        ours = town.timeline()[0].contact_id
        assert ours is not None
        webhooks = town.amocrm.world.account(ACCOUNT).webhooks
        webhooks.clear()
        town.amocrm.delete_contact(ACCOUNT, ours)
        (lead,) = leads(town)
        town.amocrm.close_lead(ACCOUNT, lead["id"])
        await town.count(
            "WITH old AS (UPDATE deals SET state = 'won' RETURNING 1) SELECT count(*) FROM old"
        )
        town.telegram.say(NINA, "Два")
        await town.settle()

        (contact,) = contacts(town)
        assert contact["id"] != ours
        assert town.entries() == ["Раз", "Два"]


async def test_a_closed_deal_is_followed_by_a_new_one(town: Town) -> None:
    town.telegram.say(NINA, "Куплю", name="Нина")
    await town.settle()
    (first,) = leads(town)
    town.amocrm.close_lead(ACCOUNT, first["id"])
    await town.settle()
    town.telegram.say(NINA, "Куплю ещё")
    await town.settle()

    assert len(leads(town)) == 2
    assert len([lead for lead in leads(town) if lead["is_open"]]) == 1


async def test_an_open_deal_of_the_company_is_used(town: Town) -> None:
    card = known(town, PHONE)
    lead = town.amocrm.add_lead(
        ACCOUNT, {"name": "Диван", "_embedded": {"contacts": [{"id": card}]}}
    )
    town.telegram.share_contact(NINA, PHONE)
    await town.settle()

    assert [each["id"] for each in leads(town)] == [lead.id]


async def test_a_pilot_carries_only_those_who_are_on_its_list(town_of: Opened) -> None:
    async with town_of(Plan(policy=Policy(pilot=("telegram:1001", "+79990001122")))) as town:
        town.telegram.say(NINA, "в пилоте", name="Нина")
        town.telegram.say(PETR, "ещё нет", name="Пётр")
        await town.settle()
        town.telegram.share_contact(PETR, "+7 999 000-11-22")
        town.telegram.say(PETR, "теперь да")
        await town.settle()

        assert "в пилоте" in town.entries()
        assert "ещё нет" not in town.entries()
        assert town.entries()[-1] == "теперь да"
        assert await town.count("SELECT count(*) FROM messages") == 4


async def test_no_deal_is_opened_where_the_route_wants_none(town_of: Opened) -> None:
    async with town_of(Plan(policy=Policy(deal_policy="never"))) as town:
        town.telegram.say(NINA, "Просто вопрос", name="Нина")
        await town.settle()

        assert leads(town) == []
        assert town.entries() == ["Просто вопрос"]


async def test_the_crms_own_deal_is_adopted_where_the_route_says_so(town_of: Opened) -> None:
    async with town_of(Plan(policy=Policy(deal_owner="crm"))) as town:
        town.telegram.say(NINA, "Здравствуйте", name="Нина")
        await town.settle()

        (lead,) = leads(town)
        adopted = await town.rows("SELECT deal, evidence FROM deals")
        assert adopted == [{"deal": str(lead["id"]), "evidence": "crm.open_deal"}]


async def test_a_shared_phone_of_somebody_else_is_a_claim_and_no_merge(every: Town) -> None:
    every.telegram.share_contact(NINA, PHONE)
    await every.settle()
    every.telegram.share_contact(1002, PHONE)
    await every.settle()

    assert await every.count("SELECT count(*) FROM contacts") == 2
    assert await every.count("SELECT count(*) FROM claims") == 1


async def test_a_phone_shared_while_the_card_is_being_made_reaches_it(every: Town) -> None:
    every.arm("slow", "contacts", seconds=0.5)
    every.telegram.say(NINA, "Раз", name="Нина")
    making = "SELECT count(*) FROM deliveries WHERE kind = 'ensure_contact' AND state = 'calling'"
    async with every.patience():
        while not await every.count(making):
            await every.pause()
    every.telegram.share_contact(NINA, PHONE)
    await every.settle()

    (contact,) = contacts(every)
    assert contact["phones"] == [PHONE]
