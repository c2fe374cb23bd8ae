"""An operator writes first, from a contact's card, by phone."""

from mappers.vocabulary import DeliveryKind
from middleware.operations.accounts import flow as accounts
from middleware.operations.deliveries import flow as deliveries
from middleware.operations.deliveries.model import Decision, Filter
from middleware.operations.model import Caller
from tests.journeys.town import ACCOUNT, Town

NINA = 1001
PHONE = "+79151112233"


def a_card(town: Town, name: str, phone: str) -> int:
    filled = [{"field_code": "PHONE", "values": [{"value": phone, "enum_code": "WORK"}]}]
    body = {"name": name, "custom_fields_values": filled}
    return town.amocrm.add_contact(ACCOUNT, body).id


async def nina_is_known(town: Town) -> int:
    """She wrote before anybody was told of it, and her card was made by hand."""
    by = Caller(workspace=town.workspace, name="anna")
    await accounts.drop_route(town.hub, by, town.bot, town.crm)
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    town.telegram.share_contact(NINA, PHONE)
    await town.settle()
    await accounts.set_route(town.hub, by, town.bot, town.crm, {})
    card = a_card(town, "Нина", "8 915 111-22-33")
    await town.settle()
    assert town.entries() == []
    return card


async def test_the_answer_lands_in_the_chat_that_the_operator_began(town: Town) -> None:
    card = await nina_is_known(town)
    town.amocrm.write_first(ACCOUNT, card, "Ваш заказ готов")
    await town.settle()
    assert town.seen_by(NINA) == ["Ваш заказ готов"]
    assert [status.code for status in town.amocrm.replies[0].statuses] == [1]

    for words in ("Спасибо!", "Заберу завтра"):
        town.telegram.say(NINA, words)
        await town.settle()
    (chat,) = town.timeline()
    assert chat.contact_id == card
    assert [each.text for each in chat.messages] == ["Ваш заказ готов", "Спасибо!", "Заберу завтра"]
    assert len(town.amocrm.contacts(ACCOUNT)) == 1

    town.reply(NINA, "До завтра")
    await town.settle()
    assert town.seen_by(NINA) == ["Ваш заказ готов", "До завтра"]


async def test_a_customer_who_has_a_chat_is_reached_and_keeps_it(town: Town) -> None:
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    town.telegram.share_contact(NINA, PHONE)
    await town.settle()
    (contact,) = town.amocrm.contacts(ACCOUNT)
    for words in ("Ваш заказ готов", "Забирайте"):
        town.amocrm.write_first(ACCOUNT, contact["id"], words, source="telegram:700100")
        await town.settle()
    town.telegram.say(NINA, "Спасибо!")
    await town.settle()

    assert town.seen_by(NINA) == ["Ваш заказ готов", "Забирайте"]
    first, *_ = town.timeline()
    assert first.messages[-1].text == "Спасибо!"
    assert {chat.contact_id for chat in town.timeline()} == {contact["id"]}


async def test_whoever_never_wrote_cannot_be_reached_and_the_operator_reads_so(town: Town) -> None:
    card = a_card(town, "Пётр", "+79160000000")
    town.amocrm.write_first(ACCOUNT, card, "Ваш заказ готов")
    await town.settle()

    (status,) = town.amocrm.replies[0].statuses
    assert (status.code, status.error_code) == (-1, 904)
    assert "первым нельзя" in str(status.error)
    (kept,) = await town.rows("SELECT state, code FROM deliveries WHERE kind = 'send'")
    assert dict(kept) == {"state": "held", "code": "hub.nobody_to_write_to"}
    assert await town.count("SELECT count(*) FROM deliveries WHERE state = 'dead'") == 0

    by = Caller(workspace=town.workspace, name="anna")
    (line,) = (await deliveries.find(town.hub, by, Filter(kinds=(DeliveryKind.SEND,)))).items
    await deliveries.settle(town.hub, by, line.id, Decision.SEND)
    await town.settle()
    (dead,) = await town.rows("SELECT state, code FROM deliveries WHERE kind = 'send'")
    assert dict(dead) == {"state": "dead", "code": "hub.nobody_to_write_to"}


async def test_whoever_closed_the_door_is_not_reached_and_the_operator_reads_so(town: Town) -> None:
    card = await nina_is_known(town)
    town.telegram.block(NINA)
    await town.settle()
    town.amocrm.write_first(ACCOUNT, card, "Ваш заказ готов")
    await town.settle()

    (status,) = town.amocrm.replies[0].statuses
    assert status.code == -1
    assert "закрыл" in str(status.error)
