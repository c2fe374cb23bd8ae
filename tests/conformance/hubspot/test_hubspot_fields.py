"""HubSpot's catalogue and fields where they differ: types, lists, moves, what vanished."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from crm_clients.emulators.hubspot import HubSpotEmulator
from crm_clients.emulators.hubspot.model import User
from crm_clients.hubspot import HubSpotOnCards
from mappers.vocabulary import Catalogue, DealDraft, Permanent
from tests.conformance.crm_bench import DRAFT, refusal
from tests.conformance.crm_fields import Cards, every_value
from tests.conformance.hubspot_portal import ACME, ELSEWHERE_KEPT, TYPES, a_portal, by_key
from tests.conformance.mapped import a_document, written
from tests.port import LoopbackHttp

FIELDS = [f"{entity}.own_{name}" for entity in ("contact", "deal") for name in TYPES]
NO_SUCH_FIELD = Permanent(code="hubspot.no_such_field")


@pytest.fixture
async def portal() -> AsyncIterator[HubSpotEmulator]:
    async with a_portal() as emulator:
        yield emulator


@pytest.fixture
async def both(portal: HubSpotEmulator) -> AsyncIterator[tuple[HubSpotOnCards, LoopbackHttp]]:
    async with by_key(portal) as connected:
        yield connected


@pytest.fixture
def crm(both: tuple[HubSpotOnCards, LoopbackHttp]) -> HubSpotOnCards:
    return both[0]


@pytest.fixture
def http(both: tuple[HubSpotOnCards, LoopbackHttp]) -> LoopbackHttp:
    return both[1]


@pytest.fixture
async def cards(crm: HubSpotOnCards) -> Cards:
    return await cards_of(crm)


async def cards_of(crm: HubSpotOnCards) -> Cards:
    record = await crm.create_record(DRAFT, key="record-1")
    deal = await crm.create_deal(DealDraft(record=record, title="Диван"), key="deal-1")
    return Cards(crm, await crm.catalogue(), record, deal)


def held_by(portal: HubSpotEmulator, kind: str, number: str) -> dict[str, str]:
    """What a card holds, as the portal has it."""
    record = portal.world.portal(ACME).crm.record(kind, int(number))
    assert record is not None
    return record.properties


def a_user(number: int) -> User:
    return User(id=number, owner_id=number, name=f"Сотрудник {number}")


def without(catalogue: Catalogue, name: str) -> Catalogue:
    return replace(catalogue, fields=tuple(f for f in catalogue.fields if f.id != name))


class TestCatalogue:
    async def test_five_calls_read_it_and_more_owners_another(
        self, crm: HubSpotOnCards, http: LoopbackHttp, portal: HubSpotEmulator
    ) -> None:
        for number in range(118):
            user = portal.add_user(ACME, f"Сотрудник {number}")
            if number % 2:
                portal.dismiss(ACME, user.id)
        http.calls.clear()
        known = await crm.catalogue()
        assert [call.label.removeprefix("hubspot.") for call in http.calls] == [
            *("owners", "properties.contacts", "properties.deals", "pipelines.deals", "account")
        ]
        assert len(known.operators) == 61
        portal.world.portal(ACME).users |= {9000 + n: a_user(9000 + n) for n in range(40)}
        http.calls.clear()
        assert len((await crm.catalogue()).operators) == 101
        assert [call.label for call in http.calls][:2] == ["hubspot.owners"] * 2

    async def test_operators_go_by_what_replies_and_cards_name(self, crm: HubSpotOnCards) -> None:
        first, second = (await crm.catalogue()).operators
        assert (first.id, first.name, first.user) == ("A-2001", "Ольга Менеджер", "7001")
        assert (second.id, second.user) == ("A-2002", "7002")

    async def test_pipelines_have_their_stages_in_order(self, crm: HubSpotOnCards) -> None:
        first, second = (await crm.catalogue()).pipelines
        assert (first.id, first.title, first.is_main) == ("default", "Sales Pipeline", True)
        assert (second.id, second.is_main) == ("wholesale", False)
        assert second.stages == (("new", "Новая"), ("work", "В работе"), ("won", "Победа"))

    async def test_properties_have_labels_kinds_and_choices(self, crm: HubSpotOnCards) -> None:
        known = {each.id: each for each in (await crm.catalogue()).fields if each.entity == "deal"}
        chosen = known["own_select"]
        assert (chosen.title, chosen.kind, chosen.multiple) == ("Поле select", "choice", False)
        assert [label for _, label in chosen.choices] == ["Да", "Нет", "Может быть"]
        assert known["own_checkbox"].multiple
        assert known["createdate"].read_only
        assert (known["own_select"].code, known["description"].code) == ("", "description")
        for name in ELSEWHERE_KEPT:
            assert known[f"own_{name}"].kind == "other"
        words = {"dealname", "amount", "pipeline", "dealstage", "hubspot_owner_id"}
        assert not known.keys() & {*words, "threadline_key"}

    async def test_without_the_scope_there_are_no_owners_and_all_the_rest(
        self, portal: HubSpotEmulator
    ) -> None:
        granted = [f"crm.{part}.contacts.{way}" for part in ("objects", "schemas") for way in WAYS]
        granted += [each.replace("contacts", "deals") for each in granted]
        async with by_key(portal, granted=granted) as (crm, _):
            known = await crm.catalogue()
            assert known.operators == ()
            assert known.fields
            assert await crm.create_record(replace(DRAFT, responsible="7002"), key="r")

    async def test_the_zone_is_the_accounts_own(
        self, crm: HubSpotOnCards, portal: HubSpotEmulator
    ) -> None:
        portal.set_account(ACME, zone="Asia/Vladivostok")
        assert (await crm.catalogue()).zone == "Asia/Vladivostok"


WAYS = ("read", "write")


@pytest.mark.parametrize("seed", range(4))
async def test_a_document_applied_to_its_own_cards_changes_nothing(
    cards: Cards, http: LoopbackHttp, seed: int
) -> None:
    rng = random.Random(seed)
    for _ in range(4):
        document = a_document(rng, FIELDS)
        await written(cards, document)
        http.calls.clear()
        # A third phone has no place on a card.
        assert {key for key in await written(cards, document) if key != "contact:phone"} == set()


@pytest.mark.parametrize("case", ["deals", "tickets"])
async def test_what_is_written_to_any_property_is_read_back(
    portal: HubSpotEmulator, case: str
) -> None:
    async with by_key(portal, case=case) as (crm, http):
        cards = await cards_of(crm)
        values = every_value(cards.catalogue)
        if case == "tickets":
            assert (await refusal(cards.held("deal:price"))).failure == NO_SUCH_FIELD
            del values["deal:price"]
        before = await cards.held("contact:phone", "contact:email")
        http.calls.clear()
        await cards.fill(values)
        assert [call.method for call in http.calls] == ["GET", "GET", "GET", "PATCH", "PATCH"]
        held = await cards.held(*values)
        for key, wanted in values.items():
            assert held[key] == (*before.get(key, ()), *wanted), key


class TestValues:
    async def test_a_day_stays_that_day_and_a_moment_that_moment(
        self, cards: Cards, portal: HubSpotEmulator
    ) -> None:
        values = {
            "deal:own_date": ("2026-03-29",),
            "deal:own_datetime": ("2026-03-29T22:30:00+00:00",),
        }
        await cards.fill(values)
        assert await cards.held(*values) == values
        held = held_by(portal, "0-3", cards.deal)
        assert held["own_date"] == "2026-03-29"
        assert held["own_datetime"] == "2026-03-29T22:30:00.000Z"

    async def test_choices_are_appended_to_those_that_somebody_made(
        self, cards: Cards, portal: HubSpotEmulator
    ) -> None:
        portal.edit_record(ACME, "deals", int(cards.deal), {"own_checkbox": "Нет"})
        await cards.fill({"deal:own_checkbox": ("Да", "Нет")})
        assert held_by(portal, "0-3", cards.deal)["own_checkbox"] == "Нет;Да"

    async def test_a_choice_that_was_taken_away_is_refused(self, cards: Cards) -> None:
        failure = (await refusal(cards.fill({"deal:own_select": ("Никогда",)}))).failure
        assert isinstance(failure, Permanent)
        assert (failure.code, failure.gone) == (NO_SUCH_FIELD.code, "")
        assert "INVALID_OPTION" in failure.detail

    async def test_what_is_there_is_not_written_again(
        self, cards: Cards, http: LoopbackHttp
    ) -> None:
        values = {"contact:name": ("Анна Мария Петрова",), "contact:phone": ("8 915 111-22-33",)}
        await cards.fill(values)
        http.calls.clear()
        await cards.fill(values)
        assert [call.label for call in http.calls] == ["hubspot.contacts.get"]
        assert (await cards.held("contact:name"))["contact:name"] == ("Анна Мария Петрова",)

    async def test_nobody_who_left_becomes_responsible(
        self, cards: Cards, portal: HubSpotEmulator
    ) -> None:
        portal.dismiss(ACME, 2002)
        failure = (await refusal(cards.fill({"responsible": ("7002",)}))).failure
        assert (failure.code, getattr(failure, "gone", "")) == (
            *("hubspot.no_such_owner", "responsible"),
        )
        await cards.fill({"responsible": ("7001",)})
        assert await cards.held("responsible") == {"responsible": ("7001",)}


class TestAddresses:
    async def test_a_card_has_room_for_two_phones(self, cards: Cards) -> None:
        numbers = ("+79160000001", "+79160000002", "+79160000003")
        await cards.fill({"contact:phone": numbers})
        assert await cards.held("contact:phone") == {"contact:phone": (DRAFT.phones[0], numbers[0])}

    @pytest.mark.parametrize("writable", [True, False])
    async def test_other_emails_are_listed_where_the_portal_lets_us(
        self, cards: Cards, portal: HubSpotEmulator, writable: bool
    ) -> None:
        portal.switches.set("more_emails_writable", writable)
        fresh = ("second@example.com", "third@example.com")
        await cards.fill({"contact:email": fresh, "contact:name": ("Анна",)})
        held = await cards.held("contact:email", "contact:name")
        assert held["contact:email"] == (DRAFT.emails if not writable else (*DRAFT.emails, *fresh))
        assert held["contact:name"] == ("Анна",)

    async def test_an_address_of_somebody_else_is_refused(
        self, cards: Cards, crm: HubSpotOnCards
    ) -> None:
        other = replace(DRAFT, emails=("other@example.com",), phones=())
        await crm.create_record(other, key="record-2")
        failure = (await refusal(cards.fill({"contact:email": other.emails}))).failure
        assert failure.code == "hubspot.conflict"


class TestMoves:
    async def test_a_deal_in_another_pipeline_begins_at_its_first_stage(self, cards: Cards) -> None:
        await cards.fill({"pipeline": ("wholesale",)})
        assert await cards.held("pipeline", "stage") == {
            "pipeline": ("wholesale",),
            "stage": ("new",),
        }
        await cards.fill({"stage": ("work",)})
        await cards.fill({"pipeline": ("wholesale",)})
        assert await cards.held("stage") == {"stage": ("work",)}

    async def test_a_stage_of_another_pipeline_is_refused(self, cards: Cards) -> None:
        failure = (await refusal(cards.fill({"stage": ("work",)}))).failure
        assert failure.code == NO_SUCH_FIELD.code
        assert (await refusal(cards.fill({"pipeline": ("7",)}))).failure == NO_SUCH_FIELD


class TestWhatVanished:
    @pytest.mark.parametrize("answered", [True, False])
    async def test_a_property_that_is_gone_is_refused_and_nothing_is_written(
        self, cards: Cards, portal: HubSpotEmulator, answered: bool
    ) -> None:
        """It may be answered for as one that is empty."""
        known = portal.world.portal(ACME).crm.properties["0-1"]
        if answered:
            known["own_string"].archived_at = 1.0
        else:
            del known["own_string"]
            assert (await refusal(cards.held("contact:own_string"))).failure == NO_SUCH_FIELD
        values = {"contact:name": ("Анна",), "contact:own_string": ("x",), "deal:title": ("Иной",)}
        assert (await refusal(cards.fill(values))).failure.code == NO_SUCH_FIELD.code
        held = await cards.held("contact:name", "deal:title")
        assert held == {"contact:name": (DRAFT.name,), "deal:title": ("Диван",)}

    async def test_what_the_catalogue_does_not_have_is_refused(self, cards: Cards) -> None:
        stale = replace(cards, catalogue=without(cards.catalogue, "own_string"))
        for values in ({"deal:own_string": ("x",)}, {"tags": ("опт",)}):
            assert (await refusal(stale.fill(values))).failure == NO_SUCH_FIELD

    async def test_a_property_that_became_another_type_is_refused(self, cards: Cards) -> None:
        changed: dict[str, Any] = {"own_string": "date", "own_date": "moment"}
        fields = tuple(
            replace(each, kind=changed.get(each.id, each.kind)) for each in cards.catalogue.fields
        )
        stale = replace(cards, catalogue=replace(cards.catalogue, fields=fields))
        for name in changed:
            attempt = stale.fill({f"deal:{name}": ("не дата",)})
            assert (await refusal(attempt)).failure == NO_SUCH_FIELD

    async def test_what_cannot_be_mapped_or_changed_is_refused(self, cards: Cards) -> None:
        for name in (*(f"own_{each}" for each in ELSEWHERE_KEPT), "createdate"):
            assert (await refusal(cards.fill({f"deal:{name}": ("1",)}))).failure == NO_SUCH_FIELD

    @pytest.mark.parametrize("answers", [True, False])
    async def test_a_card_that_was_merged_away_is_gone(
        self, cards: Cards, portal: HubSpotEmulator, answers: bool
    ) -> None:
        portal.switches.set("merged_id_answers", answers)
        survivor = portal.add_contact(ACME, "Пётр Второй")
        portal.merge_records(ACME, survivor.id, int(cards.record))
        failure = (await refusal(cards.fill({"contact:name": ("Анна",)}))).failure
        assert getattr(failure, "gone", "") == "record"
        assert survivor.properties["firstname"] == "Пётр"


async def test_no_id_leads_elsewhere(cards: Cards) -> None:
    failure = (await refusal(replace(cards, record="1/../2").held("contact:name"))).failure
    assert failure == Permanent(code="hubspot.not_an_id", gone="record")
