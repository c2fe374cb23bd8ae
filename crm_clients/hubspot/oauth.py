"""Who we are at HubSpot and how a portal signs in: registration, connection, tokens.

A registration (`Application`) is ours and serves many portals; all of them are called at one
address. Only whoever owns this installation can write a registration, so what it names is believed;
without one a person typed a token, and an emulator on this very machine will do, too.

Source: developers.hubspot.com/docs/api/{oauth-quickstart-guide, working-with-oauth, scopes},
…/changelog/new-oauth-v3-api-endpoints-and-standardized-error-responses.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote, urlencode, urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from crm_clients.hubspot.pace import CALLS, TOKENS, wait_of
from crm_clients.hubspot.versions import ACCOUNT, path
from crm_clients.hubspot.versions import TOKENS as OAUTH
from crm_clients.hubspot.wire import AccountDetails
from crm_clients.hubspot.wire import Tokens as Pair
from crm_clients.on_cards import PREFIX, checked_prefix
from mappers.vocabulary import (
    Ambiguous,
    AuthExpired,
    Blocked,
    Failure,
    Http,
    HttpCall,
    HttpReply,
    ProviderError,
    RateLimited,
    Transient,
    usual_failure,
)

API, APP = "https://api.hubapi.com", "https://app.hubspot.com"
OWN_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
# An access token lives for half an hour.
REFRESH_AHEAD = timedelta(minutes=5)
PATIENCE = timedelta(seconds=15)
USER_AGENT = "Threadline"
REQUIRED_SCOPES = (
    "oauth",
    *("crm.objects.contacts.read", "crm.objects.contacts.write"),
    *("crm.objects.deals.read", "crm.objects.deals.write"),
    *("crm.schemas.contacts.write", "crm.schemas.deals.write"),
    "crm.objects.owners.read",
)
CHANNEL_SCOPES = ("conversations.custom_channels.read", "conversations.custom_channels.write")
INBOX_SCOPES = ("conversations.read", "conversations.write")
# A portal whose plan lacks one of these lets us in without it.
OPTIONAL_SCOPES = (*CHANNEL_SCOPES, *INBOX_SCOPES, "tickets", "files", "sales-email-read")
NOT_GRANTED = (
    "a channel takes Sales Hub or Service Hub Professional, and an app that asks for it; this"
    " portal did not grant it. Register the app with --cards to have messages on cards instead"
)
SPENT = frozenset({"BAD_REFRESH_TOKEN", "BAD_AUTH_CODE", "BAD_HUB"})

Timeline = Literal["channel", "cards"]
EntryObject = Literal["notes", "communications"]
Case = Literal["deals", "tickets"]
CommunicationType = Literal["WHATS_APP", "SMS", "LINKEDIN_MESSAGE", "CUSTOM_CHANNEL_CONVERSATION"]


class _Ways(BaseModel):
    """How an account is used: a registration says it for those that consent to it."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    timeline: Timeline = Field(
        "channel", description="Where messages go: into a channel of ours, or onto cards."
    )
    case: Case = Field("deals", description="What a deal is in this portal: a deal, or a ticket.")
    inbox: str = Field(
        "", max_length=255, description="Inbox to use, by number or name; else the first one."
    )
    entry_object: EntryObject = Field(
        "notes", description="On cards: what a message is written as."
    )
    communication_type: CommunicationType = Field(
        "SMS", description="On cards: what a message that is a communication calls itself."
    )
    reply_prefix: str = Field(
        PREFIX, description="On cards: how a note begins that is an answer to the customer."
    )

    @field_validator("reply_prefix")
    @classmethod
    def _must_be_typed_on_purpose(cls, value: str) -> str:
        return checked_prefix(value)


class Application(_Ways):
    """Our registration: an app of the developer platform, with OAuth."""

    client_id: str = Field(min_length=1, description="Client ID, from the app's Auth tab.")
    client_secret: SecretStr = Field(
        description="Client secret, beside it. It signs webhooks, too."
    )
    app_id: str = Field("", pattern=r"^\d{0,20}$", description="App ID, a number, of the same app.")
    redirect_uri: str = Field("", description="Exactly as the app has it.")
    developer_key: SecretStr = Field(
        SecretStr(""), description="Developer API key of its account: registers the channel."
    )
    channel_id: str = Field(
        "",
        pattern=r"^\d{0,20}$",
        description="Custom channel of the app; found or made when empty.",
    )
    title: str = Field("Threadline", description="How the channel is called in a portal.")
    hook_address: str = Field("", description="Public address of this registration's hooks.")
    api_base: str = Field(API, description="Other than the default for tests only.")
    app_base: str = Field(APP, description="Where people give consent.")
    trusted_origins: tuple[str, ...] = Field(
        (), description="Origins other than HubSpot's where it may be called: an emulator."
    )


class Config(_Ways):
    """One portal. `refresh_token` is None for a token made by hand, which nobody can renew.

    Names of properties and numbers of a channel are found or made by set-up; an empty one means
    that the portal does not let us.
    """

    portal_id: str = Field(pattern=r"^\d{1,20}$", description="Number of the portal (Hub ID).")
    access_token: SecretStr = Field(description="OAuth access token, or a service key (pat-…).")
    refresh_token: SecretStr | None = Field(None, description="Absent for a service key.")
    expires_at: datetime | None = Field(None, description="When the access token runs out, UTC.")
    scopes: tuple[str, ...] = Field((), description="What was granted; empty when nobody tells.")
    api_base: str = Field(API, description="Where HubSpot is called.")
    zone: str = Field("UTC", max_length=64, description="The account's own time zone.")
    ui_domain: str = Field("", max_length=255, description="Where its people work.")
    record_marker: str = Field(
        "", max_length=100, description="Unique property of contacts that holds our key."
    )
    deal_marker: str = Field(
        "", max_length=100, description="The same of deals or of tickets, as they are used."
    )
    marked: tuple[str, ...] = Field(
        (), description="Kinds of things on timelines that hold our key in such a property, too."
    )
    closing_stages: tuple[tuple[str, Literal["open", "won", "lost"]], ...] = Field(
        (), description="Stages that end a deal, with what each means; set-up learns them."
    )
    channel_id: str = Field("", pattern=r"^\d{0,20}$", description="Found or made by set-up.")
    channel_account_id: str = Field(
        "", pattern=r"^\d{0,20}$", description="Our account in the channel; made by set-up."
    )
    inbox_id: str = Field("", pattern=r"^\d{0,20}$", description="Where it lies; found by set-up.")
    inbox_opens_tickets: bool = Field(
        False, description="It is a help desk: each thread gets a ticket; found by set-up."
    )
    hook_address: str = Field("", description="Where set-up sent the hooks to.")

    @model_validator(mode="after")
    def _a_channel_needs_an_application(self) -> "Config":
        if self.timeline == "channel" and self.is_static:
            raise ValueError("a channel needs an application: a token made by hand has cards alone")
        return self

    @field_validator("expires_at")
    @classmethod
    def _must_know_its_zone(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.utcoffset() is None:
            raise ValueError("expires_at must carry a time zone")
        return value

    @property
    def is_static(self) -> bool:
        return self.refresh_token is None

    @property
    def on_cards(self) -> bool:
        return self.timeline == "cards"

    def may(self, scope: str) -> bool:
        """Say whether a scope was granted; of a token made by hand nobody tells."""
        return not self.scopes or scope in self.scopes


def api_base(given: str, application: Application | None) -> str:
    """Return the address that HubSpot is called at, or refuse one that could be anybody's.

    Raises: `ValueError` for an address that neither HubSpot nor our registration vouches for.
    """
    address = given.strip().rstrip("/")
    if not address:
        return API if application is None else application.api_base.rstrip("/")
    if address == API or _vouches(application, address):
        return address
    raise ValueError("this is not where HubSpot is called")


def _vouches(application: Application | None, address: str) -> bool:
    parts = urlsplit(address)
    if parts.username or parts.password or parts.query or parts.fragment:
        return False
    if application is None:
        return parts.hostname in OWN_MACHINE
    origin = f"{parts.scheme}://{parts.netloc}"
    return origin in application.trusted_origins or address == application.api_base.rstrip("/")


def authorize_url(application: Application, state: str) -> str:
    """Where to send a portal's administrator to give consent."""
    query = {
        "client_id": application.client_id,
        "redirect_uri": application.redirect_uri,
        "scope": " ".join(REQUIRED_SCOPES),
        "optional_scope": " ".join(OPTIONAL_SCOPES),
        "state": state,
    }
    spelt = urlencode(query, quote_via=quote)
    return f"{application.app_base.rstrip('/')}/oauth/authorize?{spelt}"


async def exchange_code(
    http: Http, application: Application, base: str, code: str
) -> Mapping[str, Any]:
    """Turn the code of a consent redirect into the values of a new connection's config.

    Raises: `ProviderError`; `ValueError` when `base` is not where HubSpot is called, or the portal
    cannot be used as the registration says.
    """
    trusted = api_base(base, application)
    grant = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": application.redirect_uri,
    }
    pair, values = await _ask_for_tokens(http, application, trusted, grant)
    lacks_channel = bool(pair.scopes) and not set(CHANNEL_SCOPES) <= set(pair.scopes)
    if application.timeline == "channel" and lacks_channel:
        raise ValueError(NOT_GRANTED)
    account = await _read_account(http, trusted, pair.access_token.get_secret_value())
    ways = {name: getattr(application, name) for name in _Ways.model_fields}
    return {**ways, **values, **account, "portal_id": pair.portal, "api_base": trusted}


async def connect_with_token(
    http: Http, application: Application | None, base: str, token: str
) -> Mapping[str, Any]:
    """Turn a service key, made by hand in the portal, into the values of a config.

    Raises: `ProviderError`; `ValueError` when `base` is not where HubSpot is called.
    """
    trusted = api_base(base, application)
    account = await _read_account(http, trusted, token)
    return {
        "access_token": token,
        "refresh_token": None,
        "expires_at": None,
        "api_base": trusted,
        "timeline": "cards",
        **account,
    }


async def renew(http: Http, application: Application | None, config: Config) -> Mapping[str, Any]:
    """Ask for a new access token; keep whichever refresh token comes with it.

    Raises: `ProviderError`. It may be asked twice: HubSpot does not spend the old one at once.
    """
    if config.refresh_token is None or application is None:
        raise ProviderError(AuthExpired(code="hubspot.static_token"))
    grant = {
        "grant_type": "refresh_token",
        "refresh_token": config.refresh_token.get_secret_value(),
    }
    pair, values = await _ask_for_tokens(http, application, config.api_base, grant)
    if pair.portal != config.portal_id:
        raise ProviderError(AuthExpired(code="hubspot.another_portal"))
    return values


def is_stale(config: Config, now: datetime) -> bool:
    can_renew = config.refresh_token is not None and config.expires_at is not None
    return can_renew and config.expires_at is not None and config.expires_at - REFRESH_AHEAD <= now


async def _ask_for_tokens(
    http: Http, application: Application, base: str, grant: Mapping[str, str]
) -> tuple[Pair, Mapping[str, Any]]:
    form = {
        "client_id": application.client_id,
        "client_secret": application.client_secret.get_secret_value(),
        **grant,
    }
    repeatable = grant["grant_type"] == "refresh_token"
    call = HttpCall(
        method="POST",
        url=f"{base}{path(OAUTH, 'token')}",
        label="hubspot.oauth.token",
        headers={
            "user-agent": USER_AGENT,
            "content-type": "application/x-www-form-urlencoded",
        },
        content=urlencode(form).encode(),
        timeout=PATIENCE,
        repeatable=repeatable,
        budgets=(TOKENS,),
    )
    reply = await http.send(call)
    if failure := _refused_tokens(reply, http.now(), repeatable=repeatable):
        raise ProviderError(failure)
    unsure = Transient if repeatable else Ambiguous
    try:
        pair = Pair.model_validate(reply.value())
    except ValidationError:
        raise ProviderError(unsure(code="hubspot.garbled_tokens")) from None
    values: dict[str, Any] = {
        "access_token": pair.access_token.get_secret_value(),
        "refresh_token": pair.refresh_token.get_secret_value(),
        "expires_at": http.now() + timedelta(seconds=pair.expires_in),
    }
    if pair.scopes:
        values["scopes"] = tuple(pair.scopes)
    return pair, values


def _refused_tokens(reply: HttpReply, now: datetime, *, repeatable: bool) -> Failure | None:
    """A refusal has an envelope of its own; its sentence may quote the request and is left out."""
    match usual_failure(reply, repeatable=repeatable):
        case None:
            return None
        case RateLimited(code=code):
            return RateLimited(code=code, retry_after=wait_of(reply, "", now))
        case Ambiguous(code=code):
            return Ambiguous(code=code)
        case Transient(code=code):
            return Transient(code=code)
        case _ if reply.at("status") in SPENT or reply.at("error") == "invalid_grant":
            return AuthExpired(code="hubspot.grant_refused")
        case _:
            return Blocked(code="hubspot.registration_refused", by="provider")


async def _read_account(http: Http, base: str, token: str) -> Mapping[str, Any]:
    call = HttpCall(
        method="GET",
        url=f"{base}{path(ACCOUNT, 'details')}",
        label="hubspot.account",
        headers={"authorization": f"Bearer {token}", "user-agent": USER_AGENT},
        repeatable=True,
        budgets=(CALLS,),
    )
    reply = await http.send(call)
    if failure := usual_failure(reply, repeatable=True):
        raise ProviderError(failure)
    try:
        account = AccountDetails.model_validate(reply.value())
    except ValidationError:
        raise ProviderError(Transient(code="hubspot.garbled_success")) from None
    return {
        "portal_id": account.portal,
        "zone": account.zone or "UTC",
        "ui_domain": account.ui_domain,
    }
