"""The JSON that Bitrix24 answers with, as far as we read it.

PHP decides the types: an id is a number or a numeric string, an empty map is an empty list, and an
absent value may be null, false or an empty string. What we do not need is not declared; only what
makes a thing useless when absent is required.

Source: apidocs.bitrix24.com/{settings/how-to-call-rest-api, api-reference}, samples of those pages.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from crm_clients.forms import storable


def _as_text(value: Any) -> Any:
    if value is None or value is False:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return storable(value) if isinstance(value, str) else value


def _as_number(value: Any) -> Any:
    return 0 if value in (None, "", False) else value


def _as_list(value: Any) -> Any:
    """A list may come as a map by its indexes, and an empty one as nothing."""
    if isinstance(value, dict):
        return list(value.values())
    return value or []


def _as_map(value: Any) -> Any:
    if isinstance(value, list):
        return {str(at): each for at, each in enumerate(value)}
    return value or {}


def _as_flag(value: Any) -> bool:
    return value in (True, 1, "1", "Y", "true")


def _as_id(value: Any) -> str:
    """An id where one may stand; where a call is merely echoed there is none."""
    return str(value) if isinstance(value, int | str) and str(value).isdecimal() else ""


Text = Annotated[str, BeforeValidator(_as_text)]
Number = Annotated[int, BeforeValidator(_as_number), Field(ge=0, le=2**63)]
Flag = Annotated[bool, BeforeValidator(_as_flag)]
Lines = Annotated[list[Text], BeforeValidator(_as_list)]


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Tokens(_Read):
    """What the authorization server gives for a code or a refresh token."""

    access_token: SecretStr = Field(min_length=1)
    refresh_token: SecretStr = Field(min_length=1)
    expires_in: int = Field(gt=0, lt=10**9)
    client_endpoint: Text = ""
    server_endpoint: Text = ""
    member_id: str = Field(min_length=1)


class Spent(_Read):
    """`time` of an answer, in seconds: what the method has cost us in ten minutes, this call too.

    The moments are the portal's own. Where the time of methods is not limited, none is told.
    """

    operating: float = Field(ge=0, lt=10**9)
    resets_at: float = Field(alias="operating_reset_at", ge=0, lt=10**12)
    finish: float = Field(ge=0, lt=10**12)
    duration: float = Field(0, ge=0, lt=10**9)


class Profile(_Read):
    id: Text = Field(alias="ID")
    is_admin: Flag = Field(False, alias="ADMIN")


class AppInfo(_Read):
    """`INSTALLED` is false until the installation is finished; until then no event comes."""

    code: Text = Field("", alias="CODE")
    plan: Text = Field("", alias="LICENSE")
    is_installed: Flag = Field(True, alias="INSTALLED")
    is_unpaid: Flag = Field(False, alias="PAYMENT_EXPIRED")


class Multifield(_Read):
    id: Text = Field("", alias="ID")
    value: Text = Field("", alias="VALUE")


Multifields = Annotated[list[Multifield], BeforeValidator(_as_list)]


class Contact(_Read):
    id: Text = Field(alias="ID", min_length=1)
    name: Text = Field("", alias="NAME")
    second_name: Text = Field("", alias="SECOND_NAME")
    last_name: Text = Field("", alias="LAST_NAME")
    responsible: Text = Field("", alias="ASSIGNED_BY_ID")
    created: Text = Field("", alias="DATE_CREATE")
    originator: Text = Field("", alias="ORIGINATOR_ID")
    origin: Text = Field("", alias="ORIGIN_ID")
    phones: Multifields = Field([], alias="PHONE")
    emails: Multifields = Field([], alias="EMAIL")
    messengers: Multifields = Field([], alias="IM")


class Deal(_Read):
    """`STAGE_SEMANTIC_ID` is P while in progress, S when won, F when lost."""

    id: Text = Field(alias="ID", min_length=1)
    title: Text = Field("", alias="TITLE")
    responsible: Text = Field("", alias="ASSIGNED_BY_ID")
    pipeline: Text = Field("", alias="CATEGORY_ID")
    stage: Text = Field("", alias="STAGE_ID")
    semantics: Text = Field("", alias="STAGE_SEMANTIC_ID")
    is_closed: Flag = Field(False, alias="CLOSED")
    created: Text = Field("", alias="DATE_CREATE")
    closed: Text = Field("", alias="CLOSEDATE")
    originator: Text = Field("", alias="ORIGINATOR_ID")
    origin: Text = Field("", alias="ORIGIN_ID")


class Session(_Read):
    id: Text = Field("", alias="ID")
    chat: Text = Field("", alias="CHAT_ID")


class Sent(_Read):
    """One item of the answer of `imconnector.send.messages`.

    `user` is Bitrix24's own id of the customer. Without a session the message was not stored,
    whatever `SUCCESS` says.
    """

    user: Annotated[str, BeforeValidator(_as_id)] = ""
    is_success: Flag = Field(False, alias="SUCCESS")
    errors: Lines = Field([], alias="ERRORS")
    session: Session | None = None


class _UserCode(_Read):
    code: Text = Field("", alias="USER_CODE")


class SessionActivity(_Read):
    """What a line puts on a card for each session: it holds the code of the dialog."""

    id: Text = Field("", alias="ID")
    session: Text = Field("", alias="ASSOCIATED_ENTITY_ID")
    params: Annotated[_UserCode, BeforeValidator(_as_map)] = Field(
        _UserCode(), alias="PROVIDER_PARAMS"
    )


class LineSettings(_Read):
    """A line and what it does of itself; `CRM_CREATE` is `none` where it makes no cards."""

    id: Text = Field(alias="ID", min_length=1)
    name: Text = Field("", alias="LINE_NAME")
    is_active: Flag = Field(True, alias="ACTIVE")
    uses_cards: Text = Field("Y", alias="CRM")
    creates: Text = Field("none", alias="CRM_CREATE")
    asks_for_votes: Flag = Field(False, alias="VOTE_MESSAGE")
    queue: Annotated[list[Any], BeforeValidator(_as_list)] = Field([], alias="QUEUE")

    @property
    def settings(self) -> Mapping[str, str]:
        """What we may change, by its name in REST."""
        return {"CRM": self.uses_cards, "CRM_CREATE": self.creates}


class LineStatus(_Read):
    is_working: Flag = Field(False, alias="STATUS")


class Binding(_Read):
    event: Text
    handler: Text = ""


class _Names(_Read):
    """The names that we gave a message are one string or several; its files are on the Drive."""

    ours: Annotated[
        list[Text],
        BeforeValidator(lambda value: _as_list([value] if isinstance(value, str) else value)),
    ] = Field([], alias="connectorMid")
    files: Annotated[list[Text], BeforeValidator(_as_list)] = Field([], alias="fileId")


class HistoryMessage(_Read):
    """A message of a session. Nobody, who says what the system says, has the number 0."""

    id: Text = Field(min_length=1)
    chat: Text = Field("", alias="chatid")
    sender: Text = Field("", alias="senderid")
    date: Text = ""
    text: Text = ""
    params: Annotated[_Names, BeforeValidator(_as_map)] = _Names()


class DriveFile(_Read):
    """A file of the portal's Drive. `url` works for a while, to whoever has it."""

    name: Text = Field("", alias="NAME")
    size: Number = Field(0, alias="SIZE")
    url: Text = Field("", alias="DOWNLOAD_URL")


class OperatorFile(_Read):
    name: Text = ""
    type: Text = ""
    mime: Text = ""
    link: Text = ""
    download_link: Text = Field("", alias="downloadLink")
    size: Number = 0


class HistoryPage(_Read):
    """What `read_history` packs into a parcel: messages of a session, oldest first.

    `files` are those of operators' messages that are news, by their ids on the Drive.
    """

    ours: str
    customer: str
    since: str
    messages: list[Any]
    files: dict[str, OperatorFile] = {}


class _Place(_Read):
    chat: Text = Field(alias="chat_id", pattern=r"^\d{1,20}$")
    message: Text = Field(alias="message_id", pattern=r"^\d{1,20}$")


class _Said(_Read):
    user_id: Text = ""
    text: Text = ""
    files: Annotated[list[OperatorFile], BeforeValidator(_as_list)] = []


class _Chat(_Read):
    id: Text = Field(min_length=1)


class OperatorMessage(_Read):
    """One element of `MESSAGES`; `chat.id` is ours."""

    im: _Place
    message: _Said = _Said()
    chat: _Chat


class Told(_Read):
    """What the door packs into a parcel: one message, or one event without any.

    `at` is the moment that Bitrix24 sent it, in seconds; 0 when it did not say.
    """

    event: str
    at: Number = 0
    connector: Text = ""
    line: Text = ""
    data: Any = None


class Frame(_Read):
    """The values with which a portal installs us, as the event of it names them."""

    domain: Text = ""
    refresh_token: SecretStr = Field(min_length=1)
    server_endpoint: Text = ""
    application_token: SecretStr = Field(min_length=1)
    member_id: str = Field(pattern=r"^[0-9A-Za-z]{8,64}$")
