"""The registry's entry: how a portal is served, what it may be asked for, and how often."""

from dataclasses import replace
from datetime import timedelta

from crm_clients.bitrix24 import media, oauth
from crm_clients.bitrix24.adapter import Bitrix24
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


def _build(config: Config, application: Application | None, http: Http) -> Bitrix24:
    """Raises: `ValueError` for a portal at an address that is not Bitrix24's."""
    ours = _registered(application)
    base = oauth.portal_base(config.base, ours)
    return Bitrix24(config.model_copy(update={"base": base}), ours, http)


def _registered(application: Application | None) -> Application:
    if application is None:
        raise ValueError("open lines need an application of ours in the portal")
    return application


def _accounts(config: Config) -> tuple[str, ...]:
    return (config.member_id,)


def _door(config: Config, _: Application | None) -> ConnectionDoor:
    return ConnectionDoor(config)


def _budgets(config: Config, application: Application | None) -> tuple[Budget, ...]:
    """A portal counts the calls of each address; an excess is refused, never punished.

    What the answers tell of the time of methods is kept by `time`, which has no rate of its own.
    The authorization server publishes no limit.
    """
    ours, portal = _registered(application).client_id, config.member_id
    rate, burst = ENTERPRISE if is_enterprise(config.plan) else EVERYBODY
    return (
        Budget(name=CALLS, key=f"bitrix24:{portal}", rate_per_s=rate, burst=burst),
        Budget(name=TIME, key=f"bitrix24-time:{portal}:{ours}", rate_per_s=100, burst=250),
        Budget(name="oauth", key=f"bitrix24-oauth:{ours}", rate_per_s=2, burst=5),
    )


def _bases(config: Config, application: Application | None) -> tuple[str, ...]:
    ours = _registered(application)
    base = oauth.portal_base(config.base, ours)
    return (base, oauth.oauth_base(config.oauth_base, base, ours))


def _mode(config: Config) -> str:
    """A line's own settings decide whether it opens deals."""
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
    modes={"deals": replace(CAN, opens_own_deals=True)},
)
