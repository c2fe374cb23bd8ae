"""A mapping at work: what customers write fills the fields of real cards, over real HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from middleware.cli.looking import lines_of
from middleware.fields import catalogues
from middleware.health.flow import Health
from middleware.operations.accounts import flow as accounts
from middleware.operations.claims import flow as claims
from middleware.operations.deliveries import flow as deliveries
from middleware.operations.deliveries.flow import Bulk
from middleware.operations.deliveries.model import Filter
from middleware.operations.mappings import flow
from middleware.operations.model import Caller
from middleware.operations.trace.flow import trace
from middleware.store.policy import Policy
from tests.journeys.conftest import Opened
from tests.journeys.town import ACCOUNT, Plan, Town

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


async def test_phones_are_appended_and_dates_are_the_accounts_own(shop: Shop) -> None:
    await shop.map(EVERYTHING)
    await shop.say("Здравствуйте")
    by_hand = {
        "field_code": "PHONE",
        "values": [{"value": "8 (495) 000-11-22", "enum_code": "MOB"}],
    }
    changes = {"custom_fields_values": [by_hand]}
    shop.town.amocrm.edit_contact(ACCOUNT, shop.contact["id"], changes)
    shop.town.telegram.share_contact(NINA, PHONE)
    await shop.town.settle()

    assert shop.contact["phones"] == ["8 (495) 000-11-22", PHONE]
    (phones,) = [f for f in shop.contact["custom_fields_values"] if f["field_code"] == "PHONE"]
    assert [each["enum_code"] for each in phones["values"]] == ["MOB", "WORK"]
    day = datetime.fromtimestamp(shop.value("Дата заявки"), ZoneInfo("Europe/Moscow"))
    said = datetime.fromtimestamp(shop.value("Когда"), UTC)
    assert (day.hour, day.minute) == (0, 0)
    assert day.date() == said.astimezone(day.tzinfo).date()


async def test_what_a_manager_typed_stays_unless_the_rule_says_always(shop: Shop) -> None:
    await shop.map(EVERYTHING)
    await shop.say("Раз")
    assert (shop.value("Приветствие"), shop.value("Последнее")) == ("Раз", "Раз")

    shop.edit(Откуда="По звонку", Приветствие="", Последнее="Моё")
    await shop.say("Два")

    assert shop.value("Откуда") == "По звонку"
    assert shop.value("Приветствие") is None
    assert shop.value("Последнее") == "Два"
    shop.edit(Откуда="")
    await shop.say("Три")
    assert shop.value("Откуда") == "Telegram"
    assert shop.value("Приветствие") is None


async def test_a_trace_tells_which_version_wrote_what_and_no_value(shop: Shop) -> None:
    await shop.map(CITY % "contact.Город, source: entry_point.payload")
    await shop.say("Секрет")
    (message,) = await shop.town.rows("SELECT id FROM messages")

    told = await trace(shop.town.hub, shop.caller, str(message["id"]))
    (found,) = [d.mapping for m in told.messages for d in m.deliveries if d.mapping is not None]
    assert (found.name, found.version, found.missing) == ("shop", 1, ())
    outcomes = {place.target: place.outcome for place in found.places}
    assert outcomes == {"contact.Откуда": "written", "contact.Город": "empty"}
    lines = list(lines_of(told, "en"))
    assert any("by “shop”, version 1" in line for line in lines)
    assert any("rule 1, contact.Откуда: written" in line for line in lines)


async def test_nothing_is_called_when_nothing_changes(shop: Shop) -> None:
    await shop.map("version: 1\nrules:\n  - {target: contact.Откуда, source: channel.title}\n")
    await shop.say("Раз")
    shop.town.amocrm.stage.log.clear()
    await shop.say("Два")

    calls = shop.town.amocrm.stage.log
    assert [c.path for c in calls if "custom_fields" in c.path or "pipelines" in c.path] == []
    assert [c.path for c in calls if c.method == "PATCH"] == []


CITY = "version: 1\nrules:\n  - {target: contact.Откуда, source: channel.title}\n  - {target: %s}\n"


async def test_a_field_that_is_deleted_keeps_its_values_waiting_until_they_go_elsewhere(
    shop: Shop,
) -> None:
    hub, caller = shop.town.hub, shop.caller
    await shop.map(CITY % "contact.Последнее, source: message.text, write: always")
    await shop.say("Раз")
    assert shop.value("Последнее") == "Раз"

    shop.edit(Откуда="")
    shop.town.amocrm.remove_field(ACCOUNT, "contacts", shop.fields["Последнее"].id)
    await shop.say("Два", "Три")

    assert shop.town.entries() == ["Раз", "Два", "Три"]
    assert shop.value("Откуда") == "Telegram"
    states = [(row["state"], row["code"]) for row in await shop.deliveries()]
    assert states == [("done", ""), ("dead", "hub.field_gone"), ("dead", "hub.field_gone")]
    health = next(h for h in await accounts.health(hub, caller) if h.kind == "crm")
    (gone,) = health.missing
    assert (gone.target, gone.version, gone.waiting) == ("contact.Последнее", 1, 2)
    (mapping,) = await flow.mappings(hub, caller)
    assert mapping.missing == (gone,)
    assert (await flow.own_mapping(hub, caller, mapping.id)).missing == (gone,)
    ready = await Health(hub).readiness()
    assert ready.state == "degraded"
    assert "Values of 2 messages" in ready.reasons[0]
    found = await accounts.diagnose(hub, caller, shop.town.crm)
    assert any("contact.Последнее" in each.what and each.advice for each in found)

    await shop.map(CITY % "contact.Город, source: message.text, write: always")
    await shop.town.settle()

    assert shop.value("Город") == "Три"
    assert {row["state"] for row in await shop.deliveries()} == {"done"}
    (mapping,) = await flow.mappings(hub, caller)
    assert mapping.missing == ()


async def test_a_field_that_comes_back_is_filled_when_a_person_says_so(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogues, "ASKED_AGAIN", timedelta())
    await shop.map(CITY % "contact.Город, source: message.text")
    shop.town.amocrm.remove_field(ACCOUNT, "contacts", shop.fields["Город"].id)
    await shop.say("Тверь")
    (row,) = await shop.deliveries()
    assert row["detail"]["missing"] == ["contact.Город"]

    shop.add_field("contacts", "Город")
    dead = Filter(code="hub.field_gone")
    done = await deliveries.replay_many(shop.town.hub, shop.caller, dead, Bulk())
    assert len(done.replayed) == 1
    await shop.town.settle()

    assert shop.value("Город") == "Тверь"
    assert shop.town.entries() == ["Тверь"]


async def test_a_field_of_another_type_is_as_good_as_gone(shop: Shop) -> None:
    await shop.map(CITY % "contact.Город, source: message.text")
    shop.town.amocrm.remove_field(ACCOUNT, "contacts", shop.fields["Город"].id)
    shop.add_field("contacts", "Город", "date")
    await shop.say("Тверь")

    (row,) = await shop.deliveries()
    assert (row["code"], row["detail"]["missing"]) == ("hub.field_gone", ["contact.Город"])
    assert shop.value("Откуда") == "Telegram"
    assert "Тверь" not in str(row["detail"])


async def test_a_preview_begins_with_what_the_cards_hold(shop: Shop) -> None:
    await shop.say("Раз")
    shop.edit(Откуда="По звонку")
    document = CITY % "contact.Город, source: message.text"
    look = flow.Look(source=shop.town.bot, target=shop.town.crm, raw=True)
    (found,) = await flow.preview(shop.town.hub, shop.caller, look, document)
    assert found.known
    assert [(c.outcome, c.before) for c in found.changes] == [
        ("if_empty", ("По звонку",)),
        ("written", ()),
    ]
    shop.town.amocrm.delete_contact(ACCOUNT, shop.contact["id"])
    (found,) = await flow.preview(shop.town.hub, shop.caller, look, document)
    assert not found.known


async def test_the_deal_that_the_crm_opens_is_filled_when_it_is_there(town_of: Opened) -> None:
    async with town_of(Plan(policy=Policy(deal_owner="crm"))) as town:
        shop = Shop(town)
        await shop.map(EVERYTHING)
        await shop.say("Здравствуйте")

        assert shop.value("Источник") == "Телеграм"
        assert shop.lead["tags"] == ["Чат"]
        assert shop.value("Откуда") == "Telegram"
        assert [row["state"] for row in await shop.deliveries()] == ["done"]


async def test_without_a_deal_the_contact_is_filled_all_the_same(town_of: Opened) -> None:
    async with town_of(Plan(policy=Policy(deal_policy="never"))) as town:
        shop = Shop(town)
        await shop.map(CITY % "tags, const: Чат")
        await shop.say("Здравствуйте")

        (row,) = await shop.deliveries()
        assert row["state"] == "done"
        assert [outcome for *_, outcome in row["detail"]["changes"]] == ["written", "no_deal"]
        assert town.amocrm.leads(ACCOUNT) == ()


async def test_values_follow_when_the_route_is_given_another_mapping(shop: Shop) -> None:
    hub, caller, town = shop.town.hub, shop.caller, shop.town
    await shop.map(CITY % "contact.Нет такого, source: message.text")
    await shop.say("Тверь")
    other = await flow.create(hub, caller, "other")
    document = CITY % "contact.Город, source: message.text"
    await flow.add_version(hub, caller, other.id, document, activate=True)
    assert shop.value("Город") is None

    await flow.use(hub, caller, town.bot, town.crm, other.id)
    await town.settle()

    assert shop.value("Город") == "Тверь"
    (row,) = await shop.deliveries()
    assert (row["state"], row["detail"]["mapping"]) == ("done", str(other.id))


async def test_a_deal_that_was_deleted_is_not_filled_in_vain(shop: Shop) -> None:
    await shop.map(CITY % "deal.Источник, const: Сайт")
    await shop.say("Раз")
    first = shop.town.amocrm.world.account(ACCOUNT).leads[shop.lead["id"]]
    first.is_deleted = True
    await shop.say("Два")

    assert shop.lead["id"] != first.id
    assert shop.value("Источник") == "Сайт"
    assert {row["state"] for row in await shop.deliveries()} == {"done"}


async def test_a_rule_gives_the_responsible_one_task_for_the_same_words(shop: Shop) -> None:
    await shop.map(
        'version: 1\nrules:\n  - {target: task, template: "Перезвонить: {contact.name}"}\n'
    )
    shop.town.amocrm.stage.arm("cut_after", match="POST /shop/api/v4/tasks")
    await shop.say("Раз", "Два")

    (task,) = shop.town.amocrm.tasks(ACCOUNT)
    assert (task["text"], task["entity_id"]) == ("Перезвонить: Нина", shop.lead["id"])
    (made,) = await shop.town.rows("SELECT state FROM deliveries WHERE kind = 'create_task'")
    assert made["state"] == "done"


async def test_a_phone_that_a_mapping_found_asks_who_is_who_and_links_nobody(shop: Shop) -> None:
    await shop.map(
        "version: 1\nrules:\n  - target: contact.phone\n    source: message.text\n"
        "    transform: [{extract: '([0-9]{11})'}, e164]\n"
    )
    town = shop.town
    town.telegram.say(PETR, "Здравствуйте", name="Пётр")
    town.telegram.share_contact(PETR, PHONE)
    await town.settle()
    await shop.say(f"Мой номер {PHONE}, и ещё 79990001122")

    (claim,) = (await claims.find(town.hub, shop.caller)).items
    assert claim.evidence == "hub.mapped"
    held = await town.rows("SELECT contact_id FROM identities WHERE kind = 'phone'")
    assert len(held) == 1
    assert len(town.amocrm.contacts(ACCOUNT)) == 2
