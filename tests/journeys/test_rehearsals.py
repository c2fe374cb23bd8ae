"""What a replay shows beforehand is what the CRM and the customer get; looking changes nothing."""

import pytest

from mappers.vocabulary import DeliveryId, DeliveryKind, DeliveryState
from middleware.operations.access import flow as access
from middleware.operations.deliveries import flow
from middleware.operations.deliveries.flow import NotReplayable
from middleware.operations.deliveries.model import DeliveryLine, Filter
from middleware.operations.model import Caller
from middleware.operations.rehearsals.flow import Look, preview
from middleware.operations.rehearsals.model import Preview
from tests.faults.scene import change, until_rows
from tests.journeys.crm_holds import Told, books, came, crm_holds, told
from tests.journeys.town import ACCOUNT, Town

NINA = 1001
PHONE = "+79990001122"
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 3000
IN_CLEAR = Look(raw=True)


def caller_in(town: Town) -> Caller:
    return Caller(workspace=town.workspace, name="anna")


async def stuck(town: Town, kind: DeliveryKind = DeliveryKind.WRITE) -> DeliveryLine:
    """The one delivery of a kind that waits for a person."""
    states = (DeliveryState.DEAD, DeliveryState.HELD)
    page = await flow.find(town.hub, caller_in(town), Filter(states=states, kinds=(kind,)))
    (line,) = page.items
    return line


async def looked_at(town: Town, delivery: DeliveryId) -> Preview:
    """Preview a replay, and see that this changed nothing anywhere."""
    before = crm_holds(town), await books(town), len(town.telegram.stage.log)
    shown = await preview(town.hub, caller_in(town), delivery, IN_CLEAR)
    assert (crm_holds(town), await books(town), len(town.telegram.stage.log)) == before
    return shown


async def replayed(town: Town, delivery: DeliveryId) -> Told:
    """Heal the CRM and replay it; return what came to the CRM."""
    town.amocrm.switches.set("text_limit", 0)
    before = crm_holds(town)
    await flow.replay(town.hub, caller_in(town), delivery)
    await town.settle()
    return came(before, crm_holds(town))


async def met(town: Town) -> None:
    """Nina is known to the CRM, and what is said next is refused."""
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    town.amocrm.switches.set("text_limit", 3)


async def test_an_entry_comes_as_it_was_shown(town: Town) -> None:
    await met(town)
    town.telegram.say(NINA, "Когда привезёте?")
    await town.settle()

    dead = await stuck(town)
    shown = await looked_at(town, dead.id)
    assert told(shown.effects) == {("write", "text"): ((), ("Когда привезёте?",))}
    assert await replayed(town, dead.id) == told(shown.effects)
    assert town.entries() == ["Здравствуйте", "Когда привезёте?"]


async def test_an_entry_with_a_file_comes_as_it_was_shown(town: Town) -> None:
    town.amocrm.switches.set("fetches_media", value=True)
    await met(town)
    town.telegram.show(NINA, "photo", caption="Вот такой", content=JPEG)
    await town.settle()

    dead = await stuck(town)
    lines = told((await looked_at(town, dead.id)).effects)
    assert lines.pop(("write", "sort")) == ((), (f"image, image/jpeg, {len(JPEG)} bytes",))
    assert set(lines) == {("write", "text"), ("write", "file")}
    assert await replayed(town, dead.id) == lines


async def test_phones_are_appended_as_it_was_shown(town: Town) -> None:
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    card = town.amocrm.contacts(ACCOUNT)[0]["id"]
    other = [{"field_code": "PHONE", "values": [{"value": "+79161112233", "enum_code": "WORK"}]}]
    town.amocrm.edit_contact(ACCOUNT, card, {"custom_fields_values": other})
    town.amocrm.stage.arm("validation", match="GET /shop/api/v4/contacts")
    town.telegram.share_contact(NINA, PHONE)
    await town.settle()

    dead = await stuck(town, DeliveryKind.ENSURE_CONTACT)
    shown = await looked_at(town, dead.id)
    both = ("+79161112233", PHONE)
    assert told(shown.effects) == {("add_to_record", "phones"): (("+79161112233",), both)}
    assert await replayed(town, dead.id) == told(shown.effects)


async def test_a_held_reply_reaches_the_customer_as_it_was_shown(town: Town) -> None:
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    town.telegram.stage.arm("cut_before", match="sendMessage")
    town.reply(NINA, "Завтра до шести")
    await town.settle()

    held = await stuck(town, DeliveryKind.SEND)
    shown = await looked_at(town, held.id)
    assert told(shown.effects) == {("send", "text"): ((), ("Завтра до шести",))}
    assert [line.target for line in shown.effects] == [str(NINA)]
    await replayed(town, held.id)
    assert town.seen_by(NINA) == ["Завтра до шести"]


async def test_a_card_and_all_that_waits_for_it_come_as_it_was_shown(town: Town) -> None:
    town.amocrm.stage.arm("validation", match="POST /shop/api/v4/contacts")
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await until_rows(town, "SELECT count(*) FROM deliveries WHERE state = 'dead'")

    dead = await stuck(town, DeliveryKind.ENSURE_CONTACT)
    shown = await looked_at(town, dead.id)
    steps = list(dict.fromkeys(line.step for line in shown.effects))
    assert steps == ["create_record", "create_deal", "open_conversation", "write"]
    assert await replayed(town, dead.id) == told(shown.effects)


async def test_what_waits_for_something_dead_says_so(town: Town) -> None:
    town.amocrm.stage.arm("validation", match="POST /shop/api/v4/contacts")
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await until_rows(town, "SELECT count(*) FROM deliveries WHERE state = 'dead'")
    deals = "UPDATE deliveries SET state = 'dead' WHERE kind = 'ensure_deal'"
    await change(town, deals)

    shown = await looked_at(town, (await stuck(town, DeliveryKind.ENSURE_DEAL)).id)
    assert (shown.after, shown.after_state) == (
        (await stuck(town, DeliveryKind.ENSURE_CONTACT)).id,
        DeliveryState.DEAD,
    )
    assert {line.step for line in shown.effects} > {"create_record", "create_deal"}


async def test_customers_words_are_hidden_and_seeing_them_is_on_record(town: Town) -> None:
    await met(town)
    town.telegram.say(NINA, "Когда привезёте?")
    await town.settle()
    dead, anna = (await stuck(town)).id, caller_in(town)

    (line,) = (await preview(town.hub, anna, dead, Look())).effects
    assert line.after == ("К•••• п••••••••?",)
    assert (await access.audit(town.hub, anna)).items == ()
    await preview(town.hub, anna, dead, IN_CLEAR)
    (noted,) = (await access.audit(town.hub, anna)).items
    assert (noted.action, noted.subject) == ("replay.previewed_in_clear", str(dead))
    assert "Когда" not in repr(line)


async def test_what_may_not_be_replayed_is_not_rehearsed(town: Town) -> None:
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    anna = caller_in(town)
    (done,) = await town.rows("SELECT id FROM deliveries WHERE kind = 'write'")
    with pytest.raises(NotReplayable, match="again"):
        await preview(town.hub, anna, done["id"], Look())
    shown = await preview(town.hub, anna, done["id"], Look(again=True))
    assert [line.step for line in shown.effects] == ["write"]
