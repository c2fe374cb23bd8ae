"""The registry's entry: how an account is built, what it may be asked for, and how often."""

from datetime import timedelta

from crm_clients.amocrm import media, oauth
from crm_clients.amocrm.adapter import AmoCrm, AmoCrmNotes
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
# A gateway gives up on a call after a minute; until then it may still take effect.
SETTLES_AFTER = timedelta(seconds=65)


def _build(config: Config, application: Application | None, http: Http) -> AmoCrm | AmoCrmNotes:
    """Raises: `ValueError` for an account at an address that is not amoCRM's."""
    base = oauth.account_base(config.base, application)
    there = config.model_copy(update={"base": base})
    if config.timeline == "notes":
        return AmoCrmNotes(there, application, http)
    return AmoCrm(there, _registered(application), http)


def _registered(application: Application | None) -> Application:
    """Only chats need a registration: the channel belongs to it."""
    if application is None:
        raise ValueError(
            "chats need a registration of ours with a chat channel;"
            " without one, connect the account with --notes"
        )
    return application


def _accounts(config: Config) -> tuple[str, ...]:
    return (config.account_id, config.amojo_id)


def _door(config: Config, _: Application | None) -> ConnectionDoor:
    return ConnectionDoor(config)


def _budgets(config: Config, application: Application | None) -> tuple[Budget, ...]:
    """Seven a second are allowed in REST, and excess ends in a block: five.

    The Chats API publishes no limit; seven is what its sibling allows.
    """
    client = "" if application is None else application.client_id
    rest = Budget(name="rest", key=f"amocrm:{client}:{config.account_id}", rate_per_s=5, burst=2)
    if config.timeline == "notes":
        return (rest,)
    amojo = f"amojo:{_registered(application).channel_id}:{config.amojo_id}"
    return (rest, Budget(name="amojo", key=amojo, rate_per_s=7, burst=7))


def _bases(config: Config, application: Application | None) -> tuple[str, ...]:
    base = oauth.account_base(config.base, application)
    if config.timeline == "notes":
        return (base,)
    return (base, oauth.amojo_base(config, _registered(application)))


def _mode(config: Config) -> str:
    return config.timeline


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
        notifies=True,
        keeps_quiet=True,
        tasks=True,
        settles_after=SETTLES_AFTER,
    ),
    mode=_mode,
    modes={
        "notes": Can(
            text_limit=TEXT_LIMIT,
            statuses=frozenset({Status.SENT, Status.FAILED}),
            attachments=frozenset(media.TYPES),
            replies_told_once=True,
            edits=True,
            deletes=True,
            tasks=True,
            polled=True,
            settles_after=SETTLES_AFTER,
        )
    },
)
