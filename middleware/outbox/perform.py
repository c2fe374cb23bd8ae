"""One attempt at one delivery: which of the adapter's abilities it is, and how it is asked about.

`perform` makes the calls, `find` settles a doubt. Neither decides what a failure means, nor
records anything; both raise `ProviderError`.
"""

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from channel_clients.contract import Probing as ProbingChannel
from channel_clients.contract import Reacts, ShowsTyping
from crm_clients.contract import (
    CreatesTasks,
    Crm,
    EditsEntries,
    HasCatalogue,
    KnowsSources,
    MarksDeletions,
    ReadsHistory,
    ShowsReactions,
    TakesRemarks,
)
from mappers.vocabulary import (
    DeliveryKind,
    OpenedConversation,
    Opening,
    Operator,
    Outgoing,
    Parcel,
    Permanent,
    ProviderError,
    Receipt,
    Remark,
    Source,
    Status,
    StatusReport,
)
from middleware.connections.model import Connected, ConnectedChannel, ConnectedCrm
from middleware.fields.ability import can_fill
from middleware.fields.catalogues import Catalogues
from middleware.fields.flow import FieldsWritten, write_fields
from middleware.identity.flow import (
    ContactEnsured,
    DealEnsured,
    ensure_contact,
    ensure_deal,
    find_ensured_contact,
    find_ensured_deal,
)
from middleware.media.flow import Shelf
from middleware.outbox import beneath, todo
from middleware.outbox.bulk import Bulk
from middleware.outbox.correcting import Corrected, Declined, edit_reply, take_back
from middleware.outbox.drafts import (
    as_typed,
    entry,
    external_of,
    message_of,
    opened_of,
    outgoing,
    person_of,
    reaction,
    says_newest,
)
from middleware.outbox.effects import Rehearsed
from middleware.outbox.words import Words, remark_of
from middleware.pipeline.deals import deal_with
from middleware.store.duties import Job
from middleware.store.rows import FileRow

REPEATABLE = frozenset(
    {
        DeliveryKind.EDIT,
        DeliveryKind.DELETE,
        DeliveryKind.OPEN_CONVERSATION,
        DeliveryKind.WRITE_EDIT,
        DeliveryKind.WRITE_DELETE,
        DeliveryKind.WRITE_REACTION,
        DeliveryKind.REACT,
        DeliveryKind.REPORT,
        DeliveryKind.REMARK,
        DeliveryKind.READ_HISTORY,
        DeliveryKind.READ_OPERATORS,
        DeliveryKind.FETCH_FILE,
        DeliveryKind.KEEP_SOURCE,
        DeliveryKind.WRITE_FIELDS,
        DeliveryKind.SHOW_TYPING,
    }
)
HISTORY_MARGIN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What an attempt needs beside its delivery and the connection it goes to."""

    words: Words
    shelf: Shelf
    catalogues: Catalogues


@dataclass(frozen=True, slots=True)
class Accepted:
    """A provider took a message and gave it a name.

    `said` is the revision in which a reply was said, when not as it was typed first.
    """

    receipt: Receipt
    said: int = -1


@dataclass(frozen=True, slots=True)
class Nothing:
    """There was nothing to do, or nothing to remember; `why` is for the trace."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class ConversationOpened:
    opened: OpenedConversation
    record: str


@dataclass(frozen=True, slots=True)
class HistoryFetched:
    parcels: tuple[Parcel, ...]


@dataclass(frozen=True, slots=True)
class OperatorsRead:
    operators: tuple[Operator, ...]


@dataclass(frozen=True, slots=True)
class FileFetched:
    file: FileRow


@dataclass(frozen=True, slots=True)
class TaskMade:
    task: str


Result: TypeAlias = (
    Accepted
    | Nothing
    | ContactEnsured
    | DealEnsured
    | ConversationOpened
    | HistoryFetched
    | OperatorsRead
    | FileFetched
    | FieldsWritten
    | Rehearsed
    | TaskMade
    | Corrected
    | Declined
)


def is_repeatable(job: Job, to: Connected) -> bool:
    """Say whether doing it twice does no harm, so that nothing about it can be in doubt."""
    if job.kind in REPEATABLE:
        return not beneath.is_meant(job, to)
    return isinstance(to, ConnectedChannel) and to.can.repeatable


def can_find(job: Job, to: Connected) -> bool:
    """Say whether the provider can be asked if it has been done."""
    if isinstance(to, ConnectedCrm):
        return True
    return job.kind is DeliveryKind.SEND and isinstance(to.adapter, ProbingChannel)


async def perform(job: Job, to: Connected, means: Means, bulk: Bulk | None = None) -> Result:
    """Do it; entries go by `bulk` where there is one. Raises: `ProviderError`."""
    if job.superseded:
        return Nothing("superseded")
    if job.kind is DeliveryKind.FETCH_FILE:
        return FileFetched(await means.shelf.fetch(message_of(job), job, to.adapter))
    match to:
        case ConnectedCrm(adapter=crm) if job.kind is DeliveryKind.WRITE_FIELDS and can_fill(crm):
            return await write_fields(crm, job, to, means.catalogues)
        case ConnectedChannel():
            return await _tell_channel(job, to, means.shelf)
        case ConnectedCrm():
            return await _tell_crm(job, to, means, bulk)
        case _:
            assert_never(to)


async def find(job: Job, to: Connected, means: Means) -> Result | None:
    """Ask whether it was done. Raises: `ProviderError`."""
    match to:
        case ConnectedChannel(adapter=ProbingChannel() as channel) if job.kind is DeliveryKind.SEND:
            what = outgoing(job, to, means.shelf) or as_typed(job, to, means.shelf)
            receipt = await channel.find(what, job.called_at)
            return None if receipt is None else Accepted(receipt)
        case ConnectedCrm(adapter=crm) if job.kind is DeliveryKind.ENSURE_CONTACT:
            return await find_ensured_contact(crm, job)
        case ConnectedCrm(adapter=crm) if job.kind is DeliveryKind.ENSURE_DEAL:
            return await find_ensured_deal(crm, job)
        case ConnectedCrm(adapter=CreatesTasks() as crm) if job.kind is DeliveryKind.CREATE_TASK:
            task = await todo.find(crm, job, to, means.catalogues)
            return None if task is None else TaskMade(task)
        case ConnectedCrm() if job.kind is DeliveryKind.WRITE and job.opened is None:
            return None
        case ConnectedCrm(adapter=crm) if job.kind is DeliveryKind.WRITE:
            receipt = await crm.find_entry(entry(job, to, means.shelf), job.called_at)
            return None if receipt is None else Accepted(receipt)
        case ConnectedCrm() if beneath.is_meant(job, to):
            return Nothing() if await beneath.was_said(job, to, means.shelf) else None
        case _:
            raise ProviderError(Permanent(code="hub.cannot_ask"))


async def _tell_channel(job: Job, to: ConnectedChannel, shelf: Shelf) -> Result:
    adapter = to.adapter
    match job.kind:
        case DeliveryKind.SEND:
            return await _send(job, to, shelf)
        case DeliveryKind.REFUSE:
            notice = Outgoing(
                key=job.key, conversation=external_of(job), text=str(job.detail["notice"])
            )
            return Accepted(await adapter.send(notice))
        case DeliveryKind.EDIT if job.spoken:
            return await edit_reply(job, to, shelf)
        case DeliveryKind.DELETE:
            return await take_back(job, to)
        case DeliveryKind.SHOW_TYPING if isinstance(adapter, ShowsTyping):
            if datetime.fromisoformat(str(job.detail["until"])) <= job.taken_at:
                return Nothing("too late")
            await adapter.show_typing(external_of(job))
            return Nothing()
        case DeliveryKind.REACT if isinstance(adapter, Reacts) and job.sent and job.fact:
            await adapter.react(job.sent[0], job.fact.text)
            return Nothing()
        case _:
            return Nothing("the channel cannot")


async def _send(job: Job, to: ConnectedChannel, shelf: Shelf) -> Result:
    what = outgoing(job, to, shelf)
    if what is None:
        return Nothing("taken back before it was said")
    return Accepted(await _say(what, to), says_newest(job, to))


async def _say(what: Outgoing, to: ConnectedChannel) -> Receipt:
    try:
        return await to.adapter.send(what)
    except ProviderError as error:
        # The quoted message is gone and nothing was sent: an answer without a quote is an answer.
        if isinstance(error.failure, Permanent) and error.failure.gone == "quoted" and what.quoted:
            return await to.adapter.send(replace(what, quoted=""))
        raise


async def _tell_crm(job: Job, to: ConnectedCrm, means: Means, bulk: Bulk | None) -> Result:
    """Show operators what was said, and how far what they said got."""
    crm = to.adapter
    match job.kind:
        case DeliveryKind.WRITE:
            _check_tie(job)
            return Accepted(await (bulk or crm).write(entry(job, to, means.shelf)))
        case DeliveryKind.WRITE_EDIT if isinstance(crm, EditsEntries):
            return await _correct(crm.edit_entry(entry(job, to, means.shelf)))
        case DeliveryKind.WRITE_DELETE if isinstance(crm, MarksDeletions):
            return await _correct(crm.mark_deleted(entry(job, to, means.shelf)))
        case DeliveryKind.WRITE_EDIT | DeliveryKind.WRITE_DELETE:
            return Nothing(await beneath.say(job, to, means.shelf))
        case DeliveryKind.WRITE_REACTION if isinstance(crm, ShowsReactions) and job.sent:
            await crm.react(reaction(job))
            return Nothing()
        case DeliveryKind.REPORT:
            return await _report(crm, job, to, means.words)
        case DeliveryKind.REMARK if isinstance(crm, TakesRemarks) and job.sent:
            return await _remark(crm, job, to)
        case _:
            return await _tend_crm(job, to, means.catalogues)


async def _tend_crm(job: Job, to: ConnectedCrm, known: Catalogues) -> Result:
    """Prepare the CRM's side, and learn from it."""
    crm = to.adapter
    match job.kind:
        case DeliveryKind.ENSURE_CONTACT:
            return await ensure_contact(crm, job)
        case DeliveryKind.ENSURE_DEAL:
            return await ensure_deal(crm, job)
        case DeliveryKind.OPEN_CONVERSATION:
            return await _open(crm, job, to)
        case DeliveryKind.CREATE_TASK if isinstance(crm, CreatesTasks):
            why = todo.needless(job)
            return Nothing(why) if why else TaskMade(await todo.make(crm, job, to, known))
        case DeliveryKind.KEEP_SOURCE if isinstance(crm, KnowsSources):
            return await _keep_source(crm, job)
        case DeliveryKind.READ_HISTORY if isinstance(crm, ReadsHistory):
            at = opened_of(job)
            since = max((at.behind_since or at.opened_at) - HISTORY_MARGIN, at.opened_at)
            return HistoryFetched(await crm.read_history(at.opened, at.ours, since))
        case DeliveryKind.READ_OPERATORS if isinstance(crm, HasCatalogue):
            return await _operators(crm)
        case _:
            return Nothing("the CRM cannot")


async def _correct(asked: Awaitable[None]) -> Result:
    try:
        await asked
    except ProviderError as error:
        if isinstance(error.failure, Permanent) and error.failure.gone == "message":
            return Nothing("the entry is gone from the CRM")
        raise
    return Nothing()


def _check_tie(job: Job) -> None:
    """A conversation tied to a record that is not the person's any more must be tied anew."""
    link = job.link if job.link is not None and job.link.live else None
    if job.opened and link and job.opened.record != link.record:
        raise ProviderError(Permanent(code="hub.tied_elsewhere", gone="conversation"))


async def _open(crm: Crm, job: Job, to: ConnectedCrm) -> ConversationOpened:
    if job.link is None or not job.link.live:
        raise ProviderError(Permanent(code="hub.no_record", gone="record"))
    opening = Opening(
        ours=job.ours,
        record=job.link.record,
        person=person_of(job),
        source=job.source if to.can.sources else "",
        begun=job.opened.opened if job.opened is not None and job.opened.begun_there else None,
        user=job.opened.opened.user if job.opened is not None else "",
        deal=deal_with(job, job.link.record),
    )
    return ConversationOpened(await crm.open_conversation(opening), job.link.record)


def _exchange_of(job: Job) -> OpenedConversation:
    """Where the reply was typed: in a conversation of ours, or in one that only the CRM knows."""
    if job.opened is not None:
        return job.opened.opened
    return OpenedConversation(id=message_of(job).conversation)


async def _keep_source(crm: KnowsSources, job: Job) -> Result:
    source, title = str(job.detail["source"]), str(job.detail["title"])
    if job.detail["kept"]:
        wanted = Source(id=source, title=title, pipeline=str(job.detail["pipeline"]))
        is_taken = await crm.keep_source(wanted)
    else:
        is_taken = await crm.drop_source(source)
    return Nothing("" if is_taken else "the account takes no sources")


async def _operators(crm: HasCatalogue) -> Result:
    try:
        return OperatorsRead((await crm.catalogue()).operators)
    except ProviderError as error:
        if isinstance(error.failure, Permanent):
            return Nothing("the CRM does not name its operators")
        raise


async def _remark(crm: TakesRemarks, job: Job, to: ConnectedCrm) -> Result:
    await crm.remark(
        Remark(
            key=job.key,
            reply=job.sent[0],
            conversation=_exchange_of(job),
            words=remark_of(job.detail, to.settings.language),
        )
    )
    return Nothing()


async def _report(crm: Crm, job: Job, to: ConnectedCrm, words: Words) -> Result:
    status = Status(job.detail["status"])
    if status not in to.can.statuses:
        return Nothing("the CRM shows no such status")
    report = StatusReport(
        reply=job.sent[0] if job.sent else "",
        conversation=_exchange_of(job),
        status=status,
        code=str(job.detail.get("code", "")),
        words=words.of(job.detail, to.settings.language),
    )
    try:
        await crm.report(report)
    except ProviderError as error:
        if isinstance(error.failure, Permanent) and error.failure.gone == "message":
            return Nothing("the reply is gone from the CRM")
        raise
    return Nothing()
