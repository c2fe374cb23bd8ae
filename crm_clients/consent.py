"""The CRMs whose accounts sign in by a consent page or a token of their own, one line each.

Beside the registry, because only connecting needs it: an account that is connected never does.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_clients.amocrm import MANIFEST as AMOCRM
from crm_clients.amocrm import authorize_url, connect_with_token, exchange_code
from crm_clients.amocrm.oauth import account_base
from mappers.vocabulary import Http

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """How the values of a new account's config are come by.

    Shape: the first argument of each function is the registration, but for those that call the
    provider, where it follows the port. `base` checks the address of an account, which arrives
    from outside, and raises `ValueError`; `budgets` are the names that the calls draw on.
    """

    authorize_url: Callable[[Any, str], str]
    exchange_code: Callable[[Http, Any, str, str], Awaitable[Values]]
    connect_with_token: Callable[[Http, Any, str, str], Awaitable[Values]]
    base: Callable[[Any, str], str]
    budgets: tuple[str, ...]


CONSENTS: Mapping[str, Consent] = {
    AMOCRM.name: Consent(
        authorize_url=authorize_url,
        exchange_code=exchange_code,
        connect_with_token=connect_with_token,
        base=lambda application, given: account_base(given, application),
        budgets=("rest",),
    ),
}
