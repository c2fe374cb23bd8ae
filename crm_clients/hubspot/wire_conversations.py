"""The JSON of custom channels and of the conversations' inbox, as far as we read it.

Ids are strings here and numbers there. What we do not need is not declared; only what makes a thing
useless when absent is required.

Source: specifications Conversations/{Custom Channels, Conversations} of
HubSpot/HubSpot-public-api-spec-collection; the event of a reply: reported by integrators.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from crm_clients.hubspot.wire import Flag, Id, Number, Read, Text, Texts

MESSAGE, COMMENT = "MESSAGE", "COMMENT"
INCOMING, OUTGOING = "INCOMING", "OUTGOING"
INTEGRATION = "INTEGRATION"
OPAQUE = "CHANNEL_SPECIFIC_OPAQUE_ID"
HELP_DESK = "HELP_DESK"


def _as_identifier(value: Any) -> Any:
    """One source tells an identifier as a plain string."""
    return {"value": value} if isinstance(value, str) else value or {}


def _as_objects(value: Any) -> Any:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _as_object(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


class Identifier(Read):
    type: Text = OPAQUE
    value: Text = Field("", repr=False)


IdentifierOf = Annotated[Identifier, BeforeValidator(_as_identifier)]


class Channel(Read):
    """What an application registers once; `address` is where its events go."""

    id: Id
    name: Text = ""
    address: Text = Field("", alias="webhookUrl", repr=False)
    page: Text = Field("", alias="channelAccountConnectionRedirectUrl", repr=False)


class ChannelAccount(Read):
    """The channel in one inbox. People switch it on and off, we say whether it is authorized."""

    id: Id
    inbox: Text = Field("", alias="inboxId")
    name: Text = ""
    is_active: Flag = Field(True, alias="active")
    is_authorized: Flag = Field(True, alias="authorized")
    is_archived: Flag = Field(False, alias="archived")
    identifier: IdentifierOf = Field(Identifier(), alias="deliveryIdentifier")

    @property
    def works(self) -> bool:
        return self.is_active and self.is_authorized and not self.is_archived


class Inbox(Read):
    """`type` is `INBOX` or `HELP_DESK`; the latter opens a ticket for each thread."""

    id: Id
    name: Text = ""
    type: Text = ""
    is_archived: Flag = Field(False, alias="archived")


class Thread(Read):
    """`contact` may be the number of a visitor who is no contact."""

    id: Id
    account: Text = Field("", alias="originalChannelAccountId")
    contact: Text = Field("", alias="associatedContactId")
    created: Text = Field("", alias="createdAt")
    is_archived: Flag = Field(False, alias="archived")


class Client(Read):
    """What wrote a message: HubSpot's own pages, an integration, the system."""

    type: Text = Field("", alias="clientType")
    app: Text = Field("", alias="integrationAppId")


class Participant(Read):
    """`actor` is `A-` and a user, `V-` and a contact, `I-` and an application, …"""

    actor: Text = Field("", alias="actorId")
    name: Text = Field("", repr=False)
    identifier: IdentifierOf = Field(Identifier(), alias="deliveryIdentifier")


Participants = Annotated[list[Participant], BeforeValidator(_as_objects)]


class QuickReply(Read):
    value: Text = Field("", repr=False)
    type: Text = Field("TEXT", alias="valueType")
    label: Text = Field("", repr=False)


class Part(Read):
    """An attachment of a message; which keys are there depends on `type`."""

    type: Text = "FILE"
    file: Text = Field("", alias="fileId")
    usage: Text = Field("", alias="fileUsageType")
    name: Text = Field("", repr=False)
    url: Text = Field("", repr=False)
    text: Text = Field("", repr=False)
    address: Text = Field("", repr=False)
    latitude: float | None = Field(None, ge=-90, le=90, repr=False)
    longitude: float | None = Field(None, ge=-180, le=180, repr=False)
    profile: Annotated[dict[str, Any], BeforeValidator(_as_object)] = Field(
        {}, alias="contactProfile", repr=False
    )
    replies: Annotated[list[QuickReply], BeforeValidator(_as_objects)] = Field(
        [], alias="quickReplies"
    )


class ThreadMessage(Read):
    """One thing said or done in a thread."""

    id: Id
    type: Text = MESSAGE
    thread: Text = Field("", alias="conversationsThreadId")
    channel: Text = Field("", alias="channelId")
    account: Text = Field("", alias="channelAccountId")
    created: Text = Field("", alias="createdAt")
    author: Text = Field("", alias="createdBy")
    client: Annotated[Client, BeforeValidator(_as_object)] = Client()
    senders: Participants = Field([])
    recipients: Participants = Field([])
    text: Text = Field("", repr=False)
    rich: Text = Field("", alias="richText", repr=False)
    parts: Annotated[list[Part], BeforeValidator(_as_objects)] = Field([], alias="attachments")
    direction: Text = ""

    @property
    def at(self) -> datetime | None:
        return moment(self.created)

    @property
    def sender(self) -> Participant:
        return self.senders[0] if self.senders else Participant()

    @property
    def customer(self) -> str:
        """Our name of the exchange: the customer's side of a message goes by it."""
        their = self.senders if self.direction == INCOMING else self.recipients
        return next((each.identifier.value for each in their if each.identifier.value), "")


class Published(Read):
    """What HubSpot says of a message that it took."""

    id: Id
    thread: Id = Field(alias="conversationsThreadId")


class ChannelEvent(Read):
    """What a custom channel is told, one object a call."""

    type: Text = ""
    portal: Text = Field("", alias="portalId")
    channel: Text = Field("", alias="channelId")
    account: Text = Field("", alias="channelAccountId")
    at: Text = Field("", alias="eventTimestamp")
    event: Text = Field("", alias="eventId")
    threads: Texts = Field([], alias="channelIntegrationThreadIds")
    thread: Text = Field("", alias="integrationThreadId")
    is_active: Flag = Field(True, alias="active")
    is_authorized: Flag = Field(True, alias="authorized")
    is_archived: Flag = Field(False, alias="archived")
    message: Annotated[dict[str, Any], BeforeValidator(_as_object)] = Field({}, repr=False)


class HistoryPage(Read):
    """Messages of a thread that were read back; `since` is in milliseconds."""

    ours: str
    since: Number
    messages: list[Any] = Field(repr=False)


def moment(told: str) -> datetime | None:
    """Read a moment; None when it says no zone, or is none."""
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.utcoffset() is not None else None
