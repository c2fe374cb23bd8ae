"""How portals, people and applications come to be, change, and end."""

from collections.abc import Collection
from typing import Any

from . import built_in, consent, oauth, threads
from .model import App, Json, Portal, Subscription, Tier, TokenKind, User
from .scopes import EVERY_SCOPE, OPTIONAL, REQUIRED, within
from .world import AccessToken, World

FIRST_HUB, FIRST_APP = 4411, 70001


class Portals:
    """The part of the emulator that an administrator, or a developer, works with.

    A portal is named by its id or its name, an application by its id or its client id. Unknown
    ones raise `LookupError`.
    """

    world: World

    def add_portal(
        self,
        name: str,
        *,
        users: Collection[str] = ("Olga Petrova",),
        tier: Tier = "professional",
        hub_id: int | None = None,
    ) -> Portal:
        """Open a portal with its lists, and with people."""
        number = hub_id or max(self.world.portals, default=FIRST_HUB - 1) + 1
        portal = Portal(hub_id=number, name=name, tier=tier)
        built_in.furnish(portal, self.world.now())
        self.world.portals[number] = portal
        for each in users:
            self.add_user(name, each)
        threads.add_inbox(self.world, portal, "Inbox", "INBOX")
        return portal

    def add_user(self, portal: str | int, name: str) -> User:
        where = self.world.portal(portal)
        first, _, last = name.partition(" ")
        user_id = where.number("user")
        user = User(
            id=user_id,
            owner_id=where.number("owner"),
            name=first,
            last_name=last,
            email=f"user{user_id}@example.com",
        )
        where.users[user.id] = user
        return user

    def dismiss(self, portal: str | int, user_id: int) -> None:
        """Let a user leave: they are an archived owner from now on."""
        self.world.portal(portal).user(user_id).is_active = False

    def add_app(
        self,
        redirect_uri: str,
        *,
        name: str = "Bridge",
        required: Collection[str] = REQUIRED,
        optional: Collection[str] = OPTIONAL,
        hook_url: str = "",
    ) -> App:
        """Describe an application, as a developer's project does."""
        app = App(
            app_id=FIRST_APP + len(self.world.apps),
            client_id=self.world.uuid(),
            client_secret=self.world.uuid(),
            developer_key=self.world.uuid(),
            name=name,
            redirect_uris=(redirect_uri,),
            required=frozenset(required),
            optional=frozenset(optional),
            hook_url=hook_url,
        )
        self.world.apps[app.client_id] = app
        return app

    def set_hook(self, app: str | int, url: str) -> None:
        """Let an application's events be sent to this address."""
        self.world.app(app).hook_url = url

    def subscribe(
        self, app: str | int, event: str, *, property_name: str = "", object_type_id: str = ""
    ) -> int:
        """Add what an application hears of, as its project does; return its id."""
        where = self.world.app(app)
        number = 3001 + sum(len(each.subscriptions) for each in self.world.apps.values())
        made = Subscription(
            id=number, event=event, property_name=property_name, object_type_id=object_type_id
        )
        where.subscriptions.append(made)
        return number

    def install(
        self, portal: str | int, app: str | int, *, scopes: Collection[str] | None = None
    ) -> Json:
        """Install an application as consent does, and return what the token endpoint would.

        Without `scopes` it gets all that it may ask for and the tier has.
        """
        where, whose = self.world.portal(portal), self.world.app(app)
        asked = whose.required | whose.optional if scopes is None else frozenset(scopes)
        granted = within(where.tier, asked)
        consent.install(where, whose, granted)
        return oauth.open_grant(self.world, where, whose, granted)

    def tokens(self, portal: str | int, app: str | int) -> Json:
        """Return another pair of tokens of an installed application."""
        where, whose = self.world.portal(portal), self.world.app(app)
        granted = where.installations[whose.app_id].scopes
        return oauth.open_grant(self.world, where, whose, granted)

    def consent(self, portal: str | int, app: str | int) -> str:
        """Install an application and return an authorisation code, as its address would get it."""
        self.install(portal, app)
        where, whose = self.world.portal(portal), self.world.app(app)
        installation = where.installations[whose.app_id]
        return consent.make_code(self.world, where, installation, (whose.redirect_uris[0], ""))

    def static_token(
        self,
        portal: str | int,
        *,
        scopes: Collection[str] = EVERY_SCOPE,
        kind: TokenKind = "service_key",
    ) -> str:
        """Make a token of one account that has no end."""
        where = self.world.portal(portal)
        token = AccessToken(
            value=f"pat-na1-{self.world.uuid()}",
            app_id=self.world.rng.randrange(10**6, 10**7),
            hub_id=where.hub_id,
            user_id=where.user().id,
            scopes=within(where.tier, frozenset(scopes)),
            expires_at=None,
            kind=kind,
        )
        self.world.tokens[token.value] = token
        return token.value

    def uninstall(self, portal: str | int, app: str | int) -> None:
        """Remove an application: its tokens end, and nothing tells it so."""
        consent.uninstall(self.world, self.world.portal(portal), self.world.app(app))

    def revoke_token(self, token: str) -> None:
        """Take a static token away."""
        self.world.tokens.pop(token)

    def remove(self, portal: str | int) -> None:
        """Close a portal for good: BAD_HUB from now on."""
        self.world.portal(portal).is_gone = True

    def set_account(self, portal: str | int, **changes: Any) -> None:
        """Change what a portal is: `tier`, `zone`, `ui_domain`, `account_type`, `currency`."""
        where = self.world.portal(portal)
        known = {"tier", "zone", "ui_domain", "account_type", "currency"}
        if set(changes) - known:
            raise ValueError(f"a portal has {sorted(known)}, not {sorted(changes)}")
        for name, value in changes.items():
            setattr(where, name, value)
