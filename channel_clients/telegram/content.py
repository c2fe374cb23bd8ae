"""What a message shows rather than says, as attachments that an honest line can be made of."""

import re

from channel_clients.telegram import wire
from channel_clients.telegram.wire import File, Message, extra_objects
from mappers.vocabulary import Attachment, AttachmentKind, Card, Place

# Animations come before documents: every animation is sent as both.
FILES: tuple[tuple[str, AttachmentKind, str], ...] = (
    ("animation", AttachmentKind.VIDEO, "video/mp4"),
    ("document", AttachmentKind.FILE, ""),
    ("video", AttachmentKind.VIDEO, "video/mp4"),
    ("video_note", AttachmentKind.VIDEO, "video/mp4"),
    ("voice", AttachmentKind.VOICE, "audio/ogg"),
    ("audio", AttachmentKind.AUDIO, ""),
)
# Objects that describe a message without being its content.
ABOUT_THE_MESSAGE = frozenset(
    {
        "business_connection",
        "direct_messages_topic",
        "external_reply",
        "forward_from",
        "forward_from_chat",
        "guest_bot_caller_chat",
        "guest_bot_caller_user",
        "link_preview_options",
        "receiver_user",
        "reply_markup",
        "reply_to_story",
        "sender_chat",
        "suggested_post_info",
        "via_bot",
    }
)
# Telegram reports these as messages; nobody said anything.
SERVICE = frozenset(
    {
        "boost_added",
        "chat_background_set",
        "checklist_tasks_added",
        "checklist_tasks_done",
        "direct_message_price_changed",
        "forum_topic_closed",
        "forum_topic_created",
        "forum_topic_edited",
        "forum_topic_reopened",
        "general_forum_topic_hidden",
        "general_forum_topic_unhidden",
        "giveaway_completed",
        "giveaway_created",
        "left_chat_member",
        "managed_bot_created",
        "message_auto_delete_timer_changed",
        "new_chat_members",
        "new_chat_photo",
        "paid_message_price_changed",
        "pinned_message",
        "poll_option_added",
        "poll_option_deleted",
        "proximity_alert_triggered",
        "suggested_post_approval_failed",
        "suggested_post_approved",
        "suggested_post_declined",
        "suggested_post_paid",
        "suggested_post_refunded",
        "video_chat_ended",
        "video_chat_participants_invited",
        "video_chat_scheduled",
        "video_chat_started",
        "write_access_allowed",
    }
)
# The same, told by a plain value.
SERVICE_FLAGS = frozenset(
    {
        "channel_chat_created",
        "connected_website",
        "delete_chat_photo",
        "group_chat_created",
        "migrate_from_chat_id",
        "new_chat_title",
        "supergroup_chat_created",
    }
)
PHONE = re.compile(r"[0-9]{8,15}")


def service_in(said: Message) -> str:
    """Name the event that this message only reports, if so."""
    extra = said.model_extra or {}
    return next((name for name in extra if name in SERVICE or name in SERVICE_FLAGS), "")


def attachments_in(said: Message) -> tuple[Attachment, ...]:
    """Return what is shown: one thing a message, since an album is a message for each picture."""
    shown = _file(said) or _place(said) or _other(said)
    return (shown,) if shown else ()


def words_in(said: Message) -> tuple[str, tuple[wire.Entity, ...]]:
    """Return what is said, and how it looks; a poll is its question and its options."""
    if said.text:
        return said.text, said.entities
    if said.poll:
        options = (f"– {option.text}" for option in said.poll.options)
        return "\n".join((f"📊 {said.poll.question}", *options)), ()
    return said.caption, said.caption_entities


def phone_in(card: wire.Card) -> str:
    """Return the card's number as E.164, or nothing. Telegram may leave out the plus sign."""
    digits = re.sub(r"[\s()+.-]", "", card.phone_number)
    return f"+{digits}" if PHONE.fullmatch(digits) else ""


def _file(said: Message) -> Attachment | None:
    if said.photo:
        return _bytes(AttachmentKind.IMAGE, said.photo[-1], "image/jpeg")  # the largest
    if said.sticker:
        return _sticker(said.sticker)
    for name, kind, usual_mime in FILES:
        file: File | None = getattr(said, name)
        if file:
            return _bytes(kind, file, usual_mime)
    return None


def _bytes(kind: AttachmentKind, file: File, usual_mime: str) -> Attachment:
    tune = " – ".join(part for part in (file.performer, file.title) if part)
    return Attachment(
        kind=kind,
        handle=file.file_id,
        title=tune or file.file_name,
        mime=file.mime_type or usual_mime,
        size_bytes=file.file_size,
        duration_s=file.duration,
    )


def _sticker(file: File) -> Attachment:
    moving = "video/webm" if file.is_video else "image/webp"
    return Attachment(
        kind=AttachmentKind.STICKER,
        handle=file.file_id,
        title=file.emoji,
        mime="application/x-tgsticker" if file.is_animated else moving,
        size_bytes=file.file_size,
    )


def _place(said: Message) -> Attachment | None:
    if not said.location and not said.venue:
        return None
    at = said.location
    title = f"{at.latitude}, {at.longitude}" if at else ""
    if said.venue:  # a venue repeats its place as `location`
        title = ", ".join(part for part in (said.venue.title, said.venue.address) if part)
    place = Place(latitude=at.latitude, longitude=at.longitude) if at else None
    return Attachment(kind=AttachmentKind.LOCATION, title=title, place=place)


def _card(card: wire.Card) -> Attachment:
    name = f"{card.first_name} {card.last_name}".strip()
    title = f"{name} {phone_in(card) or card.phone_number}".strip()
    shown = Card(name=name, phone=card.phone_number)
    return Attachment(kind=AttachmentKind.CONTACT, title=title, card=shown)


def _other(said: Message) -> Attachment | None:
    if said.contact:
        return _card(said.contact)
    if said.dice:
        return _named(f"{said.dice.emoji} {said.dice.value}".strip())
    if said.game:
        return _named(f"game {said.game.title}".strip())
    unknown = (name for name in extra_objects(said) if name not in ABOUT_THE_MESSAGE)
    name = next(unknown, "")
    return _named(name) if name else None


def _named(title: str) -> Attachment:
    return Attachment(kind=AttachmentKind.OTHER, title=title)
