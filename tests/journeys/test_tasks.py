"""Who answers, and by when: tasks, whose the cards are, and their tags."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from middleware.operations.accounts.flow import BadRoute, set_route
from middleware.operations.model import Caller
from middleware.store.policy import Policy
from tests.journeys.conftest import Opened
from tests.journeys.town import ACCOUNT, Plan, Town

NINA, OWNER = 1001, 500
# Whole seconds are what a channel says, so of the first one any part may be over already.
SOON = timedelta(seconds=2)
OVERDUE = "Клиент ждёт ответа: время на ответ вышло."


def impatient(**policy: Any) -> Plan:
    return Plan(policy=Policy(answer_within=SOON, **policy))


async def what_became_of_tasks(town: Town) -> list[str]:
    rows = await town.rows(
        "SELECT a.outcome FROM attempts AS a JOIN deliveries AS d ON d.id = a.delivery_id "
        "WHERE d.kind = 'create_task' ORDER BY a.started_at"
    )
    return [row["outcome"] for row in rows]


class TestUnanswered:
    async def test_two_messages_that_nobody_answers_make_one_task_on_the_deal(
        self, town_of: Opened
    ) -> None:
        async with town_of(impatient()) as town:
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            town.telegram.say(NINA, "Есть кто?")
            await town.settle()

            (lead,) = town.amocrm.leads(ACCOUNT)
            (task,) = town.amocrm.tasks(ACCOUNT)
            assert (task["text"], task["entity_type"]) == (OVERDUE, "leads")
            assert task["entity_id"] == lead["id"]
            assert task["complete_till"] == lead["closest_task_at"]
            assert town.entries() == ["Здравствуйте", "Есть кто?"]

    async def test_an_answer_in_time_makes_no_task_and_a_later_question_one(
        self, town_of: Opened
    ) -> None:
        async with town_of(Plan(policy=Policy(answer_within=timedelta(seconds=3)))) as town:
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            async with town.patience():
                while not town.timeline():
                    await town.pause()
            town.reply(NINA, "Добрый день")
            await town.settle()
            assert town.amocrm.tasks(ACCOUNT) == ()
            assert await what_became_of_tasks(town) == ["answered"]

            town.telegram.say(NINA, "Сколько стоит?")
            await town.settle()
            assert len(town.amocrm.tasks(ACCOUNT)) == 1

    async def test_an_answer_from_the_companys_own_phone_is_an_answer(
        self, town_of: Opened
    ) -> None:
        async with town_of(impatient()) as town:
            account = town.telegram.connect_business(OWNER)
            town.telegram.business_say(account, NINA, "Здравствуйте")
            town.telegram.business_say(account, NINA, "Слушаю вас", by_owner=True)
            await town.settle()
            assert len(town.entries()) == 2
            assert town.amocrm.tasks(ACCOUNT) == ()

    async def test_without_a_deal_the_task_is_on_the_contact(self, town_of: Opened) -> None:
        async with town_of(impatient(deal_policy="never")) as town:
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            await town.settle()

            (contact,) = town.amocrm.contacts(ACCOUNT)
            (task,) = town.amocrm.tasks(ACCOUNT)
            assert (task["entity_type"], task["entity_id"]) == ("contacts", contact["id"])

    async def test_the_night_does_not_count(self, town_of: Opened) -> None:
        """A line of hours that is over until next week, whenever this runs."""
        async with town_of(Plan()) as town:
            now = town.hub.clock.now()
            day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(now.weekday() + 3) % 7]
            policy = Policy(answer_within=SOON, hours=f"{day} 09:00-10:00", zone="UTC")
            await town.hub.connections.set_route(town.workspace, town.bot, town.crm, policy)
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            async with town.patience():
                while not await town.count(
                    "SELECT count(*) FROM deliveries WHERE kind = 'create_task'"
                ):
                    await town.pause()
            (row,) = await town.rows("SELECT due_at FROM deliveries WHERE kind = 'create_task'")
            assert row["due_at"] > now + timedelta(days=1)

    @pytest.mark.parametrize("fault", ["cut_after", "cut_before", "html_500", "flood"])
    async def test_a_lost_answer_makes_no_second_task(self, town_of: Opened, fault: str) -> None:
        async with town_of(impatient()) as town:
            town.amocrm.stage.arm(fault, match="POST /shop/api/v4/tasks")
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            await town.settle()

            assert len(town.amocrm.tasks(ACCOUNT)) == 1
            assert town.amocrm.stage.faults_met[fault] == 1

    async def test_a_deal_that_went_away_unseen_is_looked_for_again(self, town_of: Opened) -> None:
        async with town_of(impatient()) as town:
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            async with town.patience():
                while not town.entries():
                    await town.pause()
            account = town.amocrm.world.account(ACCOUNT)
            account.webhooks.clear()
            for lead in account.leads.values():
                lead.is_deleted = True
            await town.settle()

            (task,) = town.amocrm.tasks(ACCOUNT)
            (lead_left,) = [e for e in town.amocrm.leads(ACCOUNT) if not e["is_deleted"]]
            assert task["entity_id"] == lead_left["id"]


class TestResponsible:
    async def test_several_take_turns_and_each_customer_keeps_theirs(self, town_of: Opened) -> None:
        async with town_of(Plan()) as town:
            users = [town.amocrm.add_user(ACCOUNT, name).id for name in ("Анна", "Борис", "Вера")]
            policy = Policy(responsible=",".join(map(str, users)), answer_within=SOON)
            await town.hub.connections.set_route(town.workspace, town.bot, town.crm, policy)
            for customer in range(2001, 2013):
                town.telegram.say(customer, "Здравствуйте", name=f"Клиент {customer}")
            await town.settle()

            contacts = {c["id"]: c for c in town.amocrm.contacts(ACCOUNT)}
            leads = {lead["id"]: lead for lead in town.amocrm.leads(ACCOUNT)}
            taken = [contact["responsible_user_id"] for contact in contacts.values()]
            assert len(taken) == 12
            assert set(taken) <= set(users)
            assert len(set(taken)) > 1
            for lead in leads.values():
                (owner,) = lead["contact_ids"]
                assert lead["responsible_user_id"] == contacts[owner]["responsible_user_id"]
            for task in town.amocrm.tasks(ACCOUNT):
                lead = leads[task["entity_id"]]
                assert task["responsible_user_id"] == lead["responsible_user_id"]

            for lead in leads.values():
                town.amocrm.close_lead(ACCOUNT, lead["id"])
            await town.settle()
            for customer in range(2001, 2013):
                town.telegram.say(customer, "Ещё вопрос")
            await town.settle()
            again = [each for each in town.amocrm.leads(ACCOUNT) if each["id"] not in leads]
            assert len(again) == 12
            for lead in again:
                (owner,) = lead["contact_ids"]
                assert lead["responsible_user_id"] == contacts[owner]["responsible_user_id"]

    async def test_somebody_who_left_is_replaced(self, town_of: Opened) -> None:
        async with town_of(Plan()) as town:
            gone = town.amocrm.add_user(ACCOUNT, "Анна", is_active=False).id
            stays = town.amocrm.add_user(ACCOUNT, "Борис").id
            policy = Policy(
                responsible=str(gone), responsible_fallback=str(stays), answer_within=SOON
            )
            await town.hub.connections.set_route(town.workspace, town.bot, town.crm, policy)
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            await town.settle()

            made = (
                *town.amocrm.contacts(ACCOUNT),
                *town.amocrm.leads(ACCOUNT),
                *town.amocrm.tasks(ACCOUNT),
            )
            assert [each["responsible_user_id"] for each in made] == [stays] * 3

    async def test_the_contacts_owner_gets_deals_and_tasks(self, town_of: Opened) -> None:
        async with town_of(impatient(responsible="owner")) as town:
            anna = town.amocrm.add_user(ACCOUNT, "Анна").id
            phone = [{"value": "+79990001122", "enum_code": "WORK"}]
            fields = [{"field_code": "PHONE", "values": phone}]
            card = {"name": "Нина", "responsible_user_id": anna, "custom_fields_values": fields}
            town.amocrm.add_contact(ACCOUNT, card)
            town.telegram.share_contact(NINA, "+79990001122")
            await town.settle()

            (lead,) = town.amocrm.leads(ACCOUNT)
            (task,) = town.amocrm.tasks(ACCOUNT)
            assert lead["responsible_user_id"] == task["responsible_user_id"] == anna

    async def test_a_route_to_somebody_unknown_is_refused(self, town: Town) -> None:
        caller = Caller(workspace=town.workspace, name="anna")
        (olga,) = town.amocrm.world.account(ACCOUNT).users.values()
        asked = {"responsible": f"{olga.id},999"}
        with pytest.raises(BadRoute, match=f"no active user 999; it has {olga.id}"):
            await set_route(town.hub, caller, town.bot, town.crm, asked)
        town.amocrm.stage.arm("html_500", match="/shop/api/v4/", times=-1)
        kept = await set_route(town.hub, caller, town.bot, town.crm, asked)
        assert kept.responsible == asked["responsible"]
        town.amocrm.stage.clear()
        kept = await set_route(town.hub, caller, town.bot, town.crm, {"responsible": str(olga.id)})
        assert kept.responsible == str(olga.id)


class TestTags:
    async def test_a_deal_of_ours_has_the_tags(self, town_of: Opened) -> None:
        async with town_of(Plan(policy=Policy(tags=("Telegram", "бот")))) as town:
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            await town.settle()

            (lead,) = town.amocrm.leads(ACCOUNT)
            assert lead["tags"] == ["Telegram", "бот"]

    @pytest.mark.parametrize("owner", ["hub", "crm"])
    async def test_an_adopted_deal_gets_them_once_beside_its_own(
        self, town_of: Opened, owner: str
    ) -> None:
        async with town_of(Plan(policy=Policy(tags=("бот",), deal_owner=owner))) as town:  # type: ignore[arg-type]
            phone = [{"value": "+79990001122", "enum_code": "WORK"}]
            fields = [{"field_code": "PHONE", "values": phone}]
            card = town.amocrm.add_contact(
                ACCOUNT, {"name": "Нина", "custom_fields_values": fields}
            )
            embedded = {"contacts": [{"id": card.id}], "tags": [{"name": "опт"}]}
            town.amocrm.add_lead(ACCOUNT, {"name": "Диван", "_embedded": embedded})
            town.telegram.share_contact(NINA, "+79990001122")
            await town.settle()
            (lead,) = town.amocrm.leads(ACCOUNT)
            assert sorted(lead["tags"]) == ["бот", "опт"]

            account = town.amocrm.world.account(ACCOUNT)
            account.leads[lead["id"]].tags = []
            await town.count(
                "WITH old AS (UPDATE deals SET seen_at = seen_at - interval '1 day' RETURNING 1)"
                " SELECT count(*) FROM old"
            )
            town.telegram.say(NINA, "Ещё здесь")
            await town.settle()
            assert account.leads[lead["id"]].tags == []


async def test_only_one_task_waits_however_many_messages_come(town_of: Opened) -> None:
    async with town_of(impatient()) as town:
        for number in range(5):
            town.telegram.say(NINA, f"раз {number}", name="Нина")
            await asyncio.sleep(0.1)
        await town.settle()
        assert len(town.amocrm.tasks(ACCOUNT)) == 1
