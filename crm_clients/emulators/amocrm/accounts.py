"""How accounts, integrations and channels come to be, change hands, and end."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import cards, fields, oauth
from .model import (
    INCOMING_LEADS,
    LOST,
    WON,
    Account,
    Channel,
    Connection,
    Contact,
    CustomField,
    Integration,
    Json,
    Lead,
    Pipeline,
    Status,
    User,
)
from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What an integration holds for one account; no refresh token if it is long-lived."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)


class Accounts:
    """The part of the emulator that an administrator, or support, works with."""

    world: World

    def add_account(
        self,
        subdomain: str,
        *,
        amojo_id: str | None = None,
        users: Collection[str] = ("Ольга Менеджер",),
        is_api_filter_enabled: bool = False,
    ) -> Account:
        """Open an account with one pipeline and the predefined fields; `users` are names."""
        world = self.world
        account = Account(
            id=world.number(),
            subdomain=subdomain,
            name=subdomain.title(),
            amojo_id=amojo_id or world.uuid(),
            uuid=world.uuid(),
            is_api_filter_enabled=is_api_filter_enabled,
        )
        account.fields = fields.predefined(iter(world.number, None))
        world.accounts[account.id] = account
        self.add_pipeline(subdomain, "Воронка", ("Первичный контакт", "Переговоры"))
        for name in users:
            self.add_user(subdomain, name)
        return account

    def add_user(self, account: str | int, name: str, *, is_active: bool = True) -> User:
        number = self.world.number()
        user = User(
            id=number,
            name=name,
            email=f"user{number}@example.com",
            amojo_id=self.world.uuid(),
            is_active=is_active,
        )
        self.world.account(account).users[user.id] = user
        return user

    def add_pipeline(self, account: str | int, name: str, stages: Collection[str]) -> Pipeline:
        """Add a pipeline: unsorted, the stages, won and lost. The first one is the main one."""
        where, number = self.world.account(account), self.world.number
        statuses = [Status(id=number(), name="Неразобранное", sort=10, type=INCOMING_LEADS)]
        statuses += [
            Status(id=number(), name=stage, sort=10 * place)
            for place, stage in enumerate(stages, 2)
        ]
        statuses.append(Status(id=WON, name="Успешно реализовано", sort=10000))
        statuses.append(Status(id=LOST, name="Закрыто и не реализовано", sort=11000))
        is_main = not where.pipelines
        pipeline = Pipeline(id=number(), name=name, is_main=is_main, statuses=statuses)
        where.pipelines[pipeline.id] = pipeline
        return pipeline

    def add_field(self, account: str | int, entity: str, body: Mapping[str, Any]) -> CustomField:
        """Add a custom field to contacts or leads; `body` as in REST: `name`, `type`, `code`…"""
        return fields.add(self.world, self.world.account(account), entity, dict(body))

    def remove_field(self, account: str | int, entity: str, field_id: int) -> None:
        """Delete a custom field, as an admin does; what cards held in it is not shown any more."""
        del self.world.account(account).fields[entity][field_id]

    def add_contact(self, account: str | int, body: Mapping[str, Any]) -> Contact:
        """Write a contact as a REST POST would, but raise no hook."""
        where = self.world.account(account)
        return cards.create_contact(
            self.world, where, _checked(self.world, where, "contacts", body), by=0
        )

    def add_lead(self, account: str | int, body: Mapping[str, Any]) -> Lead:
        """Write a lead as a REST POST would, but raise no hook."""
        where = self.world.account(account)
        return cards.create_lead(
            self.world, where, _checked(self.world, where, "leads", body), by=0
        )

    def add_integration(
        self,
        redirect_uri: str,
        *,
        name: str = "Bridge",
        client_id: str | None = None,
        client_secret: str | None = None,
        uninstall_url: str | None = None,
    ) -> Integration:
        integration = Integration(
            client_id=client_id or self.world.uuid(),
            client_secret=client_secret or self.world.hex(64),
            redirect_uri=redirect_uri,
            name=name,
            uninstall_url=uninstall_url,
        )
        self.world.integrations[integration.client_id] = integration
        return integration

    def add_channel(
        self,
        integration: Integration | str,
        hook_url: str,
        *,
        approved: Collection[Account | str] = (),
        channel_id: str | None = None,
        secret: str | None = None,
    ) -> Channel:
        """Register a chat channel as support does; `hook_url` contains `:scope_id`.

        It may be connected to the accounts in `approved`, and is connected to none yet.
        """
        owner = integration if isinstance(integration, str) else integration.client_id
        title = self.world.integrations[owner].name
        channel = Channel(
            id=channel_id or self.world.uuid(),
            code=f"amo.ext.{self.world.number()}",
            title=title,
            secret=secret or self.world.hex(40),
            bot_id=self.world.uuid(),
            bot_name=f"{title} bot",
            hook_url=hook_url,
            client_id=owner,
        )
        for each in approved:
            where = each if isinstance(each, Account) else self.world.account(each)
            channel.approved.add(where.amojo_id)
        self.world.channels[channel.id] = channel
        return channel

    def connect_channel(self, channel: Channel | str, account: str | int) -> str:
        """Connect without the API, as a stage is set; return the scope id."""
        known = self.world.channels[channel] if isinstance(channel, str) else channel
        where = self.world.account(account)
        known.approved.add(where.amojo_id)
        known.connections[where.amojo_id] = Connection(title=known.title, hook_api_version="v2")
        return known.scope_id(where)

    def consent(self, client_id: str, account: str | int) -> str:
        """Return an authorisation code, as if an administrator had just clicked "allow"."""
        integration, where = self._both(client_id, account)
        return oauth.issue_code(self.world, integration, where, _admin(where).id)

    def tokens(self, client_id: str, account: str | int) -> Tokens:
        """Install the integration and return a pair of tokens, without the OAuth dance."""
        integration, where = self._both(client_id, account)
        grant = oauth.open_grant(self.world, integration, where, _admin(where).id)
        access = oauth.issue_access(self.world, grant)
        return Tokens(access_token=access.value, refresh_token=grant.refresh_token)

    def long_lived_token(self, client_id: str, account: str | int, *, days: int = 365) -> Tokens:
        """Make a token in the settings, which nothing refreshes."""
        integration, where = self._both(client_id, account)
        grant = oauth.open_grant(self.world, integration, where, _admin(where).id)
        access = oauth.issue_access(self.world, grant, life_s=days * 86400.0)
        return Tokens(access_token=access.value)

    def revoke(self, client_id: str, account: str | int) -> None:
        """Make every token of the integration for this account worthless."""
        oauth.revoke(self.world, *self._both(client_id, account))

    def uninstall(self, client_id: str, account: str | int) -> None:
        """Revoke the tokens, disconnect the channels, send the signed farewell."""
        integration, where = self._both(client_id, account)
        oauth.revoke(self.world, integration, where)
        for channel in self.world.channels.values():
            if channel.client_id == client_id:
                channel.connections.pop(where.amojo_id, None)
        farewell = oauth.uninstall_hook(integration, where)
        if farewell is not None:
            self.world.background.start(self.world.stage.push(farewell))

    def rename(self, account: str | int, subdomain: str) -> None:
        """Change the subdomain; the old address is nobody's from now on."""
        self.world.account(account).subdomain = subdomain

    def unblock(self) -> None:
        """Lift every block for excess, as support does on request."""
        self.world.traffic.clear()

    def _both(self, client_id: str, account: str | int) -> tuple[Integration, Account]:
        return self.world.integrations[client_id], self.world.account(account)


def _admin(account: Account) -> User:
    return next(user for user in account.users.values() if user.is_admin)


def _checked(world: World, account: Account, entity: str, body: Mapping[str, Any]) -> Json:
    item = dict(body)
    wrong = list(cards.mistakes(world, account, entity, item))
    if wrong:
        raise ValueError(str(wrong))
    return item
