"""The registry's entry: how an account is built, what it may be asked for, and how often."""

from datetime import timedelta

from crm_clients.amocrm import media, oauth
from crm_clients.amocrm.adapter import AmoCrm
from crm_clients.amocrm.doors import ApplicationDoor, ConnectionDoor
from crm_clients.amocrm.oauth import Application, Config
from crm_clients.contract import Can, CrmManifest
from mappers.vocabulary import (
    Http,
    Status,
)
from mappers.vocabulary.adapters import Budget, Manifest

# amoCRM publishes no limit; long enough for people, short enough for every field it may land in.
TEXT_LIMIT = 4000


def _build(config: Config, application: Application | None, http: Http) -> AmoCrm:
    """Raises: `ValueError` for an account at an address that is not amoCRM's."""
    registered = _registered(application)
    base = oauth.account_base(config.base, registered)
    return AmoCrm(config.model_copy(update={"base": base}), registered, http)


def _registered(application: Application | None) -> Application:
    if application is None:
        raise ValueError("an amoCRM account is connected through a registration of ours")
    return application


def _accounts(config: Config) -> tuple[str, ...]:
    return (config.account_id, config.amojo_id)


def _door(config: Config, _: Application | None) -> ConnectionDoor:
    return ConnectionDoor(config)


def _budgets(config: Config, application: Application | None) -> tuple[Budget, ...]:
    """Seven a second are allowed in REST, and excess ends in a block: five.

    The Chats API publishes no limit; seven is what its sibling allows.
    """
    ours = _registered(application)
    rest = f"amocrm:{ours.client_id}:{config.account_id}"
    amojo = f"amojo:{ours.channel_id}:{config.amojo_id}"
    return (
        Budget(name="rest", key=rest, rate_per_s=5, burst=2),
        Budget(name="amojo", key=amojo, rate_per_s=7, burst=7),
    )


def _bases(config: Config, application: Application | None) -> tuple[str, ...]:
    ours = _registered(application)
    return (oauth.account_base(config.base, ours), oauth.amojo_base(config, ours))


MANIFEST: CrmManifest = Manifest(
    name="amocrm",
    title="amoCRM",
    config=Config,
    application=Application,
    accounts=_accounts,
    build=_build,
    door=_door,
    application_door=ApplicationDoor,
    budgets=_budgets,
    bases=_bases,
    can=Can(
        text_limit=TEXT_LIMIT,
        statuses=frozenset({Status.SENT, Status.DELIVERED, Status.READ, Status.FAILED}),
        attachments=media.SHOWN,
        replies_told_once=True,
        edits=True,
        quotes=True,
        reactions=True,
        sources=True,
        opens_own_deals=True,
        tasks=True,
        # A gateway gives up on a call after a minute; until then it may still take effect.
        settles_after=timedelta(seconds=65),
    ),
)
