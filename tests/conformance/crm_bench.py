"""A CRM on the test bench: what its module supplies, and what is said in every test."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from crm_clients.contract import Can, Crm, CrmManifest
from mappers.vocabulary import (
    Arrival,
    Direction,
    Entry,
    HttpCall,
    Identity,
    IdentityKind,
    Message,
    OpenedConversation,
    Opening,
    Origin,
    Parcel,
    Person,
    ProviderError,
    Reading,
    RecordDraft,
    Webhook,
)
from mappers.vocabulary.adapters import Door
from tests.port import NOON, LoopbackHttp

OURS, PHONE, EMAIL = "tg-100500", "+79151112233", "p@example.com"
DRAFT = RecordDraft(name="Пётр Клиент", phones=(PHONE,), emails=(EMAIL,))
PERSON = Person(
    identities=(
        Identity(kind=IdentityKind.CHANNEL_USER, value="telegram:100500", evidence="telegram.from"),
        Identity(kind=IdentityKind.PHONE, value=PHONE, evidence="telegram.contact_shared"),
    ),
    name="Пётр Клиент",
)
WORDS = "Когда привезут диван?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """A door with specimens of who comes through it.

    `sign` makes of a body what the provider would send; `forged` are calls that must be refused:
    each is `told` with one proof taken away or spoiled.
    """

    door: Door
    sign: Callable[[bytes], Webhook]
    told: bytes
    told_unknown: bytes
    forged: tuple[Webhook, ...]

    def parcels(self, body: bytes) -> tuple[Parcel, ...]:
        return self.door.receive(self.sign(body)).parcels


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One CRM on the test bench: adapter, emulator, and ways to act as its people.

    `faults_of_write` and `faults_of_create` map each way these calls can fail, in the emulator's
    words, to the kind of failure that it must become, in ours; `elsewhere` names the faults that
    neither meets. `arm` makes the next call of "write", "create", "task" or "bulk" meet a fault.
    `reply` lets an operator answer in our conversation without a hook and returns the CRM's id of
    the reply; `timeline` lists what our conversation says there, `felt` the reactions; `counts`
    tells how many records and deals there are; `delete_record` moves a record to the bin. `tasks`
    lists what employees were given to do: about what, the words, and for whom; `tags` are a deal's;
    `dismiss` makes a user one who has left; `is_writing` tells a call that changes cards. `calls`
    lists the phones of the calls on cards, `emails` the subjects of e-mails. `repeatable` names the
    calls, "log" besides those above, that may be made again when their answer was lost: no doubt is
    left of them.
    """

    manifest: CrmManifest
    config: BaseModel
    application: BaseModel | None
    http: LoopbackHttp
    entrances: tuple[Entrance, ...]
    faults_of_write: Mapping[str, str]
    faults_of_create: Mapping[str, str]
    elsewhere: frozenset[str]
    known_faults: frozenset[str]
    arm: Callable[[str, str], None]
    reply: Callable[[str, str], str]
    timeline: Callable[[str], list[str]]
    felt: Callable[[str], list[str]]
    counts: Callable[[], tuple[int, int]]
    delete_record: Callable[[str], None]
    tasks: Callable[[], list[tuple[str, str, str]]]
    tags: Callable[[str], list[str]]
    dismiss: Callable[[str], None]
    address: str
    secrets: tuple[str, ...] = field(default=(), repr=False)
    is_writing: Callable[[HttpCall], bool] = lambda call: call.method != "GET"
    calls: Callable[[], list[str]] = list
    emails: Callable[[], list[str]] = list
    repeatable: frozenset[str] = frozenset()

    def lost(self, call: str) -> str:
        """What kind of failure a lost answer of a call is."""
        return "transient" if call in self.repeatable else "ambiguous"

    @property
    def can(self) -> Can:
        return self.manifest.can_of(self.config)

    @property
    def crm(self) -> Crm:
        return self.manifest.build(self.config, self.application, self.http)

    def read(self, parcel: Parcel) -> Reading:
        return self.crm.read(arrival_of(parcel))

    def with_changes(self, changes: Mapping[str, Any]) -> "Bench":
        """The bench as it is once the hub has stored what an adapter asked it to keep."""
        config = self.manifest.config.model_validate({**self.config.model_dump(), **changes})
        return replace(self, config=config)

    async def entry(self, text: str = WORDS, *, key: str = "entry-1") -> Entry:
        """An entry in our conversation, which is opened for a record, which is created."""
        records = await self.crm.find_records(PERSON.identities[1])
        record = records[0].id if records else await self.crm.create_record(DRAFT, key="record-1")
        opened = await self.crm.open_conversation(an_opening(record))
        return an_entry(self, opened, record, text=text, key=key)

    def recently(self) -> datetime:
        return self.http.now() - timedelta(minutes=1)


def another(name: str) -> RecordDraft:
    """Somebody else: an earlier fault may have made a record after all."""
    return replace(DRAFT, emails=(f"{name}.{EMAIL}",))


def an_opening(record: str) -> Opening:
    return Opening(ours=OURS, record=record, person=PERSON)


def an_entry(
    bench: Bench, opened: OpenedConversation, record: str, *, text: str, key: str
) -> Entry:
    message = Message(
        origin=Origin("telegram", "7", f"100500:{key}"),
        conversation="100500",
        author="100500",
        direction=Direction.INBOUND,
        sent_at=bench.http.now(),
        text=text,
    )
    return Entry(
        key=key,
        conversation=opened,
        ours=OURS,
        record=record,
        person=PERSON,
        message=message,
        text=text,
    )


def arrival_of(parcel: Parcel) -> Arrival:
    return Arrival(body=parcel.body, form=parcel.form, received_at=NOON)


async def refusal(attempt: Awaitable[object]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await attempt
    return caught.value
