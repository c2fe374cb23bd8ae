"""A person says who is who while the two go on talking: nothing is lost, doubled or overtaken."""

import asyncio
from uuid import UUID

from mappers.vocabulary import ContactId
from middleware.operations.claims import flow as asking
from middleware.operations.model import Caller
from middleware.operations.people import flow
from middleware.operations.people.flow import RecordUnderWay
from middleware.operations.people.model import Joined, Verdict
from tests.journeys.town import Town

NINA, NINA_AT_WORK = 1001, 1002
PHONE = "+79990001122"


def said_in(town: Town, user: int) -> list[str]:
    chats = [chat for chat in town.timeline() if chat.client_id == f"telegram:700100:{user}"]
    return [message.text for chat in chats for message in chat.messages]


def cards(town: Town) -> dict[int, int | None]:
    """On which card of the CRM each chat is shown."""
    found = {str(chat.client_id): chat.contact_id for chat in town.timeline()}
    return {int(name.rsplit(":", 1)[1]): card for name, card in found.items()}


async def contact_of(town: Town, user: int) -> ContactId:
    query = "SELECT contact_id FROM identities WHERE value = :value"
    (row,) = await town.rows(query, value=f"telegram:{user}")
    return ContactId(row["contact_id"])


async def talk(town: Town, words: str, count: int) -> list[str]:
    """Both chats say the same, turn by turn, while others act."""
    said = [f"{words} {number}" for number in range(count)]
    for each in said:
        town.telegram.say(NINA, each)
        town.telegram.say(NINA_AT_WORK, each)
        await asyncio.sleep(0.005)
    return said


async def link(town: Town, caller: Caller, keep: ContactId, join: ContactId) -> Joined:
    async with town.patience():
        while True:
            try:
                return await flow.link(town.hub, caller, keep, join)
            except RecordUnderWay:
                await town.pause()


async def undo(town: Town, caller: Caller, join: UUID) -> Joined:
    async with town.patience():
        while True:
            try:
                return await flow.undo(town.hub, caller, join)
            except RecordUnderWay:
                await town.pause()


async def test_two_chats_of_one_person_end_on_one_card_and_part_again(town: Town) -> None:
    caller = Caller(workspace=town.workspace, name="anna")
    said = await talk(town, "до", 3)
    await town.settle()
    before = cards(town)
    assert before[NINA] != before[NINA_AT_WORK]
    keep, join = await contact_of(town, NINA), await contact_of(town, NINA_AT_WORK)

    talking = asyncio.create_task(talk(town, "во время", 15))
    await town.pause()
    done = await link(town, caller, keep, join)
    said += await talking
    said += await talk(town, "после", 3)
    await town.settle()

    assert said_in(town, NINA) == said_in(town, NINA_AT_WORK) == said
    assert cards(town) == {NINA: before[NINA], NINA_AT_WORK: before[NINA]}

    assert done.id is not None
    talking = asyncio.create_task(talk(town, "врозь", 15))
    await town.pause()
    undone = await undo(town, caller, done.id)
    said += await talking
    await town.settle()

    assert undone.stays == ()
    assert said_in(town, NINA) == said_in(town, NINA_AT_WORK) == said
    assert cards(town) == before
    assert await contact_of(town, NINA_AT_WORK) == join
    assert await town.count("SELECT count(*) FROM deliveries WHERE state = 'dead'") == 0


async def test_a_reply_finds_the_chat_it_was_written_in(town: Town) -> None:
    caller = Caller(workspace=town.workspace, name="anna")
    await talk(town, "привет", 1)
    await town.settle()
    await link(town, caller, await contact_of(town, NINA), await contact_of(town, NINA_AT_WORK))
    await town.settle()
    town.reply(NINA, "домой")
    town.reply(NINA_AT_WORK, "на работу")
    await town.settle()

    assert town.seen_by(NINA) == ["домой"]
    assert town.seen_by(NINA_AT_WORK) == ["на работу"]


async def test_a_claim_answered_yes_ends_on_the_holder_s_card(town: Town) -> None:
    caller = Caller(workspace=town.workspace, name="anna")
    town.telegram.share_contact(NINA, PHONE)
    await town.settle()
    town.telegram.share_contact(NINA_AT_WORK, PHONE)
    await town.settle()
    before = cards(town)
    (claim,) = (await asking.find(town.hub, caller)).items
    await asking.decide(town.hub, caller, claim.id, Verdict.SAME)
    await town.settle()

    assert cards(town) == dict.fromkeys(before, before[NINA])
    assert (await asking.find(town.hub, caller)).items == ()


async def test_a_chat_taken_out_gets_a_card_of_its_own(town: Town) -> None:
    caller = Caller(workspace=town.workspace, name="anna")
    await talk(town, "раз", 1)
    await town.settle()
    keep = await contact_of(town, NINA)
    done = await link(town, caller, keep, await contact_of(town, NINA_AT_WORK))
    await town.settle()
    mine = await town.rows(
        "SELECT id FROM conversations WHERE external = :user", user=str(NINA_AT_WORK)
    )
    taken = await flow.unlink(town.hub, caller, keep, mine[0]["id"])
    said = ["раз 0", *(await talk(town, "два", 2))]
    await town.settle()

    assert taken.joined not in {done.kept, done.joined}
    assert said_in(town, NINA) == said_in(town, NINA_AT_WORK) == said
    assert len(set(cards(town).values())) == 2
