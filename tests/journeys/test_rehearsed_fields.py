"""Values for fields are shown before they are written, by the version of then or of now."""

from typing import Any

import pytest

from middleware.fields import catalogues
from middleware.operations.deliveries import flow
from middleware.operations.deliveries.flow import How
from middleware.operations.deliveries.model import Mapped
from middleware.operations.mappings import flow as mappings
from middleware.operations.model import Caller
from middleware.operations.rehearsals.flow import Look, preview
from middleware.operations.rehearsals.model import Preview
from middleware.operations.trace import flow as tracing
from tests.faults.scene import until_rows
from tests.journeys.crm_holds import Told, books, came, crm_holds, told
from tests.journeys.test_dry_routes import anna_in, decide, rehearsed_in
from tests.journeys.town import ACCOUNT, Town

NINA = 1001
PHONE = "+79990001122"
FIRST = """\
version: 1
rules:
  - {target: contact.phone, source: contact.phones}
  - {target: contact.name, source: contact.name}
  - {target: contact.Откуда, source: channel.title}
  - {target: contact.Последнее, source: message.text, write: always}
  - {target: deal.Канал, source: channel.provider}
  - {target: pipeline, const: Воронка}
  - {target: tags, const: Чат}
"""
SECOND = """\
version: 1
rules:
  - {target: contact.Откуда, const: Чат на сайте}
"""
GONE = """\
version: 1
rules:
  - {target: contact.Откуда, source: channel.title}
  - {target: contact.Город, source: message.text, write: always}
"""


class Shop:
    """A town whose route uses a mapping."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.caller: Caller = anna_in(town)
        for entity, name in (("contacts", "Откуда"), ("contacts", "Последнее"), ("leads", "Канал")):
            self.add_field(entity, name)

    def add_field(self, entity: str, name: str) -> None:
        self.town.amocrm.add_field(ACCOUNT, entity, {"name": name, "type": "text"})

    async def map(self, *documents: str) -> Any:
        """Keep versions of one mapping, the last of them in force."""
        hub = self.town.hub
        mapping = (await mappings.create(hub, self.caller, "shop")).id
        await mappings.use(hub, self.caller, self.town.bot, self.town.crm, mapping)
        for document in documents:
            await mappings.add_version(hub, self.caller, mapping, document, activate=True)
        return mapping

    async def one(self, kind: str) -> Any:
        (row,) = await self.town.rows(
            "SELECT id, message_id, state, code FROM deliveries WHERE kind = :kind", kind=kind
        )
        return row

    async def look(self, delivery: Any, mapping: Mapped = Mapped.ORIGINAL) -> Preview:
        """Preview a replay, and see that this changed nothing anywhere."""
        before = crm_holds(self.town), await books(self.town)
        look = Look(raw=True, mapping=mapping)
        shown = await preview(self.town.hub, self.caller, delivery, look)
        assert (crm_holds(self.town), await books(self.town)) == before
        return shown

    async def replay(self, delivery: Any, mapping: Mapped = Mapped.ORIGINAL) -> Told:
        before = crm_holds(self.town)
        await flow.replay(self.town.hub, self.caller, delivery, How(mapping=mapping))
        await self.town.settle()
        return came(before, crm_holds(self.town))


@pytest.fixture
def shop(town: Town) -> Shop:
    return Shop(town)


async def test_values_of_what_is_made_first_come_as_they_were_shown(shop: Shop) -> None:
    """A phone and a name that come with the card are not written to it once more."""
    town = shop.town
    await shop.map(FIRST)
    town.amocrm.stage.arm("validation", match="POST /shop/api/v4/contacts")
    town.telegram.share_contact(NINA, PHONE)
    await until_rows(town, "SELECT count(*) FROM deliveries WHERE state = 'dead'")

    dead = (await shop.one("ensure_contact"))["id"]
    shown = told((await shop.look(dead)).effects)
    assert {name for step, name in shown if step == "write_fields"} == {
        "contact.Откуда",
        "deal.Канал",
        "tags",
    }
    shown.pop(("write", "shows"))
    assert await shop.replay(dead) == shown


async def test_a_value_whose_field_was_gone_comes_as_it_was_shown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogues, "ASKED_AGAIN", catalogues.ASKED_AGAIN * 0)
    town = shop.town
    await shop.map(GONE)
    town.telegram.say(NINA, "Тверь", name="Нина")
    await town.settle()
    dead = (await shop.one("write_fields"))["id"]
    looked = await shop.look(dead)
    assert (looked.effects, looked.why) == ((), "the CRM does not have contact.Город")

    shop.add_field("contacts", "Город")
    shown = told((await shop.look(dead)).effects)
    assert shown == {("write_fields", "contact.Город"): ((), ("Тверь",))}
    assert await shop.replay(dead) == shown


@pytest.mark.parametrize(
    ("mapping", "value"), [(Mapped.ORIGINAL, "Telegram"), (Mapped.CURRENT, "Чат на сайте")]
)
async def test_the_version_of_then_or_of_now_is_chosen(
    shop: Shop, mapping: Mapped, value: str
) -> None:
    town = shop.town
    kept = await shop.map(FIRST)
    await decide(town, dry_run=True)
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    row = await shop.one("write_fields")
    assert (row["state"], row["code"]) == ("skipped", "hub.dry_run")
    trace = await tracing.trace(town.hub, shop.caller, str(row["message_id"]), raw=True)
    assert told(rehearsed_in(trace))["write_fields", "contact.Откуда"] == ((), ("Telegram",))

    await mappings.add_version(town.hub, shop.caller, kept, SECOND, activate=True)
    await decide(town)
    await town.settle()
    shown = told((await shop.look(row["id"], mapping)).effects)
    assert shown["write_fields", "contact.Откуда"] == ((), (value,))
    shown.pop(("open_conversation", "customer"))  # no entry of this replay shows the name
    assert await shop.replay(row["id"], mapping) == shown
