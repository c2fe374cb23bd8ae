"""A mapping at work: what customers write fills the fields of real cards, over real HTTP."""

from typing import Any

import pytest

from middleware.operations.mappings import flow
from middleware.operations.model import Caller
from tests.journeys.town import ACCOUNT, Town

NINA, PETR = 1001, 1002
PHONE = "+79161112233"
EVERYTHING = """\
version: 1
rules:
  - {target: contact.phone, source: contact.phones}
  - {target: contact.Откуда, source: channel.title}
  - {target: contact.Приветствие, source: message.text, write: once}
  - {target: contact.Последнее, source: message.text, write: always}
  - target: deal.Источник
    source: channel.provider
    transform: {lookup: {table: {telegram: Телеграм}}}
  - {target: deal.Дата заявки, source: message.sent_at, transform: date}
  - {target: deal.Когда, source: message.sent_at}
  - {target: deal.title, template: "{channel.title}: {contact.name}", write: always}
  - {target: tags, const: Чат}
  - {target: pipeline, const: Сервис, write: always}
  - {target: stage, const: Ремонт, write: always}
  - {target: responsible, const: Ольга, write: always}
"""


class Shop:
    """A town whose account has fields of its own, and the mapping that its route uses."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.caller = Caller(workspace=town.workspace, name="anna")
        self.mapping: Any = None
        self.fields: dict[str, Any] = {}
        town.amocrm.add_user(ACCOUNT, "Ольга")
        town.amocrm.add_pipeline(ACCOUNT, "Сервис", ("Новая", "Ремонт"))
        for entity, name, kind in (
            ("contacts", "Откуда", "text"),
            ("contacts", "Приветствие", "text"),
            ("contacts", "Последнее", "textarea"),
            ("contacts", "Город", "text"),
            ("leads", "Источник", "select"),
            ("leads", "Дата заявки", "date"),
            ("leads", "Когда", "date_time"),
        ):
            self.add_field(entity, name, kind)

    def add_field(self, entity: str, name: str, kind: str = "text") -> None:
        enums = [{"value": "Сайт"}, {"value": "Телеграм"}] if kind == "select" else []
        item = {"name": name, "type": kind, "enums": enums}
        self.fields[name] = self.town.amocrm.add_field(ACCOUNT, entity, item)

    async def map(self, document: str) -> int:
        """Put a document in force on the town's route."""
        hub = self.town.hub
        if self.mapping is None:
            self.mapping = (await flow.create(hub, self.caller, "shop")).id
        number = await flow.add_version(hub, self.caller, self.mapping, document, activate=True)
        await flow.use(hub, self.caller, self.town.bot, self.town.crm, self.mapping)
        return number

    @property
    def contact(self) -> dict[str, Any]:
        (found,) = [c for c in self.town.amocrm.contacts(ACCOUNT) if not c["is_deleted"]]
        return found

    @property
    def lead(self) -> dict[str, Any]:
        (found,) = [lead for lead in self.town.amocrm.leads(ACCOUNT) if not lead["is_deleted"]]
        return found

    def value(self, name: str) -> Any:
        """What a field of the contact or the lead holds."""
        held = [*self.contact["custom_fields_values"], *self.lead["custom_fields_values"]]
        (*_, found) = [None, *(f["values"][0]["value"] for f in held if f["field_name"] == name)]
        return found

    def edit(self, **values: str) -> None:
        """A manager types into fields of the contact."""
        filled = [
            {"field_id": self.fields[name].id, "values": [{"value": value}]}
            for name, value in values.items()
        ]
        changes = {"custom_fields_values": filled}
        self.town.amocrm.edit_contact(ACCOUNT, self.contact["id"], changes)

    async def say(self, *words: str, **said: Any) -> None:
        for each in words:
            self.town.telegram.say(NINA, each, name="Нина", **said)
        await self.town.settle()

    async def deliveries(self) -> list[Any]:
        return await self.town.rows(
            "SELECT state, code, detail FROM deliveries WHERE kind = 'write_fields'"
            " ORDER BY created_at, id"
        )


@pytest.fixture
def shop(town: Town) -> Shop:
    return Shop(town)


async def test_a_message_fills_fields_of_every_kind(shop: Shop) -> None:
    await shop.map(EVERYTHING)
    await shop.say("Здравствуйте")

    account = shop.town.amocrm.world.account(ACCOUNT)
    olga = next(user for user in account.users.values() if user.name == "Ольга")
    service = next(each for each in account.pipelines.values() if each.name == "Сервис")
    assert shop.value("Откуда") == "Telegram"
    assert shop.value("Источник") == "Телеграм"
    assert shop.lead["name"] == "Telegram: Нина"
    assert shop.lead["tags"] == ["Чат"]
    assert shop.lead["pipeline_id"] == service.id
    names = {status.id: status.name for status in service.statuses}
    assert names[shop.lead["status_id"]] == "Ремонт"
    assert shop.lead["responsible_user_id"] == shop.contact["responsible_user_id"] == olga.id
    assert [row["state"] for row in await shop.deliveries()] == ["done"]
    assert shop.town.entries() == ["Здравствуйте"]
