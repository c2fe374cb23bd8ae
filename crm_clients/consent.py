"""The CRMs whose accounts let us in by a page, an installation, or a token, one line each.

Beside the registry, because only connecting needs it: an account that is connected never does.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_clients.amocrm import MANIFEST as AMOCRM
from crm_clients.amocrm import authorize_url, connect_with_token, exchange_code
from crm_clients.amocrm.oauth import account_base
from crm_clients.bitrix24 import MANIFEST as BITRIX24
from crm_clients.bitrix24 import authorize_url as bitrix24_url
from crm_clients.bitrix24 import exchange_code as bitrix24_code
from crm_clients.bitrix24 import install
from crm_clients.bitrix24.oauth import portal_base
from crm_clients.bitrix24.pages import MAY_FINISH, installed
from crm_clients.hubspot import MANIFEST as HUBSPOT
from crm_clients.hubspot import authorize_url as hubspot_url
from crm_clients.hubspot import connect_with_token as hubspot_token
from crm_clients.hubspot import exchange_code as hubspot_code
from crm_clients.hubspot.oauth import api_base
from mappers.vocabulary import Http, Webhook

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """How the values of a new account's config are come by.

    Shape: the first argument of each function is the registration, but for those that call the
    provider, where it follows the port; they raise `ValueError`, in words for whoever connects,
    for an account that cannot be used as it was asked to be. `base` checks the address of an
    account, which arrives from outside, and raises `ValueError`; so does `authorize_url`, where the
    page belongs to the account. `bases` are the addresses that the calls go to, `budgets` the names
    that they draw on.
    `connect_with_token` and `installation` are None where a provider has no such way in. `joined`
    names the account on whose pages somebody began to connect us, given the query of the page of
    ours that it opens.
    """

    authorize_url: Callable[[Any, str, str], str]
    exchange_code: Callable[[Http, Any, str, str], Awaitable[Values]]
    base: Callable[[Any, str], str]
    bases: Callable[[Any, str], tuple[str, ...]]
    budgets: tuple[str, ...]
    connect_with_token: Callable[[Http, Any, str, str], Awaitable[Values]] | None = None
    installation: "Installation | None" = None
    joined: Callable[[Mapping[str, str]], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """An account that installs us posts its credentials to an address of ours.

    `take` turns that call into values, or raises `ValueError`; `page`, given the call's query, is
    what the account's administrator sees then, in a frame of the account, and `policy` what the
    page may do.
    """

    take: Callable[[Http, Any, Webhook], Awaitable[Values]]
    page: Callable[[Mapping[str, str]], str]
    policy: str


CONSENTS: Mapping[str, Consent] = {
    AMOCRM.name: Consent(
        authorize_url=lambda application, _, state: authorize_url(application, state),
        exchange_code=exchange_code,
        connect_with_token=connect_with_token,
        base=lambda application, given: account_base(given, application),
        bases=lambda _, base: (base,),
        budgets=("rest",),
    ),
    BITRIX24.name: Consent(
        authorize_url=lambda application, base, state: bitrix24_url(
            application, portal_base(base, application), state
        ),
        exchange_code=bitrix24_code,
        base=lambda application, given: portal_base(given, application),
        bases=lambda application, base: tuple(
            filter(None, (base, application.oauth_base, *application.trusted_origins))
        ),
        budgets=("oauth",),
        installation=Installation(take=install, page=installed, policy=MAY_FINISH),
    ),
    HUBSPOT.name: Consent(
        authorize_url=lambda application, _, state: hubspot_url(application, state),
        exchange_code=hubspot_code,
        connect_with_token=hubspot_token,
        base=lambda application, given: api_base(given, application),
        bases=lambda _, base: (base,),
        budgets=("calls", "oauth"),
        joined=lambda query: query.get("portalId", ""),
    ),
}
