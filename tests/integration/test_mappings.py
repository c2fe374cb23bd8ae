"""Mappings as integrators keep, judge, try and preview them; against PostgreSQL and an emulator."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from mappers.vocabulary import ConnectionId, DeliveryKind
from middleware.db import tables
from middleware.db.engine import transaction
from middleware.errors import BadRequest, Conflict, NotFound
from middleware.hub import Hub
from middleware.operations.access import flow as access
from middleware.operations.access.rules import Scope
from middleware.operations.accounts import flow as accounts
from middleware.operations.mappings import flow
from middleware.operations.mappings.flow import Look
from middleware.operations.mappings.model import BadDocument
from middleware.operations.model import Caller
from tests.builders import (
    PHONE,
    WORDS,
    a_connection,
    a_contact,
    a_conversation,
    a_message,
    a_stranger,
    a_token,
)
from tests.integration.test_api import API, talking
from tests.integration.test_cli import Shell, shell
from tests.journeys.sides import connect_account
from tests.journeys.town import ACCOUNT, open_world

__all__ = ["shell"]

FIRST = "version: 1\nrules:\n  - {target: contact.name, source: contact.name}\n"
SECOND = FIRST + "  - {target: contact.phone, source: contact.phone}\n"
BROKEN = "version: 1\nrules:\n  - {target: contact.name, source: contact.nmae}\n"
LIVE = """\
version: 1
rules:
  - {target: contact.Город, template: "{contact.name}: {message.text}"}
  - {target: contact.phone, source: contact.phones}
  - {target: tags, const: Telegram}
  - {target: pipeline, const: Воронка, when: {source: contact.is_new, equals: true}}
"""


class TestVersions:
    async def test_a_version_never_changes_and_one_is_in_force(
        self, hub: Hub, anna: Caller
    ) -> None:
        made = await flow.create(hub, anna, "  Shop   fields ")
        assert (made.name, made.active, made.versions) == ("Shop fields", None, 0)
        assert await flow.add_version(hub, anna, made.id, FIRST, activate=True) == 1
        assert await flow.add_version(hub, anna, made.id, SECOND) == 2
        assert (await flow.own_mapping(hub, anna, made.id)).active == 1
        newer, older = await flow.versions(hub, anna, made.id)
        assert (newer.document, older.document) == (SECOND, FIRST)
        assert older.author == "anna"
        assert older.digest != newer.digest

    async def test_the_same_document_is_the_same_version(self, hub: Hub, anna: Caller) -> None:
        made = await flow.create(hub, anna, "fields")
        await flow.add_version(hub, anna, made.id, FIRST)
        await flow.add_version(hub, anna, made.id, SECOND)
        assert await flow.add_version(hub, anna, made.id, FIRST) == 1
        assert (await flow.own_mapping(hub, anna, made.id)).versions == 2

    async def test_rolling_back_goes_to_the_version_before(self, hub: Hub, anna: Caller) -> None:
        made = await flow.create(hub, anna, "fields")
        await flow.add_version(hub, anna, made.id, FIRST, activate=True)
        with pytest.raises(Conflict, match="no other version"):
            await flow.roll_back(hub, anna, made.id)
        await flow.add_version(hub, anna, made.id, SECOND, activate=True)
        await flow.activate(hub, anna, made.id, 2)
        assert (await flow.roll_back(hub, anna, made.id)).active == 1
        assert (await flow.roll_back(hub, anna, made.id)).active == 2
        actions = [line.action for line in (await access.audit(hub, anna)).items]
        assert actions.count("mapping.activated") == 4

    async def test_versions_are_compared(self, hub: Hub, anna: Caller) -> None:
        made = await flow.create(hub, anna, "fields")
        await flow.add_version(hub, anna, made.id, FIRST)
        await flow.add_version(hub, anna, made.id, SECOND)
        said = await flow.difference(hub, anna, made.id, 1, 2)
        assert "+  - {target: contact.phone" in said
        assert await flow.difference(hub, anna, made.id, 1, 1) == ""

    async def test_what_is_wrong_by_itself_is_not_kept(self, hub: Hub, anna: Caller) -> None:
        made = await flow.create(hub, anna, "fields")
        with pytest.raises(BadDocument, match=r"line 3.*Did you mean “contact\.name”"):
            await flow.add_version(hub, anna, made.id, BROKEN)
        with pytest.raises(BadDocument, match="takes a moment"):
            await flow.add_version(hub, anna, made.id, FIRST.replace("}", ", transform: date}"))
        assert (await flow.own_mapping(hub, anna, made.id)).versions == 0

    async def test_names_and_numbers_that_are_not_there(self, hub: Hub, anna: Caller) -> None:
        made = await flow.create(hub, anna, "fields")
        with pytest.raises(Conflict, match="already"):
            await flow.create(hub, anna, "fields")
        with pytest.raises(BadRequest, match="between 1"):
            await flow.create(hub, anna, " ")
        with pytest.raises(NotFound, match="no version 7"):
            await flow.activate(hub, anna, made.id, 7)
        with pytest.raises(NotFound, match="no version in force"):
            await flow.version(hub, anna, made.id)
        with pytest.raises(NotFound):
            await flow.versions(hub, await a_stranger(hub), made.id)


async def mapping_of_routes(hub: Hub) -> list[object]:
    async with transaction(hub.engine) as at:
        return list((await at.execute(select(tables.routes.c.mapping_id))).scalars())


async def test_a_route_uses_a_mapping_until_told_otherwise(hub: Hub, anna: Caller) -> None:
    bot = await a_connection(hub, anna.workspace)
    crm = await a_connection(hub, anna.workspace, "amocrm")
    made = await flow.create(hub, anna, "fields")
    with pytest.raises(NotFound, match="no such route"):
        await flow.use(hub, anna, bot, crm, made.id)
    await accounts.set_route(hub, anna, bot, crm, {})
    await flow.use(hub, anna, bot, crm, made.id)
    await accounts.set_route(hub, anna, bot, crm, {"deal_policy": "never"})
    assert await mapping_of_routes(hub) == [made.id]
    assert (await flow.own_mapping(hub, anna, made.id)).routes == 1
    await flow.use(hub, anna, bot, crm, None)
    assert await mapping_of_routes(hub) == [None]
    stranger = await a_stranger(hub)
    with pytest.raises(NotFound):
        await flow.use(hub, stranger, bot, crm, None)


async def test_facts_of_ones_own_are_tried(hub: Hub, anna: Caller) -> None:
    trial = await flow.attempt(hub, anna, SECOND, {"contact": {"name": "Анна"}})
    assert [each.outcome for each in trial.changes] == ["written", "empty"]
    assert trial.changes[0].after == ("Анна",)
    with pytest.raises(BadRequest, match="Did you mean"):
        await flow.attempt(hub, anna, SECOND, {"contact": {"nmae": "Анна"}})


class TestWithAnAccount:
    @pytest.fixture
    async def crm(self, hub: Hub, anna: Caller) -> AsyncIterator[ConnectionId]:
        async with open_world() as world:
            world.amocrm.add_field(ACCOUNT, "contacts", {"name": "Город", "type": "text"})
            yield (await connect_account(world, hub, anna.workspace)).id

    @pytest.fixture
    async def bot(self, hub: Hub, anna: Caller, crm: ConnectionId) -> ConnectionId:
        bot = await a_connection(hub, anna.workspace)
        await accounts.set_route(hub, anna, bot, crm, {})
        talk = await a_conversation(hub, bot, await a_contact(hub, anna.workspace))
        await a_message(hub, talk, bot)
        await a_message(hub, talk, bot, text="Алло?")
        return bot

    async def test_it_is_judged_by_what_the_account_has(
        self, hub: Hub, anna: Caller, crm: ConnectionId
    ) -> None:
        unknown = LIVE.replace("contact.Город", "contact.Горд")
        found = await flow.lint(hub, anna, unknown, crm)
        errors = [str(each) for each in found if each.level == "error"]
        assert any("Did you mean “contact.Город”" in each for each in errors)
        assert any("no tag “Telegram” yet" in str(each) for each in found)
        (broken,) = await flow.lint(hub, anna, BROKEN, crm)
        assert broken.line == 3

    async def test_a_channel_has_nothing_to_map_to(
        self, hub: Hub, anna: Caller, bot: ConnectionId
    ) -> None:
        with pytest.raises(BadRequest, match="no fields"):
            await flow.lint(hub, anna, FIRST, bot)

    async def test_a_preview_shows_every_field_and_writes_nothing(
        self, hub: Hub, anna: Caller, crm: ConnectionId, bot: ConnectionId
    ) -> None:
        look = Look(source=bot, target=crm, raw=True)
        first, second = await flow.preview(hub, anna, look, LIVE)
        assert [each.outcome for each in first.changes[:3]] == ["written"] * 3
        assert first.changes[0].after == (f"Мария: {WORDS}",)
        assert first.changes[1].after == (PHONE,)
        assert first.facts["contact.is_new"] is True
        assert [each.outcome for each in second.changes] == ["if_empty", "same", "same", "when"]
        assert second.changes[0].before == first.changes[0].after
        async with transaction(hub.engine) as at:
            kinds = set((await at.execute(select(tables.deliveries.c.kind))).scalars())
        assert kinds == {DeliveryKind.KEEP_SOURCE}  # by the route, before anybody looked
        actions = [line.action for line in (await access.audit(hub, anna)).items]
        assert "mapping.previewed_in_clear" in actions

    async def test_a_preview_hides_what_customers_said(
        self, hub: Hub, anna: Caller, crm: ConnectionId, bot: ConnectionId
    ) -> None:
        found = await flow.preview(hub, anna, Look(source=bot, target=crm), LIVE)
        changes = [each for preview in found for each in preview.changes]
        shown = " ".join(value for each in changes for value in (*each.before, *each.after))
        assert [each.facts for each in found] == [{}, {}]
        assert not [word for word in ("Мария", "Алло", "Telegram", PHONE) if word in shown]
        assert found[0].changes[3].after == (await main_pipeline(hub, anna, crm),)
        (last,) = await flow.preview(hub, anna, Look(source=bot, target=crm, last=1), LIVE)
        assert last.message == found[1].message

    async def test_a_preview_is_of_a_route(
        self, hub: Hub, anna: Caller, crm: ConnectionId, bot: ConnectionId
    ) -> None:
        await accounts.drop_route(hub, anna, bot, crm)
        with pytest.raises(NotFound, match="no such route"):
            await flow.preview(hub, anna, Look(source=bot, target=crm), LIVE)


async def test_the_api_does_the_same(hub: Hub, anna: Caller) -> None:
    async with talking(hub, await a_token(hub, anna)) as client:
        made = (await client.post(f"{API}/mappings", json={"name": "fields"})).json()
        home = f"{API}/mappings/{made['id']}"
        for text in (FIRST, SECOND):
            sent = {"document": text, "activate": True}
            added = await client.post(f"{home}/versions", json=sent)
            assert added.status_code == 201, added.text
        assert (await client.get(f"{home}/versions/2")).json()["document"] == SECOND
        assert "contact.phone" in (await client.get(f"{home}/diff/1/2")).json()["diff"]
        assert (await client.post(f"{home}/rollback")).json()["active"] == 1
        assert (await client.post(f"{home}/activate", json={"number": 2})).json()["active"] == 2
        refused = await client.post(f"{home}/versions", json={"document": BROKEN})
        assert (refused.status_code, refused.json()["code"]) == (422, "mapping.refused")
        (problem,) = (await client.post(f"{API}/mappings/lint", json={"document": BROKEN})).json()
        assert (problem["line"], problem["level"]) == (3, "error")
        facts = {"contact.name": "Анна", "message.sent_at": "2026-11-22T00:00:00Z"}
        asked = {"document": FIRST, "facts": facts}
        trial = (await client.post(f"{API}/mappings/try", json=asked)).json()
        assert trial["changes"][0]["after"] == ["Анна"]


async def test_a_preview_in_clear_is_for_admins(hub: Hub, anna: Caller) -> None:
    bot = await a_connection(hub, anna.workspace)
    asked = {"source": str(bot), "target": str(bot), "document": FIRST}
    async with talking(hub, await a_token(hub, anna, Scope.OPERATE)) as client:
        address = f"{API}/mappings/preview"
        refused = await client.post(address, json=asked, params={"raw": True})
        assert refused.status_code == 403
        assert (await client.post(address, json=asked)).status_code == 404


async def main_pipeline(hub: Hub, caller: Caller, crm: ConnectionId) -> str:
    (pipeline,) = (await flow.catalogue(hub, caller, crm)).pipelines
    return pipeline.id


class TestCommandLine:
    @pytest.fixture
    def files(self, tmp_path: Path) -> Path:
        for name, text in (("first", FIRST), ("second", SECOND), ("broken", BROKEN)):
            (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
        facts = {"contact": {"name": "Анна"}}
        (tmp_path / "facts.json").write_text(json.dumps(facts), "utf-8")
        return tmp_path

    def test_a_mapping_is_pushed_rolled_back_and_shown(self, shell: Shell, files: Path) -> None:
        first, second = str(files / "first.yaml"), str(files / "second.yaml")
        assert "version 1 is in force" in shell.says("mapping", "push", "shop", first)
        assert "version 2 is kept" in shell.says("mapping", "push", "shop", second, "--stay")
        assert "действует версия 2" in shell.says(
            "--lang", "ru", "mapping", "activate", "shop", "2"
        )
        assert "+  - {target: contact.phone" in shell.says("mapping", "diff", "shop", "1", "2")
        assert "version 1 is in force" in shell.says("mapping", "rollback", "shop")
        assert shell.says("mapping", "show", "shop").strip() == FIRST.strip()
        assert [each["number"] for each in shell.json("mapping", "versions", "shop")] == [2, 1]
        (line,) = shell.json("mapping", "list")
        assert (line["name"], line["active"]) == ("shop", 1)
        assert "no mapping “other”" in shell.says("mapping", "show", "other", status=1)

    def test_what_is_wrong_is_told_with_its_line(self, shell: Shell, files: Path) -> None:
        broken = str(files / "broken.yaml")
        said = shell.says("mapping", "lint", broken, status=1)
        assert "error: line 3, rules[1].source" in said
        assert "Did you mean “contact.name”?" in said
        assert "Nothing is wrong" in shell.says("mapping", "lint", str(files / "first.yaml"))
        shell.says("mapping", "push", "shop", broken, status=1)
        assert shell.json("mapping", "list") == []
        assert "cannot be read" in shell.says("mapping", "lint", str(files / "none"), status=1)

    def test_facts_are_tried(self, shell: Shell, files: Path) -> None:
        words = ("mapping", "try", str(files / "second.yaml"), "--facts", str(files / "facts.json"))
        named, reached = shell.json(*words)["changes"]
        assert (named["after"], named["outcome"]) == (["Анна"], "written")
        assert reached["outcome"] == "empty"
        assert "There is no value" in shell.says(*words)
        wrong = (*words[:4], str(files / "first.yaml"))
        assert "cannot be read" in shell.says(*wrong, status=1)
