"""The promises about fields that every CRM keeps which holds any."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from crm_clients.contract import Crm, HasCatalogue, HoldsFields
from mappers.mapping.targets import STANDARD
from mappers.vocabulary import Catalogue, DealDraft, Field, Permanent
from tests.conformance.crm_bench import DRAFT, Bench, refusal

TEXTS = {"phone": "+79160000001", "email": "second@example.com"}


@dataclass(frozen=True, slots=True)
class Cards:
    """A CRM that holds fields, its catalogue, and a record with a deal."""

    crm: HoldsFields
    catalogue: Catalogue
    record: str
    deal: str

    async def held(self, *keys: str) -> dict[str, tuple[str, ...]]:
        return dict(await self.crm.read_fields(self.record, self.deal, keys, self.catalogue))

    async def fill(self, values: Mapping[str, tuple[str, ...]]) -> None:
        await self.crm.write_fields(self.record, self.deal, values, self.catalogue)


async def cards_on(bench: Bench) -> Cards:
    crm: Crm = bench.crm
    if not (isinstance(crm, HoldsFields) and isinstance(crm, HasCatalogue)):
        pytest.skip("this CRM holds no fields")
    record = await crm.create_record(DRAFT, key="record-1")
    deal = await crm.create_deal(DealDraft(record=record, title="Диван"), key="deal-1")
    return Cards(crm, await crm.catalogue(), record, deal)


def a_value(field: Field) -> tuple[str, ...]:
    """Canonical values that the field can hold; everything that it offers when it is a list."""
    match field.kind:
        case "choice":
            every = tuple(choice for choice, _ in field.choices)
            return every if field.multiple else every[-1:]
        case "number":
            return ("1500",)
        case "boolean":
            return ("true",)
        case "date":
            return ("2026-03-29",)
        case "moment":
            return ("2026-03-29T21:30:00+00:00",)
        case _:
            return (TEXTS.get(field.code.casefold(), "https://example.com/х"),)


def every_value(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    listed = {(each.entity, each.code.casefold()) for each in catalogue.fields}
    standard = [each for each in STANDARD if (each.entity, each.code) not in listed]
    fields = [each for each in (*catalogue.fields, *standard) if each.kind != "other"]
    pipeline = catalogue.pipelines[-1]
    user = catalogue.operators[-1]
    writable = [each for each in fields if not each.read_only]
    tags = {"tags": ("реклама", "опт")} if catalogue.tagged else {}
    return {
        **{f"{each.entity}:{each.id}": a_value(each) for each in writable},
        **tags,
        "pipeline": (pipeline.id,),
        "stage": (pipeline.stages[1][0],),
        "responsible": (user.user or user.id,),
    }


class FieldPromises:
    async def test_what_is_written_to_a_field_is_read_back(self, bench: Bench) -> None:
        cards = await cards_on(bench)
        values = every_value(cards.catalogue)
        before = await cards.held(*values)
        await cards.fill(values)
        held = await cards.held(*values)
        lists = {f"{f.entity}:{f.id}" for f in (*cards.catalogue.fields, *STANDARD) if f.multiple}
        for key, wanted in values.items():
            assert held[key] == ((*before[key], *wanted) if key in lists else wanted), key

    async def test_writing_twice_changes_nothing(self, bench: Bench) -> None:
        cards = await cards_on(bench)
        values = every_value(cards.catalogue)
        await cards.fill(values)
        once = await cards.held(*values)
        await cards.fill(values)
        await cards.fill(once)
        assert await cards.held(*values) == once

    async def test_a_card_is_changed_with_one_call(self, bench: Bench) -> None:
        cards = await cards_on(bench)
        bench.http.calls.clear()
        await cards.fill(every_value(cards.catalogue))
        assert len([call for call in bench.http.calls if bench.is_writing(call)]) == 2
        bench.http.calls.clear()
        await cards.held(*every_value(cards.catalogue))
        assert len(bench.http.calls) <= 2

    async def test_a_list_keeps_what_somebody_added(self, bench: Bench) -> None:
        cards = await cards_on(bench)
        if cards.catalogue.tagged:
            for name in ("один", "два"):
                await cards.fill({"tags": (name,)})
            assert set((await cards.held("tags"))["tags"]) == {"один", "два"}
        listed = [f for f in cards.catalogue.fields if f.code.casefold() in TEXTS]
        reached = listed or [f for f in STANDARD if f.code in TEXTS]
        for each in reached:
            key, fresh = f"{each.entity}:{each.id}", TEXTS[each.code.casefold()]
            await cards.fill({key: (fresh,)})
            held = (await cards.held(key))[key]
            assert len(held) == 2
            assert fresh in held

    async def test_an_empty_field_has_no_values_and_no_deal_has_no_fields(
        self, bench: Bench
    ) -> None:
        cards = await cards_on(bench)
        own = [f for f in cards.catalogue.fields if not f.code]
        keys = [f"{f.entity}:{f.id}" for f in own if f.kind in {"date", "choice", "boolean"}]
        assert set((await cards.held(*keys)).values()) == {()}
        alone, before = replace(cards, deal=""), await cards.held("pipeline", "stage")
        await alone.fill({"tags": ("опт",), "pipeline": (cards.catalogue.pipelines[-1].id,)})
        assert await alone.held("tags", "pipeline") == {"tags": (), "pipeline": ()}
        assert await cards.held("pipeline", "stage") == before

    async def test_a_vanished_record_is_gone(self, bench: Bench) -> None:
        cards = await cards_on(bench)
        bench.delete_record(cards.record)
        for attempt in (cards.held("contact:name"), cards.fill({"contact:name": ("Анна",)})):
            failure = (await refusal(attempt)).failure
            assert isinstance(failure, Permanent)
            assert failure.gone == "record"

    async def test_an_unknown_field_is_refused_and_nothing_is_written(self, bench: Bench) -> None:
        cards = await cards_on(bench)
        unknown = Field(id="999999", title="?", entity="contact", type="text")
        stale = replace(cards.catalogue, fields=(*cards.catalogue.fields, unknown))
        values = {"contact:name": ("Анна",), "contact:999999": ("?",)}
        for each in (cards, replace(cards, catalogue=stale)):
            failure = (await refusal(each.fill(values))).failure
            assert isinstance(failure, Permanent)
            assert failure.gone == ""
        assert await cards.held("contact:name") == {"contact:name": (DRAFT.name,)}
