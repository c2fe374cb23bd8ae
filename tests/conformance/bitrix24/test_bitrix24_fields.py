"""Bitrix24's catalogue and fields where they differ: kinds, lists, moves, what vanished."""

import random
from dataclasses import replace
from typing import Any

import pytest

from crm_clients.bitrix24 import Bitrix24
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from mappers.vocabulary import Catalogue, Permanent
from tests.conformance.bitrix24_scene import (
    ACME,
    ELSEWHERE_KEPT,
    LISTS,
    TYPES,
)
from tests.conformance.crm_bench import DRAFT, Bench, refusal
from tests.conformance.crm_fields import Cards, cards_on
from tests.conformance.mapped import a_document, written

NAMES = (*TYPES, *(f"MANY_{kind}" for kind in LISTS))
FIELDS = [f"{entity}.UF_CRM_{name}" for entity in ("contact", "deal") for name in NAMES]
NO_SUCH_FIELD = Permanent(code="bitrix24.no_such_field")


def key_of(catalogue: Catalogue, name: str, entity: str = "deal") -> str:
    wanted = f"UF_CRM_{name.upper()}"
    return next(
        f"{f.entity}:{f.id}" for f in catalogue.fields if (f.entity, f.id) == (entity, wanted)
    )


def deal_of(emulator: Bitrix24Emulator) -> dict[str, Any]:
    (deal,) = emulator.deals(ACME)
    fields: dict[str, Any] = deal["fields"]
    return fields


class TestCatalogue:
    async def test_one_call_reads_it_and_pages_of_users_another(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        for number in range(118):
            emulator.add_user(ACME, f"Сотрудник {number}", is_active=number % 2 == 0)
        bench.http.calls.clear()
        known = await crm.catalogue()
        assert [call.label for call in bench.http.calls] == ["bitrix24.batch"] * 2
        assert len(known.operators) == 61
        assert (known.operators[0].name, known.operators[0].user) == ("Ольга Менеджер", "1")

    async def test_pipelines_have_their_own_stages_in_order(self, crm: Bitrix24) -> None:
        first, second = (await crm.catalogue()).pipelines
        assert (first.id, first.title, first.is_main) == ("0", "Общее", True)
        assert (second.id, second.title, second.is_main) == ("1", "Опт", False)
        assert [stage for stage, _ in first.stages][:2] == ["NEW", "PREPARATION"]
        assert ("C1:WON", "Сделка успешна") in second.stages

    async def test_fields_have_labels_kinds_and_choices(self, crm: Bitrix24) -> None:
        known = {each.id: each for each in (await crm.catalogue()).fields if each.entity == "deal"}
        chosen = known["UF_CRM_ENUMERATION"]
        assert (chosen.title, chosen.kind) == ("Поле enumeration", "choice")
        assert [label for _, label in chosen.choices] == ["Да", "Нет"]
        assert known["UF_CRM_MANY_DATE"].multiple
        assert ("1", "Ольга Менеджер") in known["UF_CRM_EMPLOYEE"].choices
        assert ("CALL", "Call") in known["UF_CRM_CRM_STATUS"].choices
        assert ("WEB", "Web") in known["sourceId"].choices
        assert (known["sourceId"].code, known["utmSource"].code) == ("SOURCE_ID", "UTM_SOURCE")
        assert known["createdTime"].read_only
        for kind in ELSEWHERE_KEPT:
            assert known[f"UF_CRM_{kind.upper()}"].kind == "other"
        assert not known.keys() & {"stageId", "categoryId", "title", "opportunity", "originId"}

    async def test_without_the_permission_there_are_no_users_and_all_the_rest(
        self, crm: Bitrix24, emulator: Bitrix24Emulator
    ) -> None:
        _, installation = emulator.world.installation(ACME, crm.application.client_id)
        installation.scopes -= {"user"}
        known = await crm.catalogue()
        assert known.operators == ()
        assert known.fields
        assert await crm.create_record(replace(DRAFT, responsible="2"), key="r")

    async def test_the_zone_is_the_installers_or_the_portals(
        self, crm: Bitrix24, emulator: Bitrix24Emulator
    ) -> None:
        assert (await crm.catalogue()).zone == "Etc/GMT-3"
        emulator.world.portal(ACME).user(1).zone = "Asia/Vladivostok"
        assert (await crm.catalogue()).zone == "Asia/Vladivostok"


@pytest.mark.parametrize("seed", range(12))
async def test_a_document_applied_to_its_own_cards_changes_nothing(bench: Bench, seed: int) -> None:
    rng = random.Random(seed)
    cards = await cards_on(bench)
    for _ in range(4):
        document = a_document(rng, FIELDS)
        await written(cards, document)
        bench.http.calls.clear()
        again = await written(cards, document)
        # Whole numbers alone are held by some fields.
        assert {key for key in again if "INTEGER" not in key} == set()


class TestValues:
    @pytest.mark.parametrize("spelling", ["letters", "numbers", "json"])
    async def test_a_flag_is_read_however_it_is_told(
        self, bench: Bench, emulator: Bitrix24Emulator, spelling: str
    ) -> None:
        emulator.switches.set("item_booleans", spelling)
        cards = await cards_on(bench)
        key = key_of(cards.catalogue, "boolean")
        assert await cards.held(key) == {key: ()}
        for value in ("true", "false"):
            await cards.fill({key: (value,)})
            assert await cards.held(key) == {key: (value,)}

    async def test_a_day_stays_that_day_and_a_moment_that_moment(
        self, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        cards = await cards_on(bench)
        day, moment = (key_of(cards.catalogue, name) for name in ("date", "datetime"))
        values = {day: ("2026-03-29",), moment: ("2026-03-29T22:30:00+00:00",)}
        await cards.fill(values)
        assert await cards.held(day, moment) == values
        assert deal_of(emulator)["UF_CRM_DATE"] == "2026-03-29T00:00:00+03:00"
        assert deal_of(emulator)["UF_CRM_DATETIME"] == "2026-03-30T01:30:00+03:00"

    async def test_a_sum_keeps_its_currency_or_has_the_deals(
        self, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        cards = await cards_on(bench)
        key = key_of(cards.catalogue, "money")
        await cards.fill({key: ("10.5",), "deal:price": ("99.9",)})
        assert deal_of(emulator)["UF_CRM_MONEY"] == "10.5|RUB"
        assert deal_of(emulator)["IS_MANUAL_OPPORTUNITY"] == "Y"
        emulator.edit_card(ACME, "deal", int(cards.deal), {"UF_CRM_MONEY": "7|EUR"})
        await cards.fill({key: ("8",)})
        assert deal_of(emulator)["UF_CRM_MONEY"] == "8|EUR"

    async def test_an_empty_field_is_filled_where_a_card_is_silent_about_it(
        self, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        emulator.switches.set("empty_fields", "left_out")
        cards = await cards_on(bench)
        key, many = (key_of(cards.catalogue, name) for name in ("string", "MANY_string"))
        assert await cards.held(key, many) == {key: (), many: ()}
        values = {key: ("опт",), many: ("один", "два")}
        await cards.fill(values)
        assert await cards.held(key, many) == values

    async def test_what_is_there_is_not_written_again(self, bench: Bench) -> None:
        cards = await cards_on(bench)
        values = {"contact:name": ("Анна Мария Петрова",), "contact:phone": ("8 915 111-22-33",)}
        await cards.fill(values)
        bench.http.calls.clear()
        await cards.fill(values)
        assert [call.label for call in bench.http.calls] == ["bitrix24.batch"]
        assert (await cards.held("contact:name"))["contact:name"] == ("Анна Мария Петрова",)


class TestMoves:
    @pytest.mark.parametrize("alone", ["first_stage", "refuse"])
    async def test_a_deal_in_another_pipeline_begins_at_its_first_stage(
        self, bench: Bench, emulator: Bitrix24Emulator, alone: str
    ) -> None:
        emulator.switches.set("category_alone", alone)
        cards = await cards_on(bench)
        await cards.fill({"pipeline": ("1",)})
        assert await cards.held("pipeline", "stage") == {"pipeline": ("1",), "stage": ("C1:NEW",)}
        await cards.fill({"stage": ("C1:EXECUTING",)})
        await cards.fill({"pipeline": ("1",)})
        assert await cards.held("stage") == {"stage": ("C1:EXECUTING",)}

    async def test_a_stage_of_another_pipeline_is_refused(self, bench: Bench) -> None:
        cards = await cards_on(bench)
        failure = (await refusal(cards.fill({"stage": ("C1:NEW",)}))).failure
        assert (failure.kind, getattr(failure, "gone", "")) == ("permanent", "")
        unknown = (await refusal(cards.fill({"pipeline": ("7",)}))).failure
        assert unknown == NO_SUCH_FIELD

    async def test_a_deal_that_moved_or_was_won_is_seen_as_it_is(
        self, crm: Bitrix24, bench: Bench
    ) -> None:
        cards = await cards_on(bench)
        await cards.fill({"pipeline": ("1",), "stage": ("C1:WON",)})
        deal = await crm.get_deal(cards.deal)
        assert deal is not None
        assert (deal.pipeline, deal.state) == ("1", "won")


class TestWhatVanished:
    @pytest.mark.parametrize("told", ["null", "left_out"])
    async def test_a_field_that_was_deleted_is_refused_before_anything_is_written(
        self, bench: Bench, emulator: Bitrix24Emulator, told: str
    ) -> None:
        emulator.switches.set("empty_fields", told)
        cards = await cards_on(bench)
        key = key_of(cards.catalogue, "string", "contact")
        fields = emulator.world.portal(ACME).crm.user_fields
        del fields[
            next(n for n, f in fields.items() if f"contact:{f.name}" == key and f.entity == 3)
        ]
        values = {"deal:title": ("Иной",), "contact:name": ("Анна",), key: ("x",)}
        assert (await refusal(cards.fill(values))).failure == NO_SUCH_FIELD
        assert (await refusal(cards.held(key))).failure == NO_SUCH_FIELD
        held = await cards.held("contact:name", "deal:title")
        assert held == {"contact:name": (DRAFT.name,), "deal:title": ("Диван",)}

    async def test_a_choice_that_was_taken_away_is_refused(self, bench: Bench) -> None:
        cards = await cards_on(bench)
        key = key_of(cards.catalogue, "enumeration")
        assert (await refusal(cards.fill({key: ("777",)}))).failure == NO_SUCH_FIELD

    @pytest.mark.parametrize(("name", "kind"), [("string", "date"), ("date", "moment")])
    async def test_a_field_that_became_another_type_is_refused(
        self, bench: Bench, name: str, kind: Any
    ) -> None:
        cards = await cards_on(bench)
        key = key_of(cards.catalogue, name)
        fields = tuple(
            replace(each, kind=kind) if f"{each.entity}:{each.id}" == key else each
            for each in cards.catalogue.fields
        )
        stale = replace(cards, catalogue=replace(cards.catalogue, fields=fields))
        assert (await refusal(stale.fill({key: ("не дата",)}))).failure == NO_SUCH_FIELD

    async def test_a_field_that_holds_several_now_is_refused(
        self, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        cards = await cards_on(bench)
        key = key_of(cards.catalogue, "MANY_string")
        await cards.fill({key: ("один",)})
        once = tuple(
            replace(f, multiple=False) if f"{f.entity}:{f.id}" == key else f
            for f in cards.catalogue.fields
        )
        stale = replace(cards, catalogue=replace(cards.catalogue, fields=once))
        assert (await refusal(stale.fill({key: ("два",)}))).failure == NO_SUCH_FIELD

    async def test_what_cannot_be_mapped_is_refused(self, bench: Bench) -> None:
        cards = await cards_on(bench)
        for kind in ELSEWHERE_KEPT:
            key = key_of(cards.catalogue, kind)
            assert (await refusal(cards.fill({key: ("1",)}))).failure == NO_SUCH_FIELD
        assert (await refusal(cards.fill({"tags": ("опт",)}))).failure == NO_SUCH_FIELD


async def test_values_that_stand_in_a_command_arrive_whole(bench: Bench) -> None:
    cards: Cards = await cards_on(bench)
    failure = (await refusal(replace(cards, record="1&id=2").held("contact:name"))).failure
    assert failure == Permanent(code="bitrix24.not_an_id", gone="record")
