"""Mappings on amoCRM's own cards: applied to their result, they change nothing."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crm_clients.amocrm import AmoCrm
from crm_clients.emulators.amocrm import AmoCrmEmulator
from mappers.vocabulary import Catalogue
from tests.conformance.amocrm_scene import ACME, TYPES, adapter_of, an_emulator, on_the_bench
from tests.conformance.crm_bench import Bench, refusal
from tests.conformance.crm_fields import cards_on
from tests.conformance.mapped import a_document, written

FIELDS = [f"{entity}.{kind}" for entity in ("contact", "deal") for kind in TYPES]


@pytest.fixture
async def emulator() -> AsyncIterator[AmoCrmEmulator]:
    async with an_emulator() as emulator:
        yield emulator


@pytest.fixture
async def bench(emulator: AmoCrmEmulator) -> AsyncIterator[Bench]:
    async with on_the_bench(emulator) as bench:
        yield bench


@pytest.mark.parametrize("seed", range(12))
async def test_a_document_applied_to_its_own_cards_changes_nothing(bench: Bench, seed: int) -> None:
    rng = random.Random(seed)
    cards = await cards_on(bench)
    for _ in range(4):
        document = a_document(rng, FIELDS)
        await written(cards, document)
        again = await written(cards, document)
        # A price has no kopecks, so one with kopecks is never held.
        assert {key for key in again if key != "deal:price"} == set()


async def test_a_day_begins_when_the_accounts_day_does(
    bench: Bench, emulator: AmoCrmEmulator
) -> None:
    cards = await cards_on(bench)
    for zone in ("Europe/Berlin", "America/New_York", "Asia/Vladivostok"):
        there = replace(cards, catalogue=replace(cards.catalogue, zone=zone))
        key = next(f"deal:{f.id}" for f in there.catalogue.fields if key_of(f) == ("deal", "date"))
        await there.fill({key: ("2026-03-29",)})
        assert await there.held(key) == {key: ("2026-03-29",)}
        (lead,) = emulator.leads(ACME)
        (held,) = [f["values"][0]["value"] for f in lead["custom_fields_values"][-1:]]
        assert datetime.fromtimestamp(held, ZoneInfo(zone)).isoformat()[:16] == "2026-03-29T00:00"


def key_of(field: Any) -> tuple[str, str]:
    return field.entity, field.type


async def test_a_field_that_became_another_type_is_refused_before_anything_is_written(
    bench: Bench,
) -> None:
    cards = await cards_on(bench)
    fields = tuple(
        replace(each, type="date", kind="date") if each.type == "text" else each
        for each in cards.catalogue.fields
    )
    stale = Catalogue(fields=fields, zone="UTC")
    text = next(f"deal:{f.id}" for f in fields if key_of(f) == ("deal", "date"))
    crm: AmoCrm = adapter_of(bench)
    values = {"contact:name": ("Анна",), text: ("не дата",)}
    failure = (await refusal(crm.write_fields(cards.record, cards.deal, values, stale))).failure
    assert failure.code == "amocrm.no_such_field"
    assert await cards.held("contact:name") != {"contact:name": ("Анна",)}
