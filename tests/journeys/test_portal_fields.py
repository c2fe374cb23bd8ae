"""A portal's cards at work: whose they are, what a mapping fills, and who answers by which name."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from middleware.operations.mappings import flow
from middleware.operations.model import Caller
from middleware.store.policy import Policy
from tests.journeys.portal import open_portal

NINA = 1001
OLGA, IVAN = "1", "2"
RULES = """\
version: 1
rules:
  - {target: contact.Откуда, source: channel.title}
  - {target: deal.Источник, source: channel.provider, transform: {lookup: {table: {telegram: Да}}}}
  - {target: deal.title, template: "{channel.title}: {contact.name}", write: always}
  - {target: pipeline, const: Опт, write: always}
  - {target: stage, const: В работе, write: always}
  - {target: contact.email, const: не адрес}
  - {target: task, template: "Перезвонить: {contact.name}"}
"""


@pytest.fixture
async def town(postgres_url: str, tmp_path: Path) -> AsyncIterator[Any]:
    async with open_portal(postgres_url, tmp_path) as opened:
        portal, acme = opened.bitrix24, portal_of(opened)
        portal.add_pipeline(acme, "Опт")
        portal.add_field(acme, "contact", "FROM", "string", LABEL="Откуда")
        choices = [{"VALUE": "Да"}, {"VALUE": "Нет"}]
        portal.add_field(acme, "deal", "SOURCE", "enumeration", LABEL="Источник", LIST=choices)
        yield opened


def portal_of(town: Any) -> str:
    (slug,) = town.bitrix24.world.portals
    return str(slug)


async def test_a_mapping_fills_the_cards_of_whoever_is_there_to_answer(town: Any) -> None:
    acme, caller = portal_of(town), Caller(workspace=town.workspace, name="anna")
    policy = Policy(responsible="3", responsible_fallback=IVAN, operator_name="first")
    gone = town.bitrix24.add_user(acme, "Пётр Уволенный", is_active=False)
    assert str(gone.id) == policy.responsible
    await town.hub.connections.set_route(town.workspace, town.bot, town.crm, policy)
    mapping = (await flow.create(town.hub, caller, "shop")).id
    await flow.add_version(town.hub, caller, mapping, RULES, activate=True)
    await flow.use(town.hub, caller, town.bot, town.crm, mapping)
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()

    (contact,), (deal,) = town.bitrix24.contacts(acme), town.bitrix24.deals(acme)
    assert contact["fields"]["ASSIGNED_BY_ID"] == deal["fields"]["ASSIGNED_BY_ID"] == IVAN
    assert (contact["fields"]["UF_CRM_FROM"], contact["emails"]) == ("Telegram", [])
    assert deal["fields"]["TITLE"] == "Telegram: Нина"
    assert deal["fields"]["UF_CRM_SOURCE"] == "1"
    assert (deal["fields"]["CATEGORY_ID"], deal["fields"]["STAGE_ID"]) == ("1", "C1:EXECUTING")
    planned = [each["fields"] for each in town.bitrix24.activities(acme)]
    (task,) = [each for each in planned if each["PROVIDER_TYPE_ID"] == "THREADLINE_TASK"]
    assert task["DESCRIPTION"] == "Перезвонить: Нина"
    assert (task["OWNER_ID"], task["RESPONSIBLE_ID"]) == (str(deal["id"]), IVAN)

    for words in ("Первый", "Второй"):
        town.reply(NINA, words, user_id=int(OLGA))
        await town.settle()
    assert town.seen_by(NINA) == ["Первый", "Ольга: Второй"]
