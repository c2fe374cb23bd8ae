"""Who we are at Bitrix24 and how a portal signs in: registration, connection, tokens.

A registration (`Application`) is a local or listed app and serves many portals. A portal's address
and that of its authorization server arrive from outside (a consent redirect, an installation, a
token answer), and the second is where our secret goes: both are believed only when they are
Bitrix24's, or when the registration, which only the owner of this installation can write, names
their origin.

Source: apidocs.bitrix24.com/settings/oauth; the two authorization servers: bitrix24/b24phpsdk.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from crm_clients.bitrix24 import webhook as incoming
from crm_clients.bitrix24.webhook import OWN_MACHINE
from crm_clients.bitrix24.wire import Tokens
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
)

OAUTH = "https://oauth.bitrix.info"
OAUTH_OF_THE_EAST = "https://oauth.bitrix24.tech"
OAUTH_SERVERS = frozenset({OAUTH, OAUTH_OF_THE_EAST})
EASTERN = frozenset({"ru", "am", "az", "ge", "kz", "kg", "uz", "by"})
# Anybody may own bitrix24 in a zone that is not here: such a portal is named by the registration.
ZONES = (
    *("ru", "com", "eu", "de", "fr", "es", "it", "pl", "in", "cn", "kz", "by", "ua", "jp", "vn"),
    *("id", "mx", "co", "uk", "net", "com.br", "com.tr"),
)
HOST = re.compile(rf"[a-z0-9-]{{1,63}}\.bitrix24\.({'|'.join(map(re.escape, ZONES))})")
USER_AGENT = "Threadline"
PATIENCE = timedelta(seconds=15)


class Application(BaseModel):
    """Our registration: an app of our own, local to a portal or listed for all."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    client_id: str = Field(min_length=1, description="Application ID (client_id) of its card.")
    client_secret: SecretStr = Field(description="Application key (client_secret), beside it.")
    redirect_uri: str = Field("", description="What its card has as the address of the handler.")
    title: str = Field("Threadline", description="How the connector is called in a portal.")
    line: str = Field(
        "", max_length=255, description="Open line to use, by number or name; else one is made."
    )
    hook_address: str = Field("", description="Public address of this registration's hooks.")
    oauth_base: str = Field(
        "", description="Authorization server; the one of the portal's region when empty."
    )
    trusted_origins: tuple[str, ...] = Field(
        (), description="Origins outside Bitrix24's domains: a portal on a server of your own."
    )
    timeline: Literal["lines", "cards"] = Field(
        "lines", description="Where messages of its portals go: into open lines, or onto cards."
    )
    reply_prefix: str = Field(
        PREFIX, description="On cards: how a comment begins that is an answer to the customer."
    )

    @field_validator("reply_prefix")
    @classmethod
    def _must_be_typed_on_purpose(cls, value: str) -> str:
        return checked_prefix(value)


class Config(BaseModel):
    """One portal. `application_token` proves its events; an installation brings it.

    Shape: either `member_id` and both tokens, which come from an application, or `webhook`.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    base: str = Field(description="The portal's own address: https://acme.bitrix24.ru.")
    member_id: str = Field(
        "",
        pattern=r"^([0-9A-Za-z]{8,64})?$",
        description="Id of the portal, which renaming keeps; an incoming webhook does not tell it.",
    )
    oauth_base: str = Field("", description="Its authorization server; by region when empty.")
    access_token: SecretStr = Field(
        SecretStr(""), description="OAuth access token, good for an hour."
    )
    refresh_token: SecretStr = Field(SecretStr(""), description="Good for one use and half a year.")
    webhook: SecretStr = Field(
        SecretStr(""), description="Address of an incoming webhook, instead of an application."
    )
    timeline: Literal["lines", "cards"] = Field(
        "lines", description="Where messages go: into an open line, or onto cards."
    )
    reply_prefix: str = Field(
        PREFIX, description="On cards: how a comment begins that is an answer to the customer."
    )
    has_queue: bool = Field(
        default=False, description="Whether the portal keeps a queue of comments for us."
    )
    expires_at: datetime | None = Field(None, description="When the access token runs out, UTC.")
    application_token: SecretStr = Field(
        SecretStr(""), description="Comes with every event; without it none is believed."
    )
    line: str = Field(
        "", pattern=r"^\d{0,20}$", description="The open line; set-up finds or makes one."
    )
    plan: str = Field(
        "", description="The portal's plan as it names it, which set-up reads; `ent…` may do more."
    )
    line_before: tuple[tuple[str, str], ...] = Field(
        (), description="Settings of that line that set-up changed, as they were."
    )
    line_opens_deals: bool = Field(
        default=False, description="Whether the line opens deals by itself; set-up looks."
    )
    hook_address: SecretStr = Field(SecretStr(""), description="Where set-up sent the events to.")

    @model_validator(mode="before")
    @classmethod
    def _takes_its_base_from_a_webhook(cls, values: Any) -> Any:
        given = values.get("webhook") if isinstance(values, Mapping) else None
        address = given.get_secret_value() if isinstance(given, SecretStr) else given
        if not isinstance(address, str) or not address:
            return values
        return {"timeline": "cards", "base": incoming.parse(address).base, **values}

    @model_validator(mode="after")
    def _must_have_one_way_in(self) -> "Config":
        tokens = (self.access_token, self.refresh_token)
        has_tokens = all(each.get_secret_value() for each in tokens)
        if bool(self.webhook.get_secret_value()) == bool(self.member_id and has_tokens):
            raise ValueError("an application's member_id and tokens are needed, or a webhook")
        if self.webhook.get_secret_value() and self.timeline == "lines":
            raise ValueError("open lines need an application: a webhook writes onto cards alone")
        return self

    @property
    def on_cards(self) -> bool:
        return self.timeline == "cards"

    @property
    def key(self) -> str:
        """What of a webhook's address proves who calls; empty for an application."""
        address = self.webhook.get_secret_value()
        return incoming.parse(address).key if address else ""

    @property
    def account(self) -> str:
        """The portal's name for us: its own id or, where nobody tells it, its host."""
        return self.member_id or urlsplit(self.base).netloc

    @field_validator("reply_prefix")
    @classmethod
    def _must_be_typed_on_purpose(cls, value: str) -> str:
        return checked_prefix(value)

    @field_validator("expires_at")
    @classmethod
    def _must_know_its_zone(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.utcoffset() is None:
            raise ValueError("expires_at must carry a time zone")
        return value


def portal_base(given: str, application: Application | None) -> str:
    """Return the address of a portal, or refuse one that could be anybody's.

    Without a registration there is no secret of ours to send, so an emulator on this very machine
    will do, too.
    Raises: `ValueError` for an address that neither Bitrix24 nor our registration vouches for.
    """
    address = given.strip().rstrip("/")
    parts = urlsplit(address if "//" in address else f"https://{address}")
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    origin = f"{parts.scheme}://{parts.netloc}"
    if is_plain and _vouches(application, origin, parts.hostname):
        return f"{origin}{parts.path}"
    # `netloc`, not `hostname`: a port or a user name is no part of a portal's address.
    if is_plain and parts.scheme == "https" and HOST.fullmatch(parts.netloc.lower()):
        return f"https://{parts.netloc.lower()}"
    raise ValueError("this is not the address of a Bitrix24 portal, nor one that we were told of")


def _vouches(application: Application | None, origin: str, host: str | None) -> bool:
    if application is None:
        return host in OWN_MACHINE
    return origin in application.trusted_origins


def oauth_base(given: str, base: str, application: Application) -> str:
    """Return the authorization server, judged as a portal is; by the portal's region if empty.

    Raises: `ValueError` for one that neither Bitrix24 nor our registration vouches for.
    """
    given = application.oauth_base or given
    if not given:
        host = urlsplit(base).hostname or ""
        return OAUTH_OF_THE_EAST if host.rpartition(".")[2] in EASTERN else OAUTH
    address = given.strip().rstrip("/").removesuffix("/rest")
    if address in {*OAUTH_SERVERS, *application.trusted_origins, application.oauth_base}:
        return address
    raise ValueError("this is not an authorization server of Bitrix24")


def authorize_url(application: Application, base: str, state: str) -> str:
    """Where to send a portal's administrator to give consent: a page of that very portal."""
    query = {"client_id": application.client_id, "state": state}
    return f"{base}/oauth/authorize/?{urlencode(query)}"


async def exchange_code(
    http: Http, application: Application, base: str, code: str
) -> Mapping[str, Any]:
    """Turn the code of a consent redirect, good for half a minute, into values of a config.

    Raises: `ValueError` when `base` is no portal's address; `ProviderError`.
    """
    trusted = portal_base(base, application)
    server = oauth_base("", trusted, application)
    grant = {"grant_type": "authorization_code", "code": code}
    values, member = await _ask_for_tokens(http, application, server, grant)
    return {"base": trusted, **values, "member_id": member}


async def renew(http: Http, application: Application | None, config: Config) -> Mapping[str, Any]:
    """Spend the refresh token on a new pair; learn the portal's address, should it have changed.

    Raises: `ProviderError`. A lost answer is doubt: the old token may have been spent. Nobody but a
    person can renew a webhook.
    """
    if application is None:
        raise ProviderError(AuthExpired(code="bitrix24.webhook_refused"))
    server = oauth_base(config.oauth_base, config.base, application)
    spent = config.refresh_token.get_secret_value()
    values, member = await spend(http, application, server, spent)
    if member != config.member_id:
        raise ProviderError(AuthExpired(code="bitrix24.another_portal"))
    return values


async def spend(
    http: Http, application: Application, server: str, refresh_token: str
) -> tuple[Mapping[str, Any], str]:
    """Change a refresh token for values of a config; return the id of its portal, too."""
    grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return await _ask_for_tokens(http, application, server, grant)


def is_stale(config: Config, now: datetime) -> bool:
    """A token is renewed when it has run out and not before: Bitrix24 blocks apps that do."""
    return config.expires_at is not None and config.expires_at <= now


def _values(tokens: Tokens, http: Http, application: Application) -> Mapping[str, Any]:
    found: dict[str, Any] = {
        "access_token": tokens.access_token.get_secret_value(),
        "refresh_token": tokens.refresh_token.get_secret_value(),
        "expires_at": http.now() + timedelta(seconds=tokens.expires_in),
    }
    try:
        if tokens.client_endpoint:
            endpoint = tokens.client_endpoint.rstrip("/").removesuffix("/rest")
            found["base"] = portal_base(endpoint, application)
        if tokens.server_endpoint:
            base = found.get("base", "")
            found["oauth_base"] = oauth_base(tokens.server_endpoint, base, application)
    except ValueError:
        # The pair is good and lasts; who would have it sent elsewhere is not listened to.
        return found
    return found


async def _ask_for_tokens(
    http: Http, application: Application, server: str, grant: Mapping[str, str]
) -> tuple[Mapping[str, Any], str]:
    """A form is accepted where a query is documented, and keeps the secret out of addresses."""
    secret = application.client_secret.get_secret_value()
    form = {"client_id": application.client_id, "client_secret": secret, **grant}
    call = HttpCall(
        method="POST",
        url=f"{server}/oauth/token/",
        label="bitrix24.oauth.token",
        headers={
            "user-agent": USER_AGENT,
            "content-type": "application/x-www-form-urlencoded",
        },
        content=urlencode(form).encode(),
        timeout=PATIENCE,
        budgets=("oauth",),
    )
    reply = await http.send(call)
    if failure := _refused_tokens(reply):
        raise ProviderError(failure)
    try:
        tokens = Tokens.model_validate(reply.value())
    except ValidationError:
        raise ProviderError(Ambiguous(code="bitrix24.garbled_tokens")) from None
    return _values(tokens, http, application), tokens.member_id


def _refused_tokens(reply: HttpReply) -> Failure | None:
    """The body decides: statuses of refusals differ, and one comes as a success.

    The provider's sentence is left out, since it may quote the request.
    """
    error = reply.at("error")
    match error:
        case str() if error.lower() == "payment_required":
            return Blocked(code="bitrix24.plan", by="provider")
        case str():
            return AuthExpired(code="bitrix24.grant_refused")
        case _ if 200 <= reply.status < 300:
            return None
        case _ if 400 <= reply.status < 500:
            return Blocked(code="bitrix24.no_portal", by="provider")
        case _:
            return Ambiguous(code="bitrix24.garbled_tokens")
