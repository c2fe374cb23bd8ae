"""The registry's entry: how a portal is served, what it may be asked for, and how often."""

from dataclasses import replace
from datetime import timedelta

from crm_clients.bitrix24 import media, oauth
from crm_clients.bitrix24.adapter import Bitrix24
from crm_clients.bitrix24.adapter_on_cards import Bitrix24OnCards
from crm_clients.bitrix24.batch import MOST
from crm_clients.bitrix24.doors import ConnectionDoor
from crm_clients.bitrix24.oauth import Application, Config
from crm_clients.bitrix24.pace import CALLS, TIME, is_enterprise
from crm_clients.contract import Can, CrmManifest
from mappers.vocabulary import Http, Status
from mappers.vocabulary.adapters import Budget, Manifest

# Bitrix24 cuts at twenty thousand, after we have doubled what has to be escaped.
TEXT_LIMIT = 10_000
# The server gives a call a minute; until then it may still take effect.
SETTLES_AFTER = timedelta(seconds=65)
# Calls a second and at once: a little less at once than the fifty and 250 that are published.
EVERYBODY, ENTERPRISE = (2, 45), (5, 225)
FILE_LIMIT_BYTES = 20 * 1024 * 1024


def _build(
    config: Config, application: Application | None, http: Http
) -> Bitrix24 | Bitrix24OnCards:
    """Raises: `ValueError` for a portal at an address that is not Bitrix24's."""
    there = config.model_copy(update={"base": _base(config, application)})
    if config.on_cards:
        return Bitrix24OnCards(there, application, http)
    return Bitrix24(there, _registered(application), http)


def _base(config: Config, application: Application | None) -> str:
    """Return where a portal is called: by whoever typed a webhook, or as a portal says itself."""
    if config.key:
        return config.base
    return oauth.portal_base(config.base, _registered(application))


def _registered(application: Application | None) -> Application:
    if application is None:
        raise ValueError("an application of ours is needed in the portal, or a webhook of it")
    return application


def _accounts(config: Config) -> tuple[str, ...]:
    return (config.account,)


def _door(config: Config, _: Application | None) -> ConnectionDoor:
    return ConnectionDoor(config)


def _budgets(config: Config, application: Application | None) -> tuple[Budget, ...]:
    """A portal counts the calls of each address; an excess is refused, never punished.

    What the answers tell of the time of methods is kept by `time`, which has no rate of its own.
    The authorization server publishes no limit.
    """
    rate, burst = ENTERPRISE if is_enterprise(config.plan) else EVERYBODY
    portal = config.account
    calls = Budget(name=CALLS, key=f"bitrix24:{portal}", rate_per_s=rate, burst=burst)
    if config.key:
        return (calls, _time(f"{portal}:webhook"))
    ours = _registered(application).client_id
    tokens = Budget(name="oauth", key=f"bitrix24-oauth:{ours}", rate_per_s=2, burst=5)
    return (calls, _time(f"{portal}:{ours}"), tokens)


def _time(whose: str) -> Budget:
    return Budget(name=TIME, key=f"bitrix24-time:{whose}", rate_per_s=100, burst=250)


def _bases(config: Config, application: Application | None) -> tuple[str, ...]:
    base = _base(config, application)
    if config.key:
        return (base,)
    ours = _registered(application)
    return (base, oauth.oauth_base(config.oauth_base, base, ours))


def _mode(config: Config) -> str:
    """Name what an account has; a line's own settings decide whether it opens deals."""
    if config.key:
        return "webhook"
    if config.on_cards:
        return "timeline"
    return "deals" if config.line_opens_deals else ""


CAN = Can(
    text_limit=TEXT_LIMIT,
    statuses=frozenset({Status.SENT, Status.DELIVERED, Status.FAILED}),
    attachments=media.SHOWN,
    file_limit_bytes=FILE_LIMIT_BYTES,
    replies_told_once=True,
    edits=True,
    deletes=True,
    notifies=True,
    bulk=MOST,
    tasks=True,
    settles_after=SETTLES_AFTER,
)
ON_CARDS = replace(
    CAN, statuses=frozenset({Status.SENT, Status.FAILED}), notifies=False, polled=True, bulk=1
)
MANIFEST: CrmManifest = Manifest(
    name="bitrix24",
    title="Bitrix24",
    config=Config,
    application=Application,
    accounts=_accounts,
    build=_build,
    door=_door,
    application_door=None,
    budgets=_budgets,
    bases=_bases,
    can=CAN,
    mode=_mode,
    modes={
        "deals": replace(CAN, opens_own_deals=True),
        "timeline": ON_CARDS,
        "webhook": ON_CARDS,
    },
)
