"""What people do to cards in amoCRM, told once and in time, or twice and in any order."""

from typing import Any

import pytest

from middleware.connections.flow import resume
from middleware.store.policy import Policy
from tests.journeys.town import ACCOUNT, Town

NINA = 1001


@pytest.fixture(autouse=True, params=["told once", "told twice, in any order"])
def _telling(request: pytest.FixtureRequest, town: Town) -> None:
    if request.param != "told once":
        town.amocrm.switches.set("webhook_twice", value=True)
        town.amocrm.switches.set("webhook_jitter_s", 0.2)


def leads(town: Town) -> list[dict[str, Any]]:
    return [dict(lead) for lead in town.amocrm.leads(ACCOUNT) if not lead["is_deleted"]]


async def begin(town: Town) -> int:
    """Let a customer write; return the id of their deal."""
    town.telegram.say(NINA, "Куплю", name="Нина")
    await town.settle()
    (lead,) = leads(town)
    return int(lead["id"])


async def ask_again(town: Town) -> list[int]:
    """Let the customer write once more; return the ids of the deals that are open then."""
    town.telegram.say(NINA, "Ещё вопрос")
    await town.settle()
    return [lead["id"] for lead in leads(town) if lead["is_open"]]


async def test_a_closed_deal_is_followed_by_a_new_one_and_a_reopened_one_is_used(
    town: Town,
) -> None:
    lead = await begin(town)
    account = town.amocrm.world.account(ACCOUNT)
    stage = account.main_pipeline().first_status()
    town.amocrm.close_lead(ACCOUNT, lead)
    town.amocrm.edit_lead(ACCOUNT, lead, {"status_id": stage})
    await town.settle()
    assert await ask_again(town) == [lead]

    town.amocrm.edit_lead(ACCOUNT, lead, {"status_id": stage})
    town.amocrm.close_lead(ACCOUNT, lead, won=False)
    await town.settle()
    (newer,) = await ask_again(town)
    assert newer != lead


async def test_a_deal_in_the_bin_is_followed_by_a_new_one_and_a_restored_one_is_used(
    town: Town,
) -> None:
    lead = await begin(town)
    town.amocrm.delete_lead(ACCOUNT, lead)
    town.amocrm.restore_lead(ACCOUNT, lead)
    await town.settle()
    assert await ask_again(town) == [lead]

    town.amocrm.delete_lead(ACCOUNT, lead)
    await town.settle()
    (newer,) = await ask_again(town)
    assert newer != lead


async def test_a_deal_that_went_to_another_pipeline_is_not_the_routes_any_more(town: Town) -> None:
    account = town.amocrm.world.account(ACCOUNT)
    policy = Policy(pipeline=str(account.main_pipeline().id))
    await town.hub.connections.set_route(town.workspace, town.bot, town.crm, policy)
    lead = await begin(town)
    other = town.amocrm.add_pipeline(ACCOUNT, "Сервис", ("Приём",))
    town.amocrm.edit_lead(ACCOUNT, lead, {"pipeline_id": other.id})
    await town.settle()
    opened = await ask_again(town)
    assert len(opened) == 2
    assert lead in opened


async def test_a_contact_that_came_back_from_the_bin_is_the_customer_again(town: Town) -> None:
    await begin(town)
    (contact,) = town.amocrm.contacts(ACCOUNT)
    town.amocrm.delete_contact(ACCOUNT, contact["id"])
    await town.settle()
    town.amocrm.restore_contact(ACCOUNT, contact["id"])
    await ask_again(town)
    assert [each["id"] for each in town.amocrm.contacts(ACCOUNT)] == [contact["id"]]
    assert town.timeline()[0].contact_id == contact["id"]


async def test_two_merges_in_a_row_are_followed_to_the_last_survivor(town: Town) -> None:
    await begin(town)
    ours = town.timeline()[0].contact_id
    assert ours is not None
    second = town.amocrm.add_contact(ACCOUNT, {"name": "Нина П."}).id
    third = town.amocrm.add_contact(ACCOUNT, {"name": "Нина Петровна"}).id
    town.amocrm.merge_contacts(ACCOUNT, second, ours)
    town.amocrm.merge_contacts(ACCOUNT, third, second)
    await town.settle()
    await ask_again(town)
    assert town.timeline()[0].contact_id == third
    assert town.entries() == ["Куплю", "Ещё вопрос"]


class TestUnsorted:
    @pytest.mark.parametrize("offered", [True, False])
    async def test_the_account_is_subscribed_to_what_it_offers(
        self, town: Town, offered: bool
    ) -> None:
        town.amocrm.switches.set("unsorted_hooks", value=offered)
        assert await resume(town.hub, town.crm) == ()
        (hook,) = town.amocrm.world.account(ACCOUNT).webhooks.values()
        assert ("delete_unsorted" in hook.settings) == offered
        assert "update_contact" not in hook.settings

    async def test_an_adopted_deal_that_was_declined_is_not_used_again(self, town: Town) -> None:
        policy = Policy(deal_owner="crm")
        await town.hub.connections.set_route(town.workspace, town.bot, town.crm, policy)
        town.amocrm.switches.set("unsorted_hooks", value=True)
        await resume(town.hub, town.crm)
        lead = await begin(town)
        (item,) = town.amocrm.world.account(ACCOUNT).unsorted.values()
        assert item.lead_id == lead
        town.amocrm.decline_unsorted(ACCOUNT)
        await town.settle()
        states = await town.rows("SELECT state FROM deals")
        assert [row["state"] for row in states] == ["deleted"]
