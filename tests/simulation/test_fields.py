"""Values of fields in virtual time: written in order, whatever happens at any moment."""

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

import pytest
import structlog

from mappers.vocabulary import (
    Catalogue,
    DeliveryKind,
    DeliveryState,
    Field,
    Permanent,
    ProviderError,
    Record,
    RecordDraft,
    Transient,
)
from middleware.simulation.life import ACTIONS, Action, Died
from middleware.simulation.loop import VirtualClock, run
from middleware.store.errors import StoreUnavailable
from tests.media_scene import Crm, Shop, open_shop

DOCUMENT = """\
version: 1
rules:
  - {target: contact.last, source: message.text, write: always}
  - {target: contact.first, source: message.text, write: once}
  - {target: contact.all, source: message.text}
  - {target: tags, const: Чат}
  - {target: task, const: Позвонить}
"""
CATALOGUE = Catalogue(
    fields=(
        Field(id="1", title="last", entity="contact", type="text"),
        Field(id="2", title="first", entity="contact", type="text"),
        Field(id="3", title="all", entity="contact", type="list", multiple=True),
    )
)
POINTS = range(20, 290, 9)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@dataclass
class Holding(Crm):
    """A CRM that holds fields, slow enough for something to happen on the way."""

    held: dict[str, tuple[str, ...]] = field(default_factory=dict)
    known: Catalogue = CATALOGUE
    writes: int = 0
    readings: int = 0
    answers: list[Permanent | Transient] = field(default_factory=list)

    async def get_record(self, record: str) -> Record:
        return Record(id=record)

    async def add_to_record(self, record: str, draft: RecordDraft) -> None:
        return None

    async def catalogue(self) -> Catalogue:
        self.readings += 1
        await self.clock.sleep(1)
        return self.known

    async def read_fields(
        self, record: str, deal: str, keys: Collection[str], catalogue: Catalogue
    ) -> Mapping[str, tuple[str, ...]]:
        del record, deal, catalogue
        await self.clock.sleep(0.1)
        return {key: self.held.get(key, ()) for key in keys}

    async def write_fields(
        self, record: str, deal: str, values: Mapping[str, tuple[str, ...]], catalogue: Catalogue
    ) -> None:
        del record, deal, catalogue
        await self.clock.sleep(0.1)
        if self.answers:
            raise ProviderError(self.answers.pop())
        self.held |= values
        self.writes += 1


async def a_shop(point: int | None = None, action: Action = "crash") -> tuple[Shop, Holding]:
    crm = Holding(VirtualClock())
    return await open_shop(point=point, action=action, crm=crm, mapping=DOCUMENT), crm


def owed(shop: Shop, kind: DeliveryKind) -> list[DeliveryState]:
    rows = shop.store.tables.deliveries.rows.values()
    return [each.state for each in rows if each.duty.kind is kind]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", POINTS)
def test_whatever_happens_at_any_moment_the_values_are_there_once(
    point: int, action: Action
) -> None:
    async def main() -> None:
        try:
            shop, crm = await a_shop(point, action)
        except (Died, StoreUnavailable):
            return
        await shop.say("100:1", "раз")
        await shop.after(1)
        await shop.say("100:22", "два")
        await shop.after(600)
        assert crm.held["contact:1"] == ("два",)
        assert crm.held["contact:2"] == ("раз",)
        assert crm.held["contact:3"] == ("раз", "два")
        assert [words for words, _ in shop.timeline()] == ["раз", "два"]
        assert owed(shop, DeliveryKind.WRITE_FIELDS) == [DeliveryState.DONE] * 2
        assert len(owed(shop, DeliveryKind.CREATE_TASK)) == 1

    run(main(), seed=point)


def test_the_points_reach_beyond_the_writing() -> None:
    async def main() -> None:
        shop, crm = await a_shop()
        await shop.say("100:1", "раз")
        while not crm.writes:
            await shop.after(0.5)
        assert shop.hub.life.points < POINTS[-1]

    run(main(), seed=0)


def test_once_is_once_although_somebody_empties_it() -> None:
    async def main() -> None:
        shop, crm = await a_shop()
        await shop.say("100:1", "раз")
        await shop.after(20)
        crm.held["contact:2"] = ()
        await shop.say("100:22", "два")
        await shop.after(20)
        assert (crm.held["contact:1"], crm.held["contact:2"]) == (("два",), ())

    run(main(), seed=0)


def test_a_refused_value_has_the_catalogue_read_anew_once() -> None:
    async def main() -> None:
        shop, crm = await a_shop()
        await shop.say("100:1", "раз")
        await shop.after(20)
        crm.answers = [Permanent(code="crm.refused")]
        crm.known = Catalogue(fields=CATALOGUE.fields, tags=("Чат",))
        await shop.say("100:22", "два")
        await shop.after(20)
        assert crm.readings == 2
        assert owed(shop, DeliveryKind.WRITE_FIELDS) == [DeliveryState.DONE] * 2
        assert crm.held["contact:1"] == ("два",)

    run(main(), seed=0)


def test_a_field_that_is_gone_holds_up_no_word_and_no_other_value() -> None:
    async def main() -> None:
        shop, crm = await a_shop()
        crm.known = Catalogue(fields=CATALOGUE.fields[1:])
        for number in range(1, 6):
            await shop.say(f"100:{number}", f"слово {number}")
        await shop.after(20)
        assert len(shop.timeline()) == 5
        assert owed(shop, DeliveryKind.WRITE_FIELDS) == [DeliveryState.DEAD] * 5
        rows = shop.store.tables.deliveries.rows.values()
        lost = [each for each in rows if each.duty.kind is DeliveryKind.WRITE_FIELDS]
        assert {each.code for each in lost} == {"hub.field_gone"}
        assert all(each.detail["missing"] == ["contact.last"] for each in lost)
        assert len(crm.held["contact:3"]) == 5
        assert crm.readings <= 3

    run(main(), seed=0)


def test_what_was_planned_with_an_older_version_is_tried_with_the_one_in_force() -> None:
    async def main() -> None:
        shop, crm = await a_shop()
        crm.known = Catalogue(fields=CATALOGUE.fields[1:])
        await shop.say("100:1", "раз")
        while not owed(shop, DeliveryKind.WRITE_FIELDS):
            await shop.clock.sleep(0.01)
        (route,) = shop.store.tables.routes.rows.values()
        assert route.mapping is not None
        newer = replace(route.mapping, version=2)
        shop.store.add_mapping(newer, "fields", DOCUMENT.replace("contact.last", "contact.first"))
        shop.store.add_route(replace(route, mapping=newer))
        await shop.after(20)
        assert owed(shop, DeliveryKind.WRITE_FIELDS) == [DeliveryState.DONE]
        assert crm.held["contact:2"] == ("раз",)
        assert len(owed(shop, DeliveryKind.CREATE_TASK)) == 1

    run(main(), seed=0)
