"""The JSON and the forms that amoCRM sends, as far as we read them.

The models are tolerant on purpose: the documentation's own samples carry numbers as strings, null
for empty lists and keys under two names. What we do not need is not declared; what may be missing
has a default; only what makes a thing useless when absent is required.

Source: amocrm.ru/developers/content/{crm_platform, chats, webhooks}, samples of those pages.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from crm_clients.forms import Form, storable
from mappers.text import read_json
from mappers.vocabulary import MalformedWebhook


def _as_text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return storable(value) if isinstance(value, str) else value


def _none_if_broken(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        return None


def _empty_if_null(value: Any) -> Any:
    return [] if value is None else value


Text = Annotated[str, BeforeValidator(_as_text)]
Moment = Annotated[int, Field(ge=0, le=2**53)]


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class TokenPair(_Read):
    access_token: SecretStr = Field(min_length=1)
    refresh_token: SecretStr = Field(min_length=1)
    expires_in: int = Field(gt=0, lt=10**9)


class AccountInfo(_Read):
    id: int
    name: Text = ""
    subdomain: Text = ""
    amojo_id: Text = ""


class FieldValue(_Read):
    """`enum` is what one documented sample calls `enum_code`."""

    value: Any = None
    enum_id: int | None = None
    enum_code: Annotated[str | None, WrapValidator(_none_if_broken)] = Field(
        None, validation_alias=AliasChoices("enum_code", "enum")
    )


class FilledField(_Read):
    field_id: int
    field_code: Text = ""
    values: Annotated[list[FieldValue], BeforeValidator(_empty_if_null)] = []


class _Id(_Read):
    id: int


class _Tag(_Read):
    name: Text = ""


class _Card(_Read):
    id: int
    name: Text = ""
    is_deleted: bool = False
    responsible_user_id: int | None = None
    created_at: Moment | None = None
    custom_fields_values: Annotated[list[FilledField], BeforeValidator(_empty_if_null)] = []
    tags: Annotated[list[_Tag], BeforeValidator(_empty_if_null)] = Field(
        [], validation_alias=AliasPath("_embedded", "tags")
    )


class Contact(_Card):
    leads: list[_Id] = Field([], validation_alias=AliasPath("_embedded", "leads"))


class Lead(_Card):
    status_id: int | None = None
    pipeline_id: int | None = None
    price: Annotated[int | None, WrapValidator(_none_if_broken)] = None
    closed_at: int | None = None


class Task(_Read):
    """`result`, which is a list when it is empty, is nothing to us."""

    id: int
    text: Text = ""
    complete_till: Moment = 0
    entity_id: int | None = None
    entity_type: Text = ""
    created_at: Moment = 0


class FieldOfAccount(_Read):
    id: int
    code: Text = ""


class Subscription(_Read):
    destination: Text = ""
    disabled: bool = False


class ListedSource(_Read):
    id: int
    name: Text = ""
    external_id: Text = ""
    pipeline_id: int | None = None


class ChatOfContact(_Read):
    chat_id: Text
    contact_id: int


class ChatSide(_Read):
    """A participant of a chat: `client_id` is ours, and only a customer has one."""

    id: Text = ""
    client_id: Text = ""
    name: Text = ""
    phone: Text = ""
    email: Text = ""


class ChatRef(_Read):
    id: Text
    client_id: Text = ""


class _Place(_Read):
    lon: float
    lat: float


class _SharedContact(_Read):
    name: Text = ""
    phone: Text = ""


class QuotedMessage(_Read):
    id: Text = ""
    text: Text = ""


class _ReplyTo(_Read):
    message: QuotedMessage


class _Param(_Read):
    key: Text = ""
    value: Text = ""


class ChatTemplate(_Read):
    """What a message was made of. Its `text` is rendered already, so this is for the rest."""

    content: Text = ""
    params: Annotated[list[_Param], BeforeValidator(_empty_if_null)] = []


class ChatContent(_Read):
    """The `message` object of a hook or of a page of history. Broken extras are left out."""

    id: Text
    client_id: Text = ""
    type: Text = ""
    text: Text = ""
    media: Text = ""
    file_name: Text = ""
    file_size: Annotated[int | None, WrapValidator(_none_if_broken)] = None
    media_duration: Annotated[int | None, WrapValidator(_none_if_broken)] = None
    location: Annotated[_Place | None, WrapValidator(_none_if_broken)] = None
    contact: Annotated[_SharedContact | None, WrapValidator(_none_if_broken)] = None
    reply_to: Annotated[_ReplyTo | None, WrapValidator(_none_if_broken)] = None
    markup: Any = None
    template: Annotated[ChatTemplate | None, WrapValidator(_none_if_broken)] = None


class ChatSource(_Read):
    external_id: Text = ""


class ChatMessage(_Read):
    """One message in a chat. A page of history leaves `conversation` out."""

    message: ChatContent
    sender: ChatSide = ChatSide()
    receiver: Annotated[ChatSide | None, WrapValidator(_none_if_broken)] = None
    conversation: ChatRef | None = None
    source: Annotated[ChatSource | None, WrapValidator(_none_if_broken)] = None
    timestamp: Moment = 0
    msec_timestamp: Annotated[Moment | None, WrapValidator(_none_if_broken)] = None

    @property
    def at_ms(self) -> int:
        return self.msec_timestamp or self.timestamp * 1000


class Reaction(_Read):
    """`msgid` in the documented sample, a `message` object in the table of the same page."""

    user: ChatSide = ChatSide()
    type: Text = ""
    emoji: Text = ""
    msgid: Text = Field("", validation_alias=AliasChoices("msgid", AliasPath("message", "id")))


class Typing(_Read):
    """`expired_at` is in seconds."""

    conversation: ChatRef
    expired_at: Moment


class HistoryPage(_Read):
    """What `read_history` packs into a parcel. `messages` are amoCRM's, newest first."""

    conversation: str
    ours: str
    since_ms: int
    is_last: bool
    messages: list[Any]


class Note(_Read):
    """A note on a card. Of `params` only what our own notes and people's have."""

    id: int
    entity_id: int
    note_type: Text = ""
    created_by: int = 0
    created_at: Moment = 0
    updated_at: Moment = 0
    service: Text = Field("", validation_alias=AliasPath("params", "service"))
    text: Text = Field("", validation_alias=AliasPath("params", "text"))
    uniq: Text = Field("", validation_alias=AliasPath("params", "uniq"))


class PolledNote(_Read):
    """What `poll` packs into a parcel. `contact` is the card's main one, where it is known."""

    kind: Literal["contacts", "leads"]
    id: int
    entity_id: int
    created_by: int
    created_at: Moment
    text: str
    contact: int | None = None


class NotesRead(_Read):
    """What `read_history` packs into a parcel where messages are notes: answers, oldest first."""

    conversation: str
    notes: list[PolledNote]


class HookedNote(_Read):
    """A note as an account's hook tells of it: every value a string, the type a number."""

    id: int
    element_id: int
    note_type: Text = ""
    created_by: int = 0
    created_at: Moment = 0
    text: Text = ""
    metadata: Text = ""


class ContactOfLead(_Read):
    id: int
    is_main: bool = False


class LeadOfNote(_Read):
    contacts: list[ContactOfLead] = Field([], validation_alias=AliasPath("_embedded", "contacts"))


class OpenedChat(_Read):
    """Answer of "create chat"; `user` is missing from none of the samples."""

    id: str = Field(min_length=1)
    user: ChatSide = ChatSide()


def parse_json(body: bytes) -> Form:
    """Read a JSON object. Raises: `MalformedWebhook` for anything else."""
    try:
        value = read_json(body)
    except (ValueError, RecursionError):
        raise MalformedWebhook("the body is not JSON") from None
    if not isinstance(value, dict):
        raise MalformedWebhook("the body is not a JSON object")
    return value
