"""The registry's entry: how a portal is served, what it may be asked for, and how often."""

from dataclasses import replace
from datetime import timedelta

from crm_clients.bitrix24 import media, oauth
from crm_clients.bitrix24.adapter import Bitrix24
from crm_clients.bitrix24.adapter_on_cards import Bitrix24OnCards
from crm_clients.bitrix24.doors import ConnectionDoor
from crm_clients.bitrix24.oauth import Application, Config
from crm_clients.contract import Can, CrmManifest
from mappers.vocabulary import Http, Status
from mappers.vocabulary.adapters import Budget, Manifest

# Bitrix24 cuts at twenty thousand, after we have doubled what has to be escaped.
TEXT_LIMIT = 10_000
# The server gives a call a minute; until then it may still take effect.
SETTLES_AFTER = timedelta(seconds=65)
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
    """A portal lets two calls a second through for each address that calls it, and fifty at once.

    The most expensive plan lets five and 250; an excess is refused, never punished. The
    authorization server publishes no limit.
    """
    rest = Budget(name="rest", key=f"bitrix24:{config.account}", rate_per_s=2, burst=45)
    if config.key:
        return (rest,)
    ours = _registered(application).client_id
    return (rest, Budget(name="oauth", key=f"bitrix24-oauth:{ours}", rate_per_s=2, burst=5))


def _bases(config: Config, application: Application | None) -> tuple[str, ...]:
    base = _base(config, application)
    if config.key:
        return (base,)
    ours = _registered(application)
    return (base, oauth.oauth_base(config.oauth_base, base, ours))


def _mode(config: Config) -> str:
    if config.key:
        return "webhook"
    return "timeline" if config.on_cards else ""


CAN = Can(
    text_limit=TEXT_LIMIT,
    statuses=frozenset({Status.SENT, Status.DELIVERED, Status.FAILED}),
    attachments=media.SHOWN,
    file_limit_bytes=FILE_LIMIT_BYTES,
    replies_told_once=True,
    edits=True,
    deletes=True,
    notifies=True,
    settles_after=SETTLES_AFTER,
)
ON_CARDS = replace(
    CAN, statuses=frozenset({Status.SENT, Status.FAILED}), notifies=False, polled=True
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
    modes={"timeline": ON_CARDS, "webhook": ON_CARDS},
)
