"""The JSON that HubSpot answers with, as far as several of us read it.

Property values are strings or null, whatever they hold; an id is a string here and a number there.
What we do not need is not declared; only what makes a thing useless when absent is required.

Source: the specifications of HubSpot/HubSpot-public-api-spec-collection; samples of the
documentation, which say numbers where those say strings.
"""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from crm_clients.forms import storable
from mappers.text import read_json
from mappers.vocabulary import MalformedWebhook


def _as_text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return storable(value) if isinstance(value, str) else value


def _as_number(value: Any) -> Any:
    return 0 if value in (None, "") else value


def _as_list(value: Any) -> Any:
    return [] if value is None else value


def _as_map(value: Any) -> Any:
    return {} if value is None else value


Text = Annotated[str, BeforeValidator(_as_text)]
Id = Annotated[str, BeforeValidator(_as_text), Field(min_length=1, max_length=64)]
Number = Annotated[int, BeforeValidator(_as_number), Field(ge=0, le=2**63)]
Flag = Annotated[bool, BeforeValidator(lambda value: value in (True, "true"))]
Texts = Annotated[list[Text], BeforeValidator(_as_list)]
Properties = Annotated[dict[str, Text], BeforeValidator(_as_map)]


class Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Tokens(Read):
    """What the authorization server gives for a code or a refresh token."""

    access_token: SecretStr = Field(min_length=1)
    refresh_token: SecretStr = Field(min_length=1)
    expires_in: int = Field(gt=0, lt=10**9)
    portal: Id = Field(alias="hub_id")
    scopes: Texts = []


class AccountDetails(Read):
    """`type` is `STANDARD`, `DEVELOPER_TEST`, `SANDBOX` or `APP_DEVELOPER`."""

    portal: Id = Field(alias="portalId")
    type: Text = Field("", alias="accountType")
    zone: Text = Field("", alias="timeZone")
    ui_domain: Text = Field("", alias="uiDomain")


class CrmObject(Read):
    """A card of any kind. What was asked for and is not set is an empty string."""

    id: Id
    properties: Properties = {}
    created: Text = Field("", alias="createdAt")
    updated: Text = Field("", alias="updatedAt")
    is_archived: Flag = Field(False, alias="archived")
    trace: Text = Field("", alias="objectWriteTraceId")

    def of(self, name: str) -> str:
        return self.properties.get(name, "")


class BatchError(Read):
    """Why an input of a batch was refused; `context` may say which, by what it was traced by."""

    status: Text = ""
    category: Text = ""
    message: Text = Field("", repr=False)
    context: Annotated[dict[str, Any], BeforeValidator(_as_map)] = Field({}, repr=False)

    @property
    def traces(self) -> tuple[str, ...]:
        return tuple(str(each) for each in _listed(self.context.get("objectWriteTraceId")))


class Batch(Read):
    """Answer of a batch: what was done, and with a 207 what was not."""

    results: Annotated[list[CrmObject], BeforeValidator(_as_list)] = []
    errors: Annotated[list[BatchError], BeforeValidator(_as_list)] = []


class Associated(Read):
    """One card at the other end of an association."""

    id: Id = Field(alias="toObjectId")


class Owner(Read):
    """An employee. `id` is what cards name, `user` what conversations name."""

    id: Id
    user: Text = Field("", alias="userId")
    email: Text = Field("", repr=False)
    first_name: Text = Field("", alias="firstName", repr=False)
    last_name: Text = Field("", alias="lastName", repr=False)
    type: Text = "PERSON"
    is_archived: Flag = Field(False, alias="archived")


class CrmEvent(Read):
    """One element of what the portal's webhooks bring; `at` is in milliseconds.

    Older documents call `type` `eventType`. A merge names no object but those that took part.
    """

    type: Text = Field("", alias="subscriptionType")
    older_type: Text = Field("", alias="eventType")
    portal: Id = Field(alias="portalId")
    subscription: Text = Field("", alias="subscriptionId")
    at: Number = Field(0, alias="occurredAt")
    object: Text = Field("", alias="objectId")
    object_type: Text = Field("", alias="objectTypeId")
    name: Text = Field("", alias="propertyName")
    value: Text = Field("", alias="propertyValue", repr=False)
    message: Text = Field("", alias="messageId")
    primary: Text = Field("", alias="primaryObjectId")
    merged: Texts = Field([], alias="mergedObjectIds")
    survivor: Text = Field("", alias="newObjectId")

    @property
    def named(self) -> str:
        return self.type or self.older_type


def parse_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object. Raises: `MalformedWebhook` for anything else."""
    value = parse(body)
    if not isinstance(value, dict):
        raise MalformedWebhook("the body is not a JSON object")
    return value


def parse(body: bytes) -> Any:
    """Read JSON. Raises: `MalformedWebhook`."""
    try:
        return read_json(body)
    except (ValueError, RecursionError):
        raise MalformedWebhook("the body is not JSON") from None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
