"""Who we are at amoCRM and how an account signs in: registration, connection, tokens.

A registration (`Application`) is ours and serves many accounts; its two halves come from different
places: the OAuth pair from the integration's page, the channel from amoCRM's support.

An account's address arrives from outside (`referer` of the consent redirect) and is where we then
send our client secret, so it is believed only when it lies in a domain of amoCRM, or when the
registration, which only the owner of this installation can write, names its origin.

Source: amocrm.ru/developers/content/oauth/{oauth, step-by-step, account-subdomain-info}.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from crm_clients.amocrm.wire import AccountInfo, TokenPair
from crm_clients.on_cards import PREFIX, checked_prefix
from mappers.vocabulary import (
    Ambiguous,
    AuthExpired,
    Failure,
    Http,
    HttpCall,
    HttpReply,
    ProviderError,
    RateLimited,
    usual_failure,
)

AMOJO = "https://amojo.amocrm.ru"
AMOJO_OF = {"amocrm.ru": AMOJO, "amocrm.com": "https://amojo.amocrm.com"}
KOMMO_AMOJO = "https://amojo.kommo.com"
HOST = re.compile(r"[a-z0-9-]{1,63}\.(amocrm\.ru|amocrm\.com|kommo\.com)")
OWN_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
REFRESH_AHEAD = timedelta(minutes=5)
USER_AGENT = "Threadline"


class Application(BaseModel):
    """Our registration. Without the channel's four values accounts connect, but cannot chat."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    client_id: str = Field(description="Integration id, from the integration's Keys tab.")
    client_secret: SecretStr = Field(description="Secret key, from the same tab.")
    redirect_uri: str = Field("", description="Exactly as the integration has it.")
    channel_id: str = Field("", description="Channel id, sent by amoCRM's support.")
    channel_secret: SecretStr = Field(SecretStr(""), description="Channel secret, sent with it.")
    channel_bot_id: str = Field("", description="Id of the channel's bot, sent with it.")
    channel_code: str = Field("", description="Channel code (amo.ext.…), sent with it.")
    title: str = Field("Threadline", description="How the channel is called in an account.")
    hook_address: str = Field("", description="Public address of this registration's hooks.")
    amojo_base: str = Field(AMOJO, description="Chats API; other than the default for tests only.")
    oauth_base: str = Field("https://www.amocrm.ru", description="Where people give consent.")
    trusted_origins: tuple[str, ...] = Field(
        (), description="Origins outside amoCRM's domains where accounts may live: an emulator."
    )

    @property
    def has_channel(self) -> bool:
        return bool(self.channel_id and self.channel_secret.get_secret_value())


class Config(BaseModel):
    """One account. `refresh_token` is None for a long-lived token, which nobody can renew."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    base: str = Field(description="The account's own address: https://acme.amocrm.ru.")
    account_id: str = Field(pattern=r"^\d{1,20}$", description="Number of the account.")
    amojo_id: str = Field(pattern=r"^[0-9A-Za-z-]{1,64}$", description="Its id in the Chats API.")
    access_token: SecretStr = Field(description="OAuth access token, or a long-lived token.")
    refresh_token: SecretStr | None = Field(None, description="Absent for a long-lived token.")
    expires_at: datetime | None = Field(None, description="When the access token runs out, UTC.")
    record_marker_field: int | None = Field(None, description="Found or made by set-up.")
    deal_marker_field: int | None = Field(None, description="Found or made by set-up.")
    hook_address: SecretStr = Field(SecretStr(""), description="Where set-up sent the hooks to.")
    timeline: Literal["chats", "notes"] = Field(
        "chats", description="Where messages go: into chats of our channel, or notes on cards."
    )
    reply_prefix: str = Field(
        PREFIX, description="In notes: how one begins that is an answer to the customer."
    )

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


def account_base(given: str, application: Application | None) -> str:
    """Return the address of an account, or refuse one that could be anybody's.

    Without a registration there is no secret of ours to send, and no consent page that names the
    address: a person typed it. Then an emulator on this very machine will do, too.
    Raises: `ValueError` for an address that neither amoCRM nor our registration vouches for.
    """
    address = given.strip().rstrip("/")
    parts = urlsplit(address if "//" in address else f"https://{address}")
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    origin = f"{parts.scheme}://{parts.netloc}"
    if is_plain and _vouches(application, origin, parts.hostname):
        return f"{origin}{parts.path}"
    # `netloc`, not `hostname`: a port or a user name is no part of an account's address.
    if is_plain and parts.scheme == "https" and HOST.fullmatch(parts.netloc.lower()):
        return f"https://{parts.netloc.lower()}"
    raise ValueError("this is not the address of an amoCRM or Kommo account")


def _vouches(application: Application | None, origin: str, host: str | None) -> bool:
    if application is None:
        return host in OWN_MACHINE
    return origin in application.trusted_origins


def amojo_base(config: Config, application: Application) -> str:
    """Choose the Chats API that belongs to the account's domain."""
    if application.amojo_base != AMOJO:
        return application.amojo_base.rstrip("/")
    domain = (urlsplit(config.base).hostname or "").partition(".")[2]
    return KOMMO_AMOJO if domain == "kommo.com" else AMOJO_OF.get(domain, AMOJO)


def subdomain_of(base: str) -> str:
    """What amoCRM calls the account; the last step of the path where one host serves many."""
    parts = urlsplit(base)
    steps = parts.path.strip("/")
    return steps.rpartition("/")[2] if steps else (parts.hostname or "").partition(".")[0]


def authorize_url(application: Application, state: str) -> str:
    """Where to send an account's administrator to give consent."""
    query = {"client_id": application.client_id, "state": state, "mode": "popup"}
    return f"{application.oauth_base.rstrip('/')}/oauth?{urlencode(query)}"


async def exchange_code(
    http: Http, application: Application, base: str, code: str
) -> Mapping[str, Any]:
    """Turn the code of a consent redirect into the values of a new connection's config.

    Raises: `ValueError` when `base` is no account's address; `ProviderError`.
    """
    trusted = account_base(base, application)
    grant = {"grant_type": "authorization_code", "code": code}
    tokens = await _ask_for_tokens(http, application, trusted, grant)
    account = await _read_account(http, trusted, tokens["access_token"])
    return {**tokens, "base": trusted, **account}


async def connect_with_token(
    http: Http, application: Application | None, base: str, token: str
) -> Mapping[str, Any]:
    """Turn a long-lived token, made by hand in the account, into the values of a config.

    Raises: `ValueError` when `base` is no account's address; `ProviderError`.
    """
    trusted = account_base(base, application)
    account = await _read_account(http, trusted, token)
    return {
        "access_token": token,
        "refresh_token": None,
        "expires_at": expiry_in(token),
        "base": trusted,
        **account,
    }


async def renew(http: Http, application: Application | None, config: Config) -> Mapping[str, Any]:
    """Spend the refresh token, which works once, on a new pair.

    Raises: `ProviderError`. A refusal is final; a lost answer is doubt, since the old token may
    have been spent, and amoCRM keeps no way to learn the new one.
    """
    if config.refresh_token is None or application is None:
        raise ProviderError(AuthExpired(code="amocrm.long_lived_token"))
    spent = config.refresh_token.get_secret_value()
    grant = {"grant_type": "refresh_token", "refresh_token": spent}
    return await _ask_for_tokens(http, application, config.base, grant)


def is_stale(config: Config, now: datetime) -> bool:
    can_renew = config.refresh_token is not None and config.expires_at is not None
    return can_renew and config.expires_at is not None and config.expires_at - REFRESH_AHEAD <= now


def expiry_in(token: str) -> datetime | None:
    """Read when a token runs out from its own claims. Nobody but amoCRM can verify them."""
    try:
        claims = token.split(".")[1]
        padded = claims + "=" * (-len(claims) % 4)
        return datetime.fromtimestamp(json.loads(base64.urlsafe_b64decode(padded))["exp"], UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError, binascii.Error):
        return None


async def _ask_for_tokens(
    http: Http, application: Application, base: str, grant: Mapping[str, str]
) -> Mapping[str, Any]:
    call = HttpCall(
        method="POST",
        url=f"{base}/oauth2/access_token",
        label="amocrm.oauth.token",
        headers={"user-agent": USER_AGENT},
        json={
            "client_id": application.client_id,
            "client_secret": application.client_secret.get_secret_value(),
            "redirect_uri": application.redirect_uri,
            **grant,
        },
        timeout=timedelta(seconds=15),
        budgets=("rest",),
    )
    reply = await http.send(call)
    if failure := _refused_tokens(reply):
        raise ProviderError(failure)
    try:
        pair = TokenPair.model_validate(reply.value())
    except ValidationError:
        raise ProviderError(Ambiguous(code="amocrm.garbled_tokens")) from None
    return {
        "access_token": pair.access_token.get_secret_value(),
        "refresh_token": pair.refresh_token.get_secret_value(),
        "expires_at": http.now() + timedelta(seconds=pair.expires_in),
    }


def _refused_tokens(reply: HttpReply) -> Failure | None:
    """Every refusal but 429 ends the grant, whichever status amoCRM chose that day.

    The provider's sentence is left out: a client reports bodies that quote the request.
    """
    match usual_failure(reply, repeatable=False):
        case None:
            return None
        case RateLimited() as failure:
            return failure
        case Ambiguous(code=code):
            return Ambiguous(code=code)
        case _:
            return AuthExpired(code="amocrm.grant_refused")


async def _read_account(http: Http, base: str, token: str) -> Mapping[str, Any]:
    call = HttpCall(
        method="GET",
        url=f"{base}/api/v4/account",
        label="amocrm.account",
        headers={"authorization": f"Bearer {token}", "user-agent": USER_AGENT},
        params={"with": "amojo_id"},
        repeatable=True,
        budgets=("rest",),
    )
    reply = await http.send(call)
    if failure := usual_failure(reply, repeatable=True):
        raise ProviderError(failure)
    try:
        account = AccountInfo.model_validate(reply.value())
    except ValidationError:
        raise ProviderError(Ambiguous(code="amocrm.garbled_success")) from None
    return {"account_id": str(account.id), "amojo_id": account.amojo_id}
