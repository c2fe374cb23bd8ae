"""What the cards of the emulated Bitrix24 hold: values by their type, stages by their category."""

from typing import Any

import pytest

from tests.emulators.bitrix24_scene import Rig

CARD = {"NAME": "Иван", "LAST_NAME": "Петров"}


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_only_new_methods_move_a_deal_to_another_category(rig: Rig) -> None:
    pipeline = rig.emulator.add_pipeline("acme", "Опт")
    await rig.do("crm.deal.add", fields={"TITLE": "Заказ", "STAGE_ID": "PREPARATION"})

    async def move(**fields: Any) -> Any:
        return await rig.do("crm.item.update", entityTypeId=2, id=1, fields=fields)

    moved = (await move(categoryId=pipeline))["item"]
    assert (moved["categoryId"], moved["stageId"]) == (pipeline, f"C{pipeline}:NEW")
    back = (await move(categoryId=0, stageId="WON"))["item"]
    assert (back["stageId"], back["stageSemanticId"], back["closed"]) == ("WON", "S", "Y")
    refused = {"entityTypeId": 2, "id": 1, "fields": {"stageId": f"C{pipeline}:NEW"}}
    assert (await rig.refused("crm.item.update", **refused))[0] == 400
    rig.emulator.switches.set("category_alone", "refuse")
    alone = {"entityTypeId": 2, "id": 1, "fields": {"categoryId": pipeline, "title": "Иной"}}
    assert (await rig.refused("crm.item.update", **alone))[0] == 400
    deal = await rig.do("crm.deal.get", id=1)
    assert (deal["CATEGORY_ID"], deal["STAGE_ID"], deal["TITLE"]) == ("0", "WON", "Заказ")


FIELDS_OF_TYPES = {
    "WHEN": ("datetime", "2026-03-29T21:30:00+00:00", "2026-03-30T00:30:00+03:00", "завтра"),
    "DAY": ("date", "2026-03-29", "2026-03-29T00:00:00+03:00", "29-е"),
    "SUM": ("money", "10.50|RUB", "10.5|RUB", "много"),
    "NUM": ("integer", "7", 7, "семь"),
    "FLAG": ("boolean", 1, "Y", None),
}


@pytest.mark.parametrize("name", sorted(FIELDS_OF_TYPES))
async def test_a_custom_field_holds_values_of_its_type(rig: Rig, name: str) -> None:
    kind, sent, told, spoiled = FIELDS_OF_TYPES[name]
    field = rig.emulator.add_field("acme", "contact", name, kind)
    await rig.do("crm.contact.add", fields={**CARD, field: sent})
    asked = {"entityTypeId": 3, "id": 1, "useOriginalUfNames": "Y"}
    assert (await rig.do("crm.item.get", **asked))["item"][field] == told
    about = (await rig.do("crm.item.fields", entityTypeId=3, useOriginalUfNames="Y"))["fields"]
    assert (about[field]["type"], about[field]["isDynamic"]) == (kind, True)
    assert about["sourceId"]["statusType"] == "SOURCE"
    if spoiled is not None:
        status, code, _ = await rig.refused("crm.item.update", **asked, fields={field: spoiled})
        assert (status, code) == (400, "CRM_FIELD_ERROR_VALUE_NOT_VALID")


async def test_somebody_who_left_may_be_refused_as_responsible(rig: Rig) -> None:
    user = rig.emulator.add_user("acme", "Иван Уволенный", is_active=False)
    fields = {**CARD, "ASSIGNED_BY_ID": user.id}
    assert await rig.do("crm.contact.add", fields=fields) == 1
    rig.emulator.switches.set("inactive_responsible", "refuse")
    assert (await rig.refused("crm.contact.add", fields=fields))[1] == "ERROR_CORE"
