"""The JSON that Telegram speaks, as far as we read it.

Source: Bot API 10.1: Update, Message and what they hold. Fields that we do not read may be
anything; those that we read and find broken make a `ValidationError`, which never repeats them.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

ResultT = TypeVar("ResultT")


def _without_nul(text: str) -> str:
    return text.replace("\0", "\ufffd")  # same length, so that offsets hold


Words = Annotated[str, AfterValidator(_without_nul)]
Seconds = Annotated[int, Field(ge=0, lt=2**37)]  # unix time, up to where datetime ends
Degrees = Annotated[float, Field(ge=-180, le=180)]  # neither infinite nor no number at all


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
    """A private chat has the id and the names of the person on its other side."""

    id: int
    type: Words = ""
    title: Words = ""
    first_name: Words = ""
    last_name: Words = ""
    username: Words = ""

    @property
    def person(self) -> User:
        return User(
            id=self.id,
            first_name=self.first_name,
            last_name=self.last_name,
            username=self.username,
        )


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
    duration: int | None = None
    performer: Words = ""
    title: Words = ""
    emoji: Words = ""
    is_animated: bool = False
    is_video: bool = False


class Location(Wire):
    latitude: Degrees
    longitude: Degrees


class Venue(Wire):
    title: Words
    address: Words = ""


class Card(Wire):
    """A `Contact`. Only the sender's own card carries the sender's id."""

    phone_number: Words
    first_name: Words = ""
    last_name: Words = ""
    user_id: int | None = None


class Option(Wire):
    text: Words = ""


class Poll(Wire):
    question: Words
    options: tuple[Option, ...] = ()


class Dice(Wire):
    emoji: Words = ""
    value: int


class Game(Wire):
    title: Words = ""


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
    business_connection_id: Words = ""
    sender_business_bot: User | None = None

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
    dice: Dice | None = None
    game: Game | None = None


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


class Deleted(Wire):
    business_connection_id: Words
    chat: Chat
    message_ids: tuple[int, ...] = ()


class BusinessConnection(Wire):
    is_enabled: bool = True


class Button(Wire):
    text: Words = ""
    callback_data: Words = ""


class Keyboard(Wire):
    inline_keyboard: tuple[tuple[Button, ...], ...] = ()


class Pressed(Wire):
    """The message under which a button was; an old one is known by its number alone."""

    message_id: int
    chat: Chat
    business_connection_id: Words = ""
    text: Words = ""
    caption: Words = ""
    reply_markup: Keyboard = Keyboard()


class Press(Wire):
    """A `CallbackQuery`."""

    id: Words
    sender: User = Field(alias="from")
    message: Pressed | None = None
    data: Words = ""

    @property
    def label(self) -> str:
        """What the button says, as far as it is still to be seen; else what it sends."""
        rows = self.message.reply_markup.inline_keyboard if self.message else ()
        fitting = (b.text for row in rows for b in row if b.callback_data == self.data)
        return next(fitting, "") or self.data


class Update(Wire):
    """Exactly one kind is present; kinds that we do not read are named in `model_extra`."""

    model_config = ConfigDict(extra="allow")

    update_id: int
    message: Message | None = None
    edited_message: Message | None = None
    business_message: Message | None = None
    edited_business_message: Message | None = None
    deleted_business_messages: Deleted | None = None
    business_connection: BusinessConnection | None = None
    callback_query: Press | None = None
    my_chat_member: MemberUpdate | None = None
    message_reaction: ReactionUpdate | None = None


class Numbered(Wire):
    """An update on its way to the inbox: only its number matters yet."""

    model_config = ConfigDict(extra="allow")

    update_id: Annotated[int, Field(ge=0, lt=2**63)]


class Sent(Wire):
    message_id: int


class FileFound(Wire):
    """A `File` that can be downloaded for at least an hour."""

    file_size: int | None = None
    file_path: Words = Field(default="", repr=False)


class WebhookInfo(Wire):
    url: Words = ""
    pending_update_count: int = 0
    last_error_date: Seconds | None = None
    last_error_message: Words = ""
    allowed_updates: tuple[Words, ...] = ()


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


def pressed_in(updates: Iterable[Numbered]) -> tuple[str, ...]:
    """Return the ids of the presses among updates that nobody has read yet."""
    found = (press_in(update.model_extra or {}) for update in updates)
    return tuple(press for press in found if press)


def press_in(update: Mapping[str, Any]) -> str:
    """Return the id by which a pressed button wants to be answered, if that is what this is."""
    query = update.get("callback_query")
    press = query.get("id") if isinstance(query, dict) else None
    return press if isinstance(press, str) else ""
