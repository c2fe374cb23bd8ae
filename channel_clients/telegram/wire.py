"""The JSON that Telegram speaks, as far as we read it.

Source: Bot API 10.1: Update, Message and what they hold. Fields that we do not read may be
anything; those that we read and find broken make a `ValidationError`, which never repeats them.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

ResultT = TypeVar("ResultT")


def _without_nul(text: str) -> str:
    return text.replace("\0", "\ufffd")  # same length, so that offsets hold


Words = Annotated[str, AfterValidator(_without_nul)]
Seconds = Annotated[int, Field(ge=0, lt=2**37)]  # unix time, up to where datetime ends


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class User(Wire):
    id: int
    first_name: Words = ""
    last_name: Words = ""
    username: Words = ""
    language_code: Words = ""

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class Chat(Wire):
    id: int
    type: Words = ""
    title: Words = ""


class Entity(Wire):
    type: Words
    offset: int
    length: int
    url: Words = ""


class File(Wire):
    """Any content that has bytes; no kind fills in everything."""

    file_id: Words
    file_size: int | None = None
    file_name: Words = ""
    mime_type: Words = ""
    performer: Words = ""
    title: Words = ""
    emoji: Words = ""
    is_animated: bool = False
    is_video: bool = False


class Location(Wire):
    latitude: float
    longitude: float


class Venue(Wire):
    title: Words
    address: Words = ""


class Card(Wire):
    """A `Contact`. Only the sender's own card carries the sender's id."""

    phone_number: Words
    first_name: Words = ""
    last_name: Words = ""
    user_id: int | None = None


class Poll(Wire):
    question: Words


class Replied(Wire):
    message_id: int
    text: Words = ""
    caption: Words = ""


class TextQuote(Wire):
    text: Words


class ForwardOrigin(Wire):
    type: Words
    sender_user: User | None = None
    sender_user_name: Words = ""
    sender_chat: Chat | None = None
    chat: Chat | None = None

    @property
    def name(self) -> str:
        user, chat = self.sender_user, self.sender_chat or self.chat
        known = (user.full_name if user else "") or self.sender_user_name
        return known or (chat.title if chat else "") or self.type


class Message(Wire):
    """What is not named here is kept in `model_extra`: new kinds of content come every season."""

    model_config = ConfigDict(extra="allow")

    message_id: int
    date: Seconds
    chat: Chat
    sender: User | None = Field(default=None, alias="from")
    edit_date: Seconds | None = None
    is_from_offline: bool = False
    is_automatic_forward: bool = False
    migrate_to_chat_id: int | None = None

    text: Words = ""
    entities: tuple[Entity, ...] = ()
    caption: Words = ""
    caption_entities: tuple[Entity, ...] = ()
    reply_to_message: Replied | None = None
    quote: TextQuote | None = None
    forward_origin: ForwardOrigin | None = None

    photo: tuple[File, ...] = ()
    animation: File | None = None
    document: File | None = None
    video: File | None = None
    video_note: File | None = None
    voice: File | None = None
    audio: File | None = None
    sticker: File | None = None
    venue: Venue | None = None
    location: Location | None = None
    contact: Card | None = None
    poll: Poll | None = None


class Member(Wire):
    status: Words


class MemberUpdate(Wire):
    chat: Chat
    date: Seconds
    new_chat_member: Member


class Reaction(Wire):
    type: Words
    emoji: Words = ""


class ReactionUpdate(Wire):
    chat: Chat
    message_id: int
    user: User | None = None
    date: Seconds
    new_reaction: tuple[Reaction, ...]


class Update(Wire):
    """Exactly one kind is present; kinds that we do not read are named in `model_extra`."""

    model_config = ConfigDict(extra="allow")

    update_id: int
    message: Message | None = None
    edited_message: Message | None = None
    my_chat_member: MemberUpdate | None = None
    message_reaction: ReactionUpdate | None = None


class Numbered(Wire):
    """An update on its way to the inbox: only its number matters yet."""

    model_config = ConfigDict(extra="allow")

    update_id: Annotated[int, Field(ge=0, lt=2**63)]


class Sent(Wire):
    message_id: int


class WebhookInfo(Wire):
    url: Words = ""
    pending_update_count: int = 0
    last_error_date: Seconds | None = None
    last_error_message: Words = ""


class Answer(Wire, Generic[ResultT]):
    """What every method returns when it did what was asked."""

    ok: Literal[True]
    result: ResultT


class Parameters(Wire):
    retry_after: Annotated[int, Field(gt=0, lt=10**6)] | None = None
    migrate_to_chat_id: int | None = None


class Refusal(Wire):
    """What every method returns when it did not."""

    ok: Literal[False]
    description: Words = ""
    parameters: Parameters = Parameters()


def extra_objects(message: Message) -> tuple[str, ...]:
    """Name the parts of a message that we have no field for and that are more than a flag."""
    extra: dict[str, Any] = message.model_extra or {}
    return tuple(name for name, value in extra.items() if isinstance(value, dict | list))
