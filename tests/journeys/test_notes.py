"""A conversation where the CRM has no chats: messages are notes, and so are replies."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.journeys.sides import connect_account
from tests.journeys.town import (
    ACCOUNT,
    Plan,
    Town,
    free_port,
    move_in,
    open_town,
    open_world,
    running,
    settings_for,
)

NINA = 1001
NOTES = Plan(notes=True)


@pytest.fixture
async def town(postgres_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(postgres_url, tmp_path, NOTES) as opened:
        yield opened


async def test_messages_are_notes_on_the_deal_in_order_and_say_who_wrote_where(
    town: Town,
) -> None:
    for number in range(4):
        town.telegram.say(NINA, f"слово {number}", name="Нина")
    await town.settle()

    notes = town.notes()
    assert [note.text for note in notes] == [f"слово {number}" for number in range(4)]
    (lead,) = town.amocrm.leads(ACCOUNT)
    assert {(note.entity, note.entity_id) for note in notes} == {("leads", lead["id"])}
    assert all(note.title.startswith("Telegram · Нина · #") for note in notes)
    assert len({note.title for note in notes}) == 4
    assert {note.created_by for note in notes} == {0}


async def test_a_note_with_the_prefix_is_an_answer_and_any_other_is_not(town: Town) -> None:
    town.telegram.say(NINA, "Есть красные?", name="Нина")
    await town.settle()
    town.note("Спросить у склада")
    answer = town.note("// Есть, две пары")
    assert await town.heard(NINA, 1) == ["Есть, две пары"]
    assert town.note_text(answer) == "// Есть, две пары\n✓"


async def test_an_answer_on_the_deal_reaches_the_customer_too(town: Town) -> None:
    town.telegram.say(NINA, "Есть красные?", name="Нина")
    await town.settle()
    (lead,) = town.amocrm.leads(ACCOUNT)
    town.note("//Есть", card=lead["id"], entity="leads")
    assert await town.heard(NINA, 1) == ["Есть"]


async def test_where_the_plan_has_no_hooks_answers_are_asked_for(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port(), settling_pace=0.2)
    async with open_world() as world:
        world.amocrm.switches.set("webhooks_in_plan", value=False)
        async with running(settings) as hub:
            town = await move_in(world, hub, NOTES)
            town.telegram.say(NINA, "Есть красные?", name="Нина")
            await town.settle()
            for number in range(3):
                town.note(f"// ответ {number}")
            assert await town.heard(NINA, 3) == [f"ответ {number}" for number in range(3)]
            assert not world.amocrm.world.account(ACCOUNT).webhooks


async def test_what_is_told_and_also_asked_for_is_one_answer(town: Town) -> None:
    town.telegram.say(NINA, "Есть красные?", name="Нина")
    await town.settle()
    (lead,) = town.amocrm.leads(ACCOUNT)
    town.amocrm.switches.set("webhook_twice", value=True)
    town.note("// Есть", card=lead["id"], entity="leads")
    assert await town.heard(NINA, 1) == ["Есть"]
    async with town.patience():
        while not await asked_and_told(town):
            await town.pause()
    await town.settle()
    assert town.seen_by(NINA) == ["Есть"]
    assert len([note for note in town.amocrm.notes(ACCOUNT) if "✓" in note.text]) == 1


async def asked_and_told(town: Town) -> bool:
    rows = await town.rows(
        "SELECT DISTINCT form FROM inbox WHERE connection_id = :crm AND state = 'read'"
        " AND (form = 'note' OR note LIKE '%reply%')",
        crm=town.crm,
    )
    return {row["form"] for row in rows} == {"account", "note"}


async def test_an_answer_whose_hook_was_lost_is_found_by_asking(town: Town) -> None:
    town.telegram.say(NINA, "Есть красные?", name="Нина")
    await town.settle()
    town.amocrm.switches.set("webhooks_lost", value=True)
    town.note("// Есть")
    assert await town.heard(NINA, 1) == ["Есть"]


async def test_answers_written_while_the_hub_was_away_arrive_once_and_in_order(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port())
    async with open_world() as world:
        async with running(settings) as hub:
            town = await move_in(world, hub, NOTES)
            town.telegram.say(NINA, "Здравствуйте", name="Нина")
            await town.settle()
            town.note("// при нас")
            assert await town.heard(NINA, 1) == ["при нас"]
        for number in range(10):
            town.note(f"// ответ {number}")
        await world.amocrm.drain()
        for _ in range(2):
            async with running(settings) as hub:
                back = replace(town, hub=hub)
                expected = ["при нас", *(f"ответ {number}" for number in range(10))]
                assert await back.heard(NINA, len(expected)) == expected


async def test_an_answer_on_a_deal_that_nobody_told_us_of_finds_its_contact(town: Town) -> None:
    town.telegram.say(NINA, "Есть красные?", name="Нина")
    await town.settle()
    contact = town.amocrm.contacts(ACCOUNT)[-1]["id"]
    other = town.amocrm.add_lead(ACCOUNT, {"_embedded": {"contacts": [{"id": contact}]}})
    town.note("// Есть", card=other.id, entity="leads")
    assert await town.heard(NINA, 1) == ["Есть"]


async def test_a_note_in_doubt_is_looked_for_and_not_written_twice(town: Town) -> None:
    town.amocrm.stage.arm("cut_after", match="POST /shop/api/v4/leads/notes")
    town.telegram.say(NINA, "раз", name="Нина")
    town.telegram.say(NINA, "два")
    await town.settle()
    assert [note.text for note in town.notes()] == ["раз", "два"]

    town.amocrm.stage.arm("cut_before", match="POST /shop/api/v4/leads/notes")
    town.telegram.say(NINA, "три")
    await town.settle()
    assert [note.text for note in town.notes()] == ["раз", "два", "три"]


async def test_our_own_notes_are_never_taken_for_answers(town: Town) -> None:
    """Not even where hooks give them the number of people's notes."""
    town.amocrm.switches.set("service_note_type", 4)
    town.telegram.say(NINA, "// Эхо?", name="Нина")
    await town.settle()
    town.note("// Слышно")
    assert await town.heard(NINA, 1) == ["Слышно"]
    assert [note.text for note in town.notes()] == ["// Эхо?"]


async def test_a_deal_that_is_gone_makes_way_for_another_card(town: Town) -> None:
    town.telegram.say(NINA, "раз", name="Нина")
    await town.settle()
    (lead,) = town.amocrm.leads(ACCOUNT)
    town.amocrm.switches.set("webhooks_lost", value=True)
    town.amocrm.world.account(ACCOUNT).leads[lead["id"]].is_deleted = True
    town.telegram.say(NINA, "два")
    await town.settle()
    assert [note.text for note in town.notes()] == ["раз", "два"]
    assert town.notes()[-1].entity_id != lead["id"]


async def test_corrections_deletions_quotes_and_the_companys_own_phone_show_on_the_card(
    town: Town,
) -> None:
    owner = 501
    business = town.telegram.connect_business(owner)
    asked = town.telegram.business_say(business, NINA, "Хочу красный")
    town.telegram.business_say(business, NINA, "Записала", by_owner=True)
    await town.settle()
    first, second = town.notes()
    assert "→" in second.title
    assert "→" not in first.title

    town.telegram.business_edit(business, NINA, asked.message_id, "Хочу синий")
    await town.settle()
    assert [note.text for note in town.notes()] == ["Хочу синий", "Записала"]
    assert [note.title for note in town.notes()] == [first.title, second.title]

    town.telegram.business_delete(business, NINA, [asked.message_id])
    await town.settle()
    (deleted, _) = town.notes()
    assert deleted.text.splitlines()[-1] == "Хочу синий"
    assert "удалил" in deleted.text.splitlines()[0]


async def test_an_answer_that_is_quoted_is_quoted_in_words(town: Town) -> None:
    town.telegram.say(NINA, "Какой размер?", name="Нина")
    await town.settle()
    town.note("// Сорок два")
    await town.heard(NINA, 1)
    (chat,) = town.telegram.chats()
    (answer,) = [each for each in chat["messages"] if each["from"] == "bot"]
    town.telegram.say(NINA, "Беру", reply_to=answer["message_id"])
    await town.settle()
    assert town.notes()[-1].text == "> Сорок два\nБеру"


async def test_an_answer_to_a_closed_door_says_so_on_the_note(town: Town) -> None:
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    town.telegram.block(NINA)
    await town.settle()
    answer = town.note("// Вы ещё здесь?")
    async with town.patience():
        while "✗" not in town.note_text(answer):
            await town.pause()
    assert "закрыл" in town.note_text(answer)
    assert town.seen_by(NINA) == []


async def test_an_answer_in_doubt_says_so_on_the_note_and_then_what_was_decided(
    town: Town,
) -> None:
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    town.telegram.stage.arm("cut_after", match="sendMessage")
    answer = town.note("// Добрый день")
    async with town.patience():
        while "✗" not in town.note_text(answer):
            await town.pause()
    await town.settle()
    words, mark = town.note_text(answer).splitlines()
    assert words == "// Добрый день"
    assert "/held/" in mark
    assert town.seen_by(NINA) == ["Добрый день"]


async def test_a_new_message_asks_for_an_answer_once_until_somebody_answers(town: Town) -> None:
    for words in ("Здравствуйте", "Есть красные?", "Ау"):
        town.telegram.say(NINA, words, name="Нина")
        await town.settle()
    (lead,) = town.amocrm.leads(ACCOUNT)
    (task,) = town.amocrm.tasks(ACCOUNT)
    assert task["entity_id"] == lead["id"]
    assert "примечаниях" in task["text"]

    town.note("// Есть")
    assert await town.heard(NINA, 1) == ["Есть"]
    assert len(town.amocrm.tasks(ACCOUNT)) == 1
    for words in ("Сколько стоят?", "И когда?"):
        town.telegram.say(NINA, words)
        await town.settle()
    assert len(town.amocrm.tasks(ACCOUNT)) == 2


async def test_asking_goes_on_when_a_token_runs_out(postgres_url: str, tmp_path: Path) -> None:
    settings = settings_for(postgres_url, tmp_path, free_port(), settling_pace=0.2)
    async with open_world() as world:
        world.amocrm.switches.set("webhooks_in_plan", value=False)
        async with running(settings) as hub:
            workspace = await hub.connections.workspace()
            crm = await connect_account(world, hub, workspace, timeline="notes")
            town = await move_in(world, hub, NOTES, crm.id)
            town.telegram.say(NINA, "Есть красные?", name="Нина")
            await town.settle()
            world.amocrm.stage.arm("token_expired", match="GET /shop/api/v4/contacts/notes")
            async with town.patience():
                while not world.amocrm.stage.faults_met.get("token_expired"):
                    await town.pause()
            town.note("// Есть")
            assert await town.heard(NINA, 1) == ["Есть"]
            states = await town.rows("SELECT state FROM connections WHERE kind = 'crm'")
            assert states == [{"state": "active"}]


async def test_a_revoked_token_is_a_matter_for_a_person(town: Town) -> None:
    town.telegram.say(NINA, "Есть красные?", name="Нина")
    await town.settle()
    (client,) = town.amocrm.world.integrations
    town.amocrm.revoke(client, ACCOUNT)
    async with town.patience():
        while not await town.count(
            "SELECT count(*) FROM connections WHERE kind = 'crm' AND state = 'needs_sign_in'"
        ):
            await town.pause()
