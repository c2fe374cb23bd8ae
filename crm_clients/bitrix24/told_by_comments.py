"""Answers that operators write as comments on cards, found by asking.

Anybody's comment is an answer when it begins with the prefix and carries no word of ours about what
became of it; what we write ourselves begins with neither. The prefix may stand inside of markup
that an editor put around the whole.

Source: apidocs.bitrix24.com/api-reference/crm/timeline/comments.
"""

from datetime import UTC, datetime

from crm_clients.bitrix24 import bbcode
from crm_clients.bitrix24.bbcode import Said
from crm_clients.bitrix24.comments import DEAL, moment_of, name_of
from crm_clients.bitrix24.lines import NOBODY
from crm_clients.bitrix24.lines import moment_of as moment_in_order
from crm_clients.bitrix24.oauth import Config
from crm_clients.bitrix24.wire_timeline import Comment, CommentFile, CommentsRead, FoundComment
from crm_clients.on_cards import is_marked
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    Direction,
    HistoryRead,
    Message,
    Operator,
    OperatorReplied,
    Origin,
    Reading,
    Span,
)

PROVIDER = "bitrix24"


def is_answer(comment: Comment, prefix: str) -> bool:
    return answer_in(comment, prefix) is not None


def answer_in(comment: Comment, prefix: str) -> Said | None:
    """What of a comment goes to the customer; None when it is none of their business."""
    if comment.author in (NOBODY, "") or is_marked(comment.text):
        return None
    raw = comment.text.strip()
    if raw.casefold().startswith(prefix.casefold()):
        # Before it is read, since a prefix may look like the beginning of a quote.
        return _worth_sending(bbcode.read(raw[len(prefix) :]), comment)
    said = bbcode.read(raw)
    if said.text.lstrip().casefold().startswith(prefix.casefold()):
        at = len(said.text) - len(said.text.lstrip()) + len(prefix)
        return _worth_sending(_cut(said, at), comment)
    return None


def read_found(found: FoundComment, config: Config) -> Reading:
    told = _as_reply(found, config)
    return Reading(events=(told,)) if told else Reading(ignored=("comment.internal",))


def read_answers(page: CommentsRead, config: Config) -> Reading:
    """Read what was answered on a customer's cards; where it goes is decided as of any answer."""
    told = [_as_reply(each, config) for each in page.comments]
    replies = tuple(each for each in told if each is not None)
    return Reading(events=(*replies, HistoryRead(conversation=page.conversation)))


def _as_reply(found: FoundComment, config: Config) -> OperatorReplied | None:
    comment = found.comment
    said = answer_in(comment, config.reply_prefix)
    if said is None:
        return None
    at = moment_of(comment) or datetime.fromtimestamp(0, UTC)
    message = Message(
        origin=Origin(PROVIDER, config.account, name_of(comment.id)),
        conversation=f"{found.kind}/{comment.card}",
        author=comment.author,
        direction=Direction.OUTBOUND,
        sent_at=moment_in_order(at, comment.id),
        text=said.text,
        spans=said.spans,
        attachments=tuple(_attachment(file) for file in comment.files),
    )
    return OperatorReplied(
        message=message,
        operator=Operator(id=comment.author, user=comment.author),
        record=found.contact,
        deal=comment.card if found.kind == DEAL else "",
    )


def _worth_sending(said: Said, comment: Comment) -> Said | None:
    start = len(said.text) - len(said.text.lstrip())
    trimmed = _cut(Said(said.text.rstrip(), said.spans), start)
    return trimmed if trimmed.text or comment.files else None


def _cut(said: Said, start: int) -> Said:
    """Leave out what stands before `start`, and keep the formatting of the rest."""
    length = len(said.text)
    spans = [
        Span(
            kind=each.kind,
            start=max(each.start, start) - start,
            end=min(each.end, length) - start,
            url=each.url,
        )
        for each in said.spans
        if min(each.end, length) > max(each.start, start)
    ]
    return Said(said.text[start:], tuple(spans))


def _attachment(file: CommentFile) -> Attachment:
    kind = AttachmentKind.IMAGE if file.type == "image" else AttachmentKind.FILE
    return Attachment(kind=kind, handle=file.link, title=file.name, size_bytes=file.size or None)
