"""A rehearsal has exactly the adapter's abilities, reads through it and writes nothing."""

import inspect
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

import channel_clients.contract
import crm_clients.contract
import mappers.vocabulary.adapters
from channel_clients.contract import Can as ChannelCan
from channel_clients.contract import Edits
from crm_clients.contract import Can as CrmCan
from crm_clients.contract import CreatesTasks, EditsEntries, HasCatalogue, HoldsFields
from mappers.vocabulary import (
    Catalogue,
    ConnectionId,
    DealDraft,
    Field,
    Identity,
    IdentityKind,
    Outgoing,
    Pipeline,
    Record,
    RecordDraft,
    TaskDraft,
    WorkspaceId,
)
from mappers.vocabulary.adapters import FetchesFiles
from middleware.connections.model import Connected, ConnectedChannel, ConnectedCrm
from middleware.outbox.effects import Effect, Rehearsed, Script, effects_of
from middleware.outbox.stand_ins import CONTACT, DEAL, OF_CHANNELS, OF_CRMS, rehearsed

SHOP = Catalogue(
    fields=(
        Field(id="1", title="Город", entity="contact", type="text"),
        Field(id="2", title="Телефон", entity="contact", type="multitext", code="PHONE"),
    ),
    pipelines=(Pipeline(id="10", title="Продажи", stages=(("11", "Новая"),), is_main=True),),
)
NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
# What no delivery uses: setting an account up, listening to it, renewing its credentials, and what
# is ready for channels to come.
OF_NO_DELIVERY = {
    *("SetsUp", "Diagnoses", "Polls", "RefreshesCredentials", "Recovers", "KnowsItsSetUp"),
    *("WritesCalls", "WritesEmails", "FinishesJoining"),
}
CONTRACTS = (channel_clients.contract, crm_clients.contract, mappers.vocabulary.adapters)


def abilities() -> Iterator[Any]:
    """Every optional ability that some contract knows."""
    for contract in CONTRACTS:
        for _, each in inspect.getmembers(contract, inspect.isclass):
            if each.__module__ == contract.__name__ and getattr(
                each, "_is_runtime_protocol", False
            ):
                yield each


def methods_of(ability: Any) -> list[str]:
    return [name for name in vars(ability) if not name.startswith("_")]


class Bare:
    """An adapter that answers everything with nothing, and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    async def answer(self, name: str, *given: Any) -> Any:
        self.asked.append((name, given))
        return self.answers.get(name, ())

    async def find_records(self, identity: Identity) -> Any:
        return await self.answer("find_records", identity)

    async def get_record(self, record: str) -> Any:
        return await self.answer("get_record", record)


class WithFields(Bare):
    async def read_fields(
        self, record: str, deal: str, keys: Collection[str], catalogue: Catalogue
    ) -> Mapping[str, tuple[str, ...]]:
        del catalogue
        await self.answer("read_fields", record, deal, tuple(keys))
        return dict.fromkeys(keys, ("was",))

    async def write_fields(
        self, record: str, deal: str, values: Mapping[str, tuple[str, ...]], catalogue: Catalogue
    ) -> None:
        raise AssertionError("nothing is written")


def able(*had: Any) -> Any:
    """An adapter with these abilities and no others."""
    methods = {name: Bare.answer for ability in had for name in methods_of(ability)}
    return type("Able", (Bare,), methods)()


def connected(adapter: Any, *, crm: bool = True) -> Connected:
    kind: Any = ConnectedCrm if crm else ConnectedChannel
    can = CrmCan(text_limit=100) if crm else ChannelCan(text_limit=100)
    made: Connected = kind(
        id=ConnectionId(UUID(int=1)),
        workspace=WorkspaceId(UUID(int=2)),
        provider="any",
        account="1",
        title="Any",
        adapter=adapter,
        can=can,
    )
    return made


def on_stage(adapter: Any, *, crm: bool = True) -> tuple[Any, Script]:
    script = Script()
    return rehearsed(connected(adapter, crm=crm), script).adapter, script


def test_every_ability_of_the_contracts_is_rehearsed_or_used_by_no_delivery() -> None:
    known = {each.__name__ for each in (*OF_CRMS, *OF_CHANNELS)}
    assert {each.__name__ for each in abilities()} == known | OF_NO_DELIVERY


@pytest.mark.parametrize("ability", [*OF_CRMS, *OF_CHANNELS])
def test_an_ability_is_had_exactly_when_the_adapter_has_it(ability: Any) -> None:
    crm = ability in OF_CRMS
    among = OF_CRMS if crm else OF_CHANNELS
    having, _ = on_stage(able(ability), crm=crm)
    assert [each for each in among if isinstance(having, each)] == [ability]
    lacking, _ = on_stage(able(*(each for each in among if each is not ability)), crm=crm)
    assert not isinstance(lacking, ability)


@pytest.mark.parametrize("ability", [FetchesFiles, HasCatalogue, EditsEntries, Edits])
def test_nothing_else_is_had(ability: Any) -> None:
    bare, _ = on_stage(able(), crm=ability is not Edits)
    assert not isinstance(bare, ability)


async def test_what_reads_is_asked_of_the_provider() -> None:
    phone = Identity(kind=IdentityKind.PHONE, value="+79161112233", evidence="said")
    there = Record(id="7", phones=("+79161112233",))
    adapter = Bare(find_records=(there,))
    stage, script = on_stage(adapter)
    assert await stage.find_records(phone) == (there,)
    assert adapter.asked == [("find_records", (phone,))]
    assert list(script) == []


async def test_what_would_be_made_stands_in_for_what_comes_after() -> None:
    stage, script = on_stage(Bare())
    record = await stage.create_record(RecordDraft(name="Нина"), key="tl-1")
    assert await stage.find_deals(record) == ()
    deal = await stage.create_deal(DealDraft(record=record, title="Нина"), key="tl-2")
    assert (record, deal) == (CONTACT, DEAL)
    assert (await stage.get_record(record)).id == record
    assert stage.adapter.asked == []
    assert [(line.step, line.target, line.name, line.after) for line in script] == [
        ("create_record", CONTACT, "name", ("Нина",)),
        ("create_deal", DEAL, "record", (CONTACT,)),
        ("create_deal", DEAL, "title", ("Нина",)),
    ]


async def test_phones_are_shown_as_they_are_and_as_they_would_be() -> None:
    there = Record(id="7", phones=("+7 1",), emails=("a@b.c",))
    stage, script = on_stage(Bare(get_record=there))
    await stage.add_to_record("7", RecordDraft(name="", phones=("+7 2",)))
    (line,) = script
    assert (line.name, line.before, line.after) == ("phones", ("+7 1",), ("+7 1", "+7 2"))


async def test_fields_are_shown_as_they_are_and_as_they_would_be() -> None:
    adapter = WithFields()
    stage, script = on_stage(adapter)
    assert isinstance(stage, HoldsFields)
    values = {"contact:1": ("is",), "stage": ("last",)}
    await stage.write_fields("7", DEAL, values, SHOP)
    assert adapter.asked == [("read_fields", ("7", "", ("contact:1",)))]
    assert [(line.target, line.name, line.before, line.after) for line in script] == [
        ("7", "contact.Город", ("was",), ("is",)),
        (DEAL, "stage", (), ("last",)),
    ]
    assert await stage.read_fields("7", DEAL, ("contact:1", "stage"), SHOP) == values


async def test_what_was_just_made_or_completed_holds_what_was_said_of_it() -> None:
    stage, _ = on_stage(WithFields(get_record=Record(id="7")))
    card = await stage.create_record(RecordDraft(name="Нина", phones=("+71",)), key="tl-1")
    deal = await stage.create_deal(DealDraft(record=card, title="Нина"), key="tl-2")
    await stage.add_to_record("7", RecordDraft(name="", phones=("+72",)))
    keys = ("contact:2", "contact:name", "deal:title", "pipeline", "stage", "tags")
    assert await stage.read_fields(card, deal, keys, SHOP) == {
        "contact:2": ("+71",),
        "contact:name": ("Нина",),
        "deal:title": ("Нина",),
        "pipeline": ("10",),
        "stage": ("11",),
        "tags": (),
    }
    assert await stage.read_fields("7", "", ("contact:2",), SHOP) == {"contact:2": ("was", "+72")}


async def test_a_task_is_shown_on_what_it_is_about() -> None:
    stage, script = on_stage(able(CreatesTasks))
    await stage.create_task(TaskDraft(record="7", text="Позвонить", due_at=NOON), key="tl-1")
    assert {(line.target, line.name) for line in script} == {("7", "text"), ("7", "due_at")}


async def test_a_channel_says_nothing_to_anybody() -> None:
    stage, script = on_stage(able(Edits), crm=False)
    said = Outgoing(key="tl-1", conversation="100", text="Завтра", quoted="5")
    await stage.send(said)
    await stage.edit("9", replace(said, quoted=""))
    assert [(line.step, line.target, line.name, line.after) for line in script] == [
        ("send", "100", "text", ("Завтра",)),
        ("send", "100", "quoted", ("5",)),
        ("edit", "9", "text", ("Завтра",)),
    ]


def test_a_line_is_kept_and_read_and_keeps_words_to_itself() -> None:
    line = Effect(step="write", target="1", name="text", before=("было",), after=("стало",))
    assert effects_of([line.row()]) == (line,)
    assert "стало" not in repr(Rehearsed((line,)))
    assert "было" not in repr(line)
