"""What providers are asked to say, made of a delivery and of what is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mappers.text import Language, Slice, clean, cut_spans, moved, timeline_text
from mappers.vocabulary import (
    DeliveryKind,
    Direction,
    Entry,
    Message,
    Operator,
    Outgoing,
    Permanent,
    Person,
    ProviderError,
    Reaction,
    Span,
    SpanKind,
)
from middleware.connections.model import ConnectedChannel, ConnectedCrm
from middleware.media.flow import Shelf
from middleware.pipeline.deals import deal_with, is_quiet, wish_of
from middleware.pipeline.planning import APART
from middleware.pipeline.retelling import relaid
from middleware.pipeline.rules import lead
from middleware.registry import manifest_of
from middleware.store.duties import Job
from middleware.store.rows import OpenedRow

CORRECTS = frozenset({DeliveryKind.WRITE_EDIT, DeliveryKind.WRITE_DELETE})
DELETED: dict[Language, str] = {
    "ru": "[Автор удалил это сообщение]",
    "en": "[The author deleted this message]",
}


@dataclass(frozen=True, slots=True)
class Share:
    """What one part says of a whole reply. Without `part` it says all of `text`."""

    said: Message
    text: str
    part: Slice | None


def outgoing(job: Job, to: ConnectedChannel, shelf: Shelf) -> Outgoing | None:
    """What a channel is asked to say: one part of the reply, as it stands now.

    None when its author left nothing to say in this part. Newer words that have no room in the
    parts are not said: the correction that follows tells so.
    """
    newest = newest_of(job)
    if newest is None:
        return None
    shares = None if job.fact is None else shares_of(newest, job.detail, to)
    if shares is None:
        return as_typed(job, to, shelf)
    share = shares[job.part]
    return None if share.part is None else words_of(job, to, shelf, share)


def as_typed(job: Job, to: ConnectedChannel, shelf: Shelf) -> Outgoing:
    """What a channel is asked to say of a reply that nobody changed."""
    said = message_of(job)
    return words_of(job, to, shelf, Share(said, told(said, job.detail, to), _planned(job.detail)))


def says_newest(job: Job, to: ConnectedChannel) -> int:
    """Return the revision that a reply is said in, if it is not as it was typed; else -1."""
    newest = newest_of(job)
    if newest is None or job.fact is None or shares_of(newest, job.detail, to) is None:
        return -1
    return job.fact.revision


def shares_of(
    newest: Message, detail: Mapping[str, Any], to: ConnectedChannel
) -> tuple[Share, ...] | None:
    """Lay new words into the parts that `detail` was planned among; None when there is no room."""
    text, shape = told(newest, detail, to), detail.get("shape")
    slices = None if shape is None else relaid(text, str(detail.get("by", "")), shape, to.can)
    return None if slices is None else tuple(Share(newest, text, part) for part in slices)


def newest_of(job: Job) -> Message | None:
    """What a reply says by now; None when its author left nothing of it."""
    said, fact = message_of(job), job.fact
    if job.taken_back:
        return None
    if fact is None:
        return said
    if not fact.text and not said.attachments:
        return None
    return replace(said, text=fact.text, spans=fact.spans)


def told(said: Message, detail: Mapping[str, Any], to: ConnectedChannel) -> str:
    return timeline_text(
        said,
        to.settings.language,
        without=detail.get("carried", ()),
        with_buttons=not detail.get("keyboard"),
    )


def _planned(detail: Mapping[str, Any]) -> Slice | None:
    return Slice(int(detail["start"]), int(detail["end"])) if "end" in detail else None


def words_of(job: Job, to: ConnectedChannel, shelf: Shelf, share: Share) -> Outgoing:
    """Spell one part of a reply for its channel."""
    said, text = share.said, share.text
    spans = said.spans if text == said.text else ()
    part = Slice(0, len(text)) if share.part is None else share.part
    given = shelf.given(job, to, job.detail.get("files", ()))
    by = str(job.detail.get("by", ""))
    words = lead(by) + text[part.start : part.end]
    name = (Span(kind=SpanKind.BOLD, start=0, end=len(by)),) if by else ()
    return Outgoing(
        key=job.key,
        conversation=external_of(job),
        text=clean("\n".join(line for line in (words, *given.words) if line)),
        spans=(*name, *moved(cut_spans(spans, part), len(lead(by)))),
        files=given.files,
        quoted=job.quoted if job.part == 0 else "",
        buttons=said.buttons if job.detail.get("buttons") else (),
    )


def entry(job: Job, to: ConnectedCrm, shelf: Shelf) -> Entry:
    """What a CRM is asked to put on the timeline: the message, or its newest correction.

    A message with several files has an entry for each: the text goes with the first, and a file
    that came too late comes by itself.
    """
    said = message_of(job)
    if job.kind in CORRECTS and job.fact is not None:
        said = replace(said, text=job.fact.text, spans=job.fact.spans)
    opened = opened_of(job)
    carried = tuple(
        each.position
        for each in job.files
        if said.attachments[each.position].kind in to.can.attachments
    )
    given = shelf.given(job, to, _shown_here(job, carried))
    is_first = job.kind is not DeliveryKind.WRITE or job.part == 0
    text = timeline_text(said, to.settings.language, without=carried) if is_first else ""
    if job.kind is DeliveryKind.WRITE_DELETE:
        text = f"{DELETED[to.settings.language]}\n{text}"
    return Entry(
        key=job.key if job.kind is DeliveryKind.WRITE else job.key_as(DeliveryKind.WRITE),
        conversation=opened.opened,
        ours=opened.ours,
        record=opened.record,
        person=person_of(job),
        message=said,
        text=clean("\n".join(line for line in (*given.words, text) if line)),
        quoted=job.quoted,
        source=job.source if to.can.sources else "",
        tells_ours=opened.begun_there,
        quiet=APART in job.detail or is_quiet(job.policy, job.deals, wish_of(job)),
        channel=manifest_of(said.origin.provider).title,
        deal=deal_with(job, opened.record),
        author=Operator(id="") if said.direction is Direction.OUTBOUND else None,
        file=given.files[0] if given.files else None,
    )


def reaction(job: Job) -> Reaction:
    """What a CRM is asked to show of a message: the customer's newest reaction."""
    return Reaction(
        message=job.sent[0],
        conversation=opened_of(job).opened,
        person=person_of(job),
        emoji=job.fact.text if job.fact is not None else "",
    )


def _shown_here(job: Job, carried: tuple[int, ...]) -> tuple[int, ...]:
    """Which file this entry shows; a correction is shown where the text was."""
    here = job.detail.get("file", job.detail.get("late_file"))
    if job.kind in CORRECTS:
        return carried[:1]
    return () if here is None else (int(here),)


def message_of(job: Job) -> Message:
    if job.message is None:
        raise ProviderError(Permanent(code="hub.message_erased"))
    return job.message


def person_of(job: Job) -> Person:
    if job.person is None:
        raise ProviderError(Permanent(code="hub.contact_erased"))
    return job.person


def external_of(job: Job) -> str:
    if job.conversation is None:
        raise ProviderError(Permanent(code="hub.no_conversation"))
    if job.conversation.connection != job.target:
        raise ProviderError(Permanent(code="hub.nobody_to_write_to"))
    return job.conversation.external


def opened_of(job: Job) -> OpenedRow:
    if job.opened is None:
        raise ProviderError(Permanent(code="hub.not_opened", gone="conversation"))
    return job.opened
