"""What `/api/v1` takes and gives, where the values of `operations` do not say it by themselves."""

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mappers.vocabulary import ConnectionId, ConversationId, DeliveryId, DeliveryKind, DeliveryState
from middleware.connections.model import ConnectionSettings
from middleware.operations.access.rules import Scope
from middleware.operations.deliveries.model import Decision, Filter, Group, Mapped
from middleware.operations.people.model import Verdict
from middleware.operations.rehearsals.model import Preview

BY_VERSION = (
    "By which version of its mapping values for fields are made: the one of then, or of now."
)


class _Asked(BaseModel):
    """A refused value may be a secret: errors must not repeat it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Problem(BaseModel):
    """RFC 9457, with a stable `code`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable; sentences may change.")


class ReplayOne(_Asked):
    again: bool = Field(False, description="Also when it is done or skipped already.")
    dry_run: bool = Field(False, description="Only show what would be done, step by step.")
    raw: bool = Field(False, description="Show it unmasked: for admins.")
    mapping: Mapped = Field(Mapped.ORIGINAL, description=BY_VERSION)


class _Which(_Asked):
    """Which deliveries are meant; what is left out does not matter."""

    state: tuple[DeliveryState, ...] = ()
    kind: tuple[DeliveryKind, ...] = ()
    connection: UUID | None = Field(None, description="The connection it is owed to.")
    conversation: UUID | None = None
    since: AwareDatetime | None = Field(None, description="Planned then or later.")
    until: AwareDatetime | None = Field(None, description="Planned before then.")
    code: str = Field("", description="Failure code, such as `http.400`.")
    cursor: str = Field("", description="`next` of the answer before this one.")

    def filter(self) -> Filter:
        return Filter(
            states=self.state,
            kinds=self.kind,
            connection=None if self.connection is None else ConnectionId(self.connection),
            conversation=None if self.conversation is None else ConversationId(self.conversation),
            since=self.since,
            until=self.until,
            code=self.code,
        )


class ListDeliveries(_Which):
    limit: int = Field(50, ge=1, le=500)


class ReplayMany(_Which):
    """Which deliveries to replay. Without a state: `dead` ones only."""

    again: bool = Field(False, description="Also those that are done or skipped already.")
    dry_run: bool = Field(True, description="Only say what would be replayed.")
    mapping: Mapped = Field(Mapped.ORIGINAL, description=BY_VERSION)
    limit: int = Field(200, ge=1, le=500)


class ReplayAnswer(BaseModel):
    """What became of a replay of many. `refused` counts by reason; `next` continues it."""

    dry_run: bool
    estimate: tuple[Group, ...]
    replayed: tuple[DeliveryId, ...] = ()
    refused: dict[str, int] = {}
    next: str = ""


class ReplayedOne(BaseModel):
    """`replayed` is false when a request of the same key had replayed it already.

    `preview` is what a dry run found.
    """

    replayed: bool
    preview: Preview | None = None


class Settle(_Asked):
    decision: Decision = Field(
        description="`send`: deliver it, again perhaps. `sent`: a person knows that it arrived."
        " `drop`: do not deliver it; the operator is told."
    )


class DecideClaim(_Asked):
    decision: Verdict = Field(
        description="`same`: the claimant is linked to the holder. `different`: never asked again."
    )
    again: bool = Field(False, description="Also when so many claim it that it is likely shared.")


class LinkContact(_Asked):
    join: UUID = Field(description="The contact whose identities and conversations are taken over.")
    again: bool = Field(False, description="Also when all they have in common is likely shared.")


class UnlinkConversation(_Asked):
    conversation: UUID = Field(description="Becomes a contact of its own.")


class UnlinkRecord(_Asked):
    connection: UUID = Field(description="The CRM whose record the contact is tied to no more.")


class ReadAgain(_Asked):
    arrivals: tuple[int, ...] | None = Field(
        None, description="Arrival numbers; none named: everything that was set aside."
    )


class ReadAgainAnswer(BaseModel):
    arrivals: tuple[int, ...]


class Settings(_Asked):
    """What an admin may decide for one connection."""

    on_doubt: Literal["hold", "resend"] = "hold"
    reply_age_limit_s: float = Field(24 * 3600, gt=0)
    language: Literal["ru", "en"] = "ru"

    def value(self) -> ConnectionSettings:
        return ConnectionSettings(
            on_doubt=self.on_doubt,
            reply_age_limit=timedelta(seconds=self.reply_age_limit_s),
            language=self.language,
        )


class Connect(_Asked):
    """An account to connect: checked with its provider before anything is kept."""

    provider: str
    values: dict[str, Any] = Field(description="The account's configuration, secrets among it.")
    application: UUID | None = Field(None, description="Our registration, where one is needed.")
    title: str = ""
    listen: bool | None = Field(
        None, description="Poll the provider instead of being called; null: whichever is possible."
    )
    take_over: bool = Field(False, description="Replace another system's webhook.")
    settings: Settings = Settings()


class Connected(BaseModel):
    id: ConnectionId
    title: str
    notes: tuple[str, ...]


class Notes(BaseModel):
    """What a person should know about what was done."""

    notes: tuple[str, ...] = ()


class Register(_Asked):
    """Our registration at a provider; registering the same again replaces its values."""

    provider: str
    values: dict[str, Any]


class Registered(BaseModel):
    id: UUID
    hooks: str = Field(description="Public address of its hooks; empty without a public URL.")


class Authorization(BaseModel):
    url: str = Field(description="Where the account's administrator lets us in, within an hour.")


class RouteShown(BaseModel):
    source: ConnectionId
    target: ConnectionId
    policy: dict[str, Any]


class CreateToken(_Asked):
    name: str
    scopes: frozenset[Scope] = frozenset({Scope.READ})


class TokenShown(BaseModel):
    id: UUID
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None


class TokenCreated(BaseModel):
    id: UUID
    name: str
    scopes: tuple[str, ...]
    token: str = Field(description="Shown this once.")


class CreateMapping(_Asked):
    name: str = Field(max_length=200)


class AddVersion(_Asked):
    document: str = Field(description="YAML. See the reference of mappings.")
    activate: bool = Field(False, description="Put it in force, too.")


class VersionAdded(BaseModel):
    """The same document sent again has the number that it had."""

    number: int


class ActivateVersion(_Asked):
    number: int


class UseMapping(_Asked):
    mapping: UUID | None = Field(description="Null: the route uses none.")


class Difference(BaseModel):
    diff: str = Field(description="As `diff -u` spells it; empty when nothing changed.")


class LintMapping(_Asked):
    document: str
    connection: UUID | None = Field(None, description="The CRM's connection to judge it against.")


class TryMapping(LintMapping):
    facts: dict[str, Any] = Field(description="Sources with values, nested or by whole paths.")


class PreviewMapping(_Asked):
    source: UUID = Field(description="The channel's connection of a route.")
    target: UUID = Field(description="The CRM's connection of it.")
    document: str
    last: int = Field(20, ge=1, le=100, description="So many messages, the latest.")
