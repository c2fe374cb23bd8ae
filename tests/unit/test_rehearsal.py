"""What a delivery would do, told step by step on a CRM that answers and is not written to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from crm_clients.contract import Can
from mappers.vocabulary import (
    ConnectionId,
    ContactId,
    ConversationId,
    Deal,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    Direction,
    Identity,
    IdentityKind,
    Message,
    MessageId,
    OpenedConversation,
    Origin,
    Permanent,
    Person,
    ProviderError,
    Record,
    Transient,
    WorkspaceId,
)
from middleware.clock import SystemClock
from middleware.connections.model import ConnectedCrm
from middleware.fields.catalogues import Catalogues
from middleware.media.flow import Shelf
from middleware.operations.rules import masked_effect
from middleware.outbox.effects import Effect, Rehearsed
from middleware.outbox.perform import Means
from middleware.outbox.rehearsal import rehearse
from middleware.outbox.words import Words
from middleware.simulation.media import MemoryMedia
from middleware.store.duties import Job
from middleware.store.policy import Policy
from middleware.store.rows import ConversationRow, DealRow, LinkRow, OpenedRow

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
SOMEBODY, CHAT = ContactId(UUID(int=5)), ConversationId(UUID(int=6))
CRM, BOT = ConnectionId(UUID(int=1)), ConnectionId(UUID(int=2))
WORKSPACE = WorkspaceId(UUID(int=3))
DRY = Policy(dry_run=True)
LINKED = LinkRow(record="7", live=True, evidence="phone.verified")
OPENED = OpenedRow(
    opened=OpenedConversation(id="chat-7"), ours="telegram:1:100", record="7", opened_at=NOON
)
OPEN_DEAL = DealRow(deal="9", record="7", state="open", seen_at=NOON)


class Answers:
    """A CRM that knows these cards and deals. It has nothing that writes."""

    def __init__(self, *records: str, deals: tuple[Deal, ...] = (), failure: Any = None) -> None:
        self.records, self.deals, self.failure = records, deals, failure

    async def find_records(self, _: Identity) -> tuple[Record, ...]:
        return ()

    async def get_record(self, record: str) -> Record | None:
        if self.failure is not None:
            raise ProviderError(self.failure)
        return Record(id=record) if record in self.records else None

    async def find_survivor(self, record: str, conversations: Any) -> str | None:
        del record
        return "8" if "chat-7" in conversations and "8" in self.records else None

    async def find_deals(self, record: str) -> tuple[Deal, ...]:
        if record not in self.records:
            raise ProviderError(Permanent(code="gone", gone="record"))
        return self.deals


def means() -> Means:
    return Means(
        words=Words(lambda subject: subject),
        shelf=Shelf(MemoryMedia(), lambda *_: "", 1000),
        catalogues=Catalogues(SystemClock()),
    )


def a_job(kind: DeliveryKind = DeliveryKind.WRITE, **changes: Any) -> Job:
    said = Message(
        origin=Origin("telegram", "1", "100:1"),
        conversation="100",
        author="100",
        direction=Direction.INBOUND,
        sent_at=NOON,
        text="Алло?",
    )
    channel_user = Identity(kind=IdentityKind.CHANNEL_USER, value="telegram:100", evidence="said")
    values: dict[str, Any] = {
        "id": DeliveryId(UUID(int=4)),
        "lane": 1,
        "seq": 1,
        "subject": UUID(int=8),
        "part": 0,
        "revision": 0,
        "was": DeliveryState.READY,
        "attempts": 1,
        "failures": 0,
        "policy": Policy(),
        "detail": {},
        "message": said,
        "message_id": MessageId(UUID(int=8)),
        "contact": SOMEBODY,
        "person": Person(identities=(channel_user,), name="Нина"),
        "ours": "telegram:1:100",
        **dict.fromkeys(("called_at", "taken_at", "created_at"), NOON),
        **changes,
    }
    chat = ConversationRow(
        id=CHAT, workspace=WORKSPACE, connection=BOT, external="100", contact=SOMEBODY
    )
    return Job(workspace=WORKSPACE, target=CRM, kind=kind, conversation=chat, **values)


async def told(job: Job, crm: Answers, deal: DealRow | None = None, *then: Job) -> Rehearsed:
    adapter: Any = crm
    to = ConnectedCrm(
        id=CRM,
        workspace=WORKSPACE,
        provider="any",
        account="1",
        title="Any",
        adapter=adapter,
        can=Can(text_limit=100),
    )
    deals = () if deal is None else (deal,)
    known = [replace(each, deals=deals) for each in (job, *then)]
    return await rehearse(known[0], to, means(), known[1:])


def steps(rehearsed: Rehearsed) -> list[tuple[str, str]]:
    return list(dict.fromkeys((line.step, line.target) for line in rehearsed.effects))


async def test_what_is_known_is_written_to_and_nothing_is_made_before() -> None:
    found = await told(a_job(link=LINKED, opened=OPENED), Answers("7"))
    assert steps(found) == [("write", "chat-7")]


@pytest.mark.parametrize(
    ("deals", "first"),
    [
        ((), [("create_deal", "new:deal")]),
        ((Deal(id="9", state="open"),), []),
        ((Deal(id="9", state="lost"),), [("create_deal", "new:deal")]),
    ],
)
async def test_on_a_dry_route_a_deal_is_looked_for_first(
    deals: tuple[Deal, ...], first: list[tuple[str, str]]
) -> None:
    """As it would have been owed before the message, had the route been live."""
    job = a_job(link=LINKED, opened=OPENED, policy=DRY)
    assert steps(await told(job, Answers("7", deals=deals))) == [*first, ("write", "chat-7")]


@pytest.mark.parametrize(("age", "looked"), [(timedelta(), False), (timedelta(hours=2), True)])
async def test_a_deal_seen_lately_is_believed(age: timedelta, *, looked: bool) -> None:
    job = a_job(link=LINKED, opened=OPENED, policy=DRY)
    found = await told(job, Answers("7"), replace(OPEN_DEAL, seen_at=NOON - age))
    assert (("create_deal", "new:deal") in steps(found)) is looked


async def test_a_card_that_is_gone_is_followed_to_its_survivor() -> None:
    """The chat has to be given to the survivor's card, and so has a deal."""
    job = a_job(DeliveryKind.ENSURE_DEAL, link=LINKED, opened=OPENED, peers=("chat-7",))
    found = await told(job, Answers("8"))
    assert steps(found) == [("create_deal", "new:deal")]
    assert [line.after for line in found.effects if line.name == "record"] == [("8",)]


async def test_nothing_of_a_way_that_leads_nowhere_is_told() -> None:
    job = a_job(link=replace(LINKED, record="6"), policy=DRY)
    found = await told(job, Answers())
    assert steps(found) == [
        ("create_record", "new:contact"),
        ("create_deal", "new:deal"),
        ("open_conversation", "telegram:1:100"),
        ("write", "new:conversation"),
    ]


async def test_what_waits_knows_what_would_be_made_before_it() -> None:
    contact = a_job(DeliveryKind.ENSURE_CONTACT, message=None, message_id=None)
    opening = a_job(DeliveryKind.OPEN_CONVERSATION, message=None, message_id=None)
    found = await told(contact, Answers(), None, opening, a_job())
    assert steps(found) == [
        ("create_record", "new:contact"),
        ("open_conversation", "telegram:1:100"),
        ("write", "new:conversation"),
    ]


async def test_what_waits_and_would_be_refused_says_so_and_hides_nothing() -> None:
    contact = a_job(DeliveryKind.ENSURE_CONTACT, message=None, message_id=None)
    tied = replace(OPENED, record="new:contact")
    found = await told(contact, Answers(), None, a_job(message=None, opened=tied))
    assert steps(found) == [("create_record", "new:contact")]
    assert found.why == "write would be refused (hub.message_erased)"


@pytest.mark.parametrize("kind", [DeliveryKind.FETCH_FILE, DeliveryKind.READ_HISTORY])
async def test_what_only_reads_changes_nothing(kind: DeliveryKind) -> None:
    found = await told(a_job(kind), Answers())
    assert (found.effects, found.why) == ((), "it only reads")


async def test_a_crm_that_cannot_be_asked_is_no_answer() -> None:
    crm = Answers("7", failure=Transient(code="http.503"))
    with pytest.raises(ProviderError):
        await told(a_job(DeliveryKind.ENSURE_CONTACT, link=LINKED), crm)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("text", "Алло?", "А•••?"),
        ("phones", "+79161112233", "+7•••33"),
        ("emails", "p@example.com", "p•••@e•••.com"),
        ("contact.Город", "Тверь", "Т••••"),
        ("pipeline", "4711", "4711"),
        ("sort", "image, image/jpeg, 3004 bytes", "image, image/jpeg, 3004 bytes"),
        ("record", "new:contact", "new:contact"),
    ],
)
def test_what_is_a_customers_is_hidden_before_and_after(name: str, value: str, shown: str) -> None:
    line = Effect(step="write", target="+79161112233", name=name, before=(value,), after=(value,))
    hidden = masked_effect(line)
    assert (hidden.before, hidden.after, hidden.target) == ((shown,), (shown,), "+7•••33")
