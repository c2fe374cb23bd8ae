"""What must happen to an event: which duties, in which lanes, in which parts."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import groupby, takewhile
from uuid import UUID

from channel_clients.contract import Can
from mappers.hours import after, read_hours
from mappers.text import Language, Slice, length, split, timeline_text
from mappers.vocabulary import (
    NEEDS_A_PERSON,
    SETTLED,
    AttachmentKind,
    Confidence,
    ConnectionId,
    ContactId,
    ConversationId,
    DeliveryKind,
    DeliveryState,
    Message,
    MessageId,
    Person,
    Priority,
    WorkspaceId,
)
from middleware.store.duties import Duty, Owed
from middleware.store.policy import Policy
from middleware.store.rows import DealRow, LinkRow, OpenedRow, OpenQuestion

DEAL_IS_FRESH = timedelta(hours=1)
# Entries of files that came too late are numbered from here, past every part of a message.
LATE = 1000
LONGEST_SOURCE = 36
OPERATORS_LANE = "operators"


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort of task about a message. Rules of mappings number theirs from part 0."""

    name: str
    part: int


UNANSWERED, NOTES = Sort("unanswered", 1000), Sort("notes", 1001)


def prerequisite_lane(kind: DeliveryKind, subject: UUID) -> str:
    """What prepares the CRM for one contact happens one at a time, each kind in its own lane.

    A lane each, because a deal that finds its record gone waits for the record to be found anew.
    """
    return f"{kind}:{subject}"


def thread_lane(contact: ContactId) -> str:
    """All conversations of one person share a timeline in the CRM, and so an order.

    A conversation that was given to another contact stays in the lane that it began in.
    """
    return f"thread:{contact}"


def source_lane(channel: ConnectionId) -> str:
    return f"source:{channel}"


def source_of(provider: str, account: str) -> str:
    """Name a channel to CRMs, by what the outside knows: at most 36 printable characters."""
    name = f"{provider}:{account}"
    if len(name) <= LONGEST_SOURCE and name.isascii() and name.isprintable():
        return name
    return f"{provider[:15]}:{blake2b(name.encode(), digest_size=10).hexdigest()}"


def conversation_lane(conversation: ConversationId) -> str:
    return f"conversation:{conversation}"


def typing_lane(conversation: ConversationId) -> str:
    """A sign that somebody writes stands before no answer, and behind none."""
    return f"typing:{conversation}"


def message_lane(message: MessageId) -> str:
    """Edits, deletions and statuses wait for their message, not for the thread."""
    return f"message:{message}"


def file_lane(message: MessageId) -> str:
    """Files of one message are fetched one after the other, and hold up nothing else."""
    return f"files:{message}"


def task_lane(sort: str, conversation: ConversationId) -> str:
    """One sort of task of one conversation: a task that waits for its time holds up no other."""
    return f"task:{sort}:{conversation}"


def answer_due(policy: Policy, question: OpenQuestion) -> datetime:
    """When a customer should have been answered, by the hours in which the company works."""
    hours = read_hours(policy.hours, policy.zone)
    return after(hours, question.sent_at, policy.answer_within)


def needs_history_again(last: DeliveryState | None) -> bool:
    """Say whether a history must be owed anew, given what became of the last one owed.

    One that was not asked for yet will bring everything. One being asked for may have been
    answered already, before what is missed now was said.
    """
    return last not in {DeliveryState.READY, DeliveryState.PARKED}


def is_history_owed(last: DeliveryState | None) -> bool:
    """Say whether a history is still to be fetched."""
    return last is not None and last not in SETTLED | NEEDS_A_PERSON


def is_newest_history(revision: int, last: Owed | None) -> bool:
    """Say whether a history that was just read is the newest one owed: then nothing is missed.

    Several may lie in the inbox, fetched before and after what is missed was said. One that died
    brings nothing, and is not waited for.
    """
    return last is None or last.revision == revision or last.state in NEEDS_A_PERSON


def form_of_history(form: str, revision: int) -> str:
    """Mark the form of a history with the asking that it answers."""
    return f"{form}#{revision}"


def read_form(kept: str) -> tuple[str, int]:
    """Take a parcel's form and its asking apart; what nobody asked for has no asking: -1."""
    form, mark, revision = kept.partition("#")
    return (form, int(revision)) if mark else (form, -1)


def history_lane(conversation: ConversationId) -> str:
    return f"history:{conversation}"


def history_duty(
    workspace: WorkspaceId,
    target: ConnectionId,
    conversation: ConversationId,
    contact: ContactId | None,
) -> Duty:
    """Spell the first reading of a conversation's history; later ones are its revisions.

    Replies are kept until it is read, so it does not wait behind what customers say.
    """
    return Duty(
        workspace=workspace,
        target=target,
        lane=history_lane(conversation),
        kind=DeliveryKind.READ_HISTORY,
        subject=conversation,
        priority=Priority.MESSAGE,
        conversation=conversation,
        contact=contact,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a CRM lacks before a message can be written there."""

    contact: bool
    deal: bool
    opening: bool

    def before(self, kind: DeliveryKind) -> tuple[DeliveryKind, ...]:
        """What has to be done first, in this order; `kind` may be one of it."""
        steps = (
            (self.contact, DeliveryKind.ENSURE_CONTACT),
            (self.deal, DeliveryKind.ENSURE_DEAL),
            (self.opening, DeliveryKind.OPEN_CONVERSATION),
        )
        sooner = takewhile(lambda step: step[1] is not kind, steps)
        return tuple(step for is_missing, step in sooner if is_missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the hub knows of one contact's and one conversation's counterparts in one CRM."""

    link: LinkRow | None
    deal: DealRow | None
    opened: OpenedRow | None


def needs(policy: Policy, known: Known, now: datetime, *, opens: bool = True) -> Needs:
    """Compare what is known of the CRM's side with what this route wants there.

    `opens` says whether a deal is wanted even where none is in use. A dry route wants nothing made:
    a message is rehearsed together with what it needs.
    """
    if policy.dry_run:
        return Needs(contact=False, deal=False, opening=False)
    link, deal, opened = known.link, known.deal, known.opened
    has_contact = link is not None and link.live
    record = link.record if link is not None else ""
    wants_deal = policy.deal_policy != "never" and policy.deal_owner == "hub"
    has_deal = deal is not None and deal.record == record and deal.seen_at > now - DEAL_IS_FRESH
    is_open = opened is not None and opened.record == record
    return Needs(
        contact=not has_contact,
        deal=wants_deal and (opens or deal is not None) and not (has_contact and has_deal),
        opening=not (has_contact and is_open),
    )


def adopts_deal(policy: Policy, deal: DealRow | None) -> bool:
    """Say whether the CRM is expected to open a deal of its own that we do not know yet."""
    wants_deal = policy.deal_owner == "crm" and policy.deal_policy != "never"
    return wants_deal and deal is None and not policy.dry_run


def carried(message: Message, kinds: Collection[AttachmentKind]) -> tuple[int, ...]:
    """Which attachments, by position, go as files to a side that shows these kinds."""
    return tuple(
        position
        for position, each in enumerate(message.attachments)
        if each.handle and each.kind in kinds
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyPart:
    """What one provider call carries: a slice of the reply's text, and files by position.

    `buttons`: those of the reply stand under it. `by` is the name of the operator who is seen to
    say it.
    """

    text: Slice
    files: tuple[int, ...] = ()
    buttons: bool = False
    by: str = field(default="", repr=False)


def lead(by: str) -> str:
    """What a reply begins with when customers see who answers."""
    return f"{by}: " if by else ""


def reply_parts(
    message: Message, can: Can, language: Language, files: tuple[int, ...] = (), by: str = ""
) -> tuple[ReplyPart, ...]:
    """Cut an operator's reply into what one provider call each may carry.

    A text that fits under a file is its caption; a longer one goes before, and waits for no file.
    The first words are said after the name `by`, which takes of their room; a file without words
    goes without a name, and so does a reply to where a name would take a quarter of a message.
    Buttons stand under the last part, or are lines of the text.
    """
    is_shown = shows_buttons(message, can, files)
    text = timeline_text(message, language, without=files, with_buttons=not is_shown)
    is_named = bool(text) and length(lead(by), can.text_unit) * 4 <= can.text_limit
    by = by if is_named else ""
    first, *rest = _parts(message, can, files, lead(by), text)
    *before, last = (replace(first, by=by), *rest)
    return (*before, replace(last, buttons=is_shown))


def shows_buttons(message: Message, can: Can, files: tuple[int, ...]) -> bool:
    """Say whether the buttons can be shown as such: there is room, and no album above them."""
    count = sum(len(row) for row in message.buttons)
    last = tuple(_albums(message, files, can.album))[-1:]
    return 0 < count <= can.buttons and all(len(group) == 1 for group in last)


def _parts(
    message: Message, can: Can, files: tuple[int, ...], before: str, text: str
) -> tuple[ReplyPart, ...]:
    groups = tuple(_albums(message, files, can.album))
    is_caption = bool(groups) and length(before + text, can.text_unit) <= can.caption_limit
    whole = Slice(0, len(text))
    if is_caption:
        first, *rest = groups
        return (ReplyPart(text=whole, files=first), *(_wordless(each) for each in rest))
    slices = split(before + text, can.text_limit, can.text_unit) if text or not groups else ()
    return (
        *(ReplyPart(text=_without(len(before), each)) for each in slices),
        *(_wordless(each) for each in groups),
    )


def _without(before: int, part: Slice) -> Slice:
    """Count a part from where the operator's own words begin."""
    return Slice(max(part.start - before, 0), part.end - before)


def _wordless(files: tuple[int, ...]) -> ReplyPart:
    return ReplyPart(text=Slice(0, 0), files=files)


def _albums(message: Message, files: tuple[int, ...], most: int) -> Iterator[tuple[int, ...]]:
    """Group neighbours of one kind: no channel is known to refuse those together."""
    for _, alike in groupby(files, key=lambda position: message.attachments[position].kind):
        group = tuple(alike)
        for start in range(0, len(group), most):
            yield group[start : start + most]


def is_in_pilot(pilot: Collection[str], person: Person | None) -> bool:
    """Say whether a route that is tried with a few carries this customer. No list: everybody."""
    if not pilot:
        return True
    if person is None:
        return False
    known = {each.value for each in person.identities if each.confidence is Confidence.STRONG}
    return not {f"@{person.username.lower()}", *known}.isdisjoint(pilot)


def too_old(sent_at: datetime, now: datetime, limit: timedelta) -> bool:
    return sent_at < now - limit
