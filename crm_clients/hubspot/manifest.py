"""The registry's entry: how a portal is served, what it may be asked for, and how often."""

from dataclasses import replace
from datetime import timedelta

from crm_clients.contract import Can, CrmManifest
from crm_clients.hubspot import media, oauth
from crm_clients.hubspot.adapter import HubSpot
from crm_clients.hubspot.adapter_on_cards import HubSpotOnCards
from crm_clients.hubspot.bulk import MOST
from crm_clients.hubspot.doors import ApplicationDoor, ConnectionDoor
from crm_clients.hubspot.oauth import Application, Config
from crm_clients.hubspot.pace import CALLS, SEARCH, TOKENS
from mappers.vocabulary import Http, Status
from mappers.vocabulary.adapters import Budget, Manifest

# A property holds 65 536 characters, and HTML doubles some.
TEXT_LIMIT = 10_000
# The server gives a call a hundred seconds; until then it may still take effect.
SETTLES_AFTER = timedelta(seconds=110)
# Calls a second and at once: in no ten seconds more than 110, or 100 for a token made by hand.
OF_APPLICATION, OF_TOKEN = (10, 10), (9, 10)
# And searches: in no second more than five.
OF_SEARCH = 4
FILE_LIMIT_BYTES = 20 * 1024 * 1024


def _build(config: Config, application: Application | None, http: Http) -> HubSpot | HubSpotOnCards:
    """Raises: `ValueError` for a portal that would be called at an address not HubSpot's."""
    there = config.model_copy(update={"api_base": oauth.api_base(config.api_base, application)})
    if config.on_cards:
        return HubSpotOnCards(there, application, http)
    return HubSpot(there, _registered(application), http)


def _registered(application: Application | None) -> Application:
    """Only a channel needs a registration: it belongs to it."""
    if application is None:
        raise ValueError(
            "a channel needs a registration of ours; without one, connect the portal with --token"
        )
    return application


def _accounts(config: Config) -> tuple[str, ...]:
    return (config.portal_id,)


def _door(config: Config, _: Application | None) -> ConnectionDoor:
    return ConnectionDoor(config)


def _budgets(config: Config, application: Application | None) -> tuple[Budget, ...]:
    """Calls are counted for each application and portal, searches for the portal as a whole.

    The authorization server publishes no limit.
    """
    client = "" if application is None else application.client_id
    rate, burst = OF_TOKEN if config.is_static else OF_APPLICATION
    portal = config.portal_id
    calls = Budget(name=CALLS, key=f"hubspot:{client}:{portal}", rate_per_s=rate, burst=burst)
    search = Budget(name=SEARCH, key=f"hubspot-search:{portal}", rate_per_s=OF_SEARCH, burst=1)
    if config.is_static:
        return (calls, search)
    tokens = Budget(name=TOKENS, key=f"hubspot-oauth:{client}", rate_per_s=2, burst=5)
    return (calls, search, tokens)


def _bases(config: Config, application: Application | None) -> tuple[str, ...]:
    return (oauth.api_base(config.api_base, application),)


def _mode(config: Config) -> str:
    """A help desk opens a ticket for each thread: where tickets are our deals, it opens them."""
    if config.on_cards:
        return "timeline"
    return "tickets" if config.inbox_opens_tickets and config.case == "tickets" else ""


CAN = Can(
    text_limit=TEXT_LIMIT,
    statuses=frozenset({Status.SENT, Status.READ, Status.FAILED}),
    attachments=media.SHOWN,
    file_limit_bytes=FILE_LIMIT_BYTES,
    replies_told_once=True,
    quotes=True,
    notifies=True,
    tasks=True,
    settles_after=SETTLES_AFTER,
)
ON_CARDS = replace(
    CAN,
    statuses=frozenset({Status.SENT, Status.FAILED}),
    attachments=media.CARRIED,
    quotes=False,
    edits=True,
    deletes=True,
    notifies=False,
    polled=True,
    bulk=MOST,
)
MANIFEST: CrmManifest = Manifest(
    name="hubspot",
    title="HubSpot",
    config=Config,
    application=Application,
    accounts=_accounts,
    build=_build,
    door=_door,
    application_door=ApplicationDoor,
    budgets=_budgets,
    bases=_bases,
    can=CAN,
    mode=_mode,
    modes={"timeline": ON_CARDS, "tickets": replace(CAN, opens_own_deals=True)},
)
