"""How portals, people and applications come to be, change, and end."""

import json
from collections.abc import Collection
from typing import Any
from urllib.parse import urlencode

from channel_clients.emulators.stage import Push

from . import crm_settings, events, lines, oauth, php
from .model import Application, Installation, Json, Portal, User, Webhook
from .world import World

SCOPES = ("crm", "im", "imconnector", "imopenlines", "disk", "user", "placement", "telephony")
EVERY_SCOPE = (*SCOPES, "call", "messageservice")
FINISHES = b"installFinish"


class Portals:
    """The part of the emulator that an administrator, or a developer, works with.

    A portal is named by its slug, host or member id. Unknown ones raise `LookupError`.
    """

    world: World

    def add_portal(
        self,
        slug: str,
        *,
        users: Collection[str] = ("Ольга Менеджер",),
        mode: int = 1,
        member_id: str | None = None,
        line: str = "Открытая линия",
    ) -> Portal:
        """Open a portal with its lists, one open line, and people, all of them administrators."""
        portal = Portal(
            slug=slug, member_id=member_id or self.world.hex(32), host=f"{slug}.bitrix24.ru"
        )
        portal.crm.mode = mode
        crm_settings.furnish(portal)
        self.world.portals[slug] = portal
        for name in users:
            self.add_user(slug, name)
        self.add_line(slug, line)
        return portal

    def add_user(
        self, portal: str, name: str, *, is_admin: bool = True, is_active: bool = True
    ) -> User:
        where = self.world.portal(portal)
        first, _, last = name.partition(" ")
        user_id = max(where.users, default=0) + 1
        user = User(
            id=user_id,
            name=first,
            last_name=last,
            email=f"user{user_id}@example.com",
            is_admin=is_admin,
            is_active=is_active,
            inner_phone=str(100 + user_id),
        )
        where.users[user.id] = user
        return user

    def dismiss(self, portal: str, user_id: int) -> None:
        """Dismiss a user: their tokens and webhooks stop to work."""
        self.world.portal(portal).user(user_id).is_active = False

    def add_line(self, portal: str, name: str, **config: Any) -> int:
        """Add an open line, with every active user in its queue; return its id."""
        return lines.add_line(self.world.portal(portal), name, config).id

    def set_line(self, portal: str, line: int, **config: Any) -> None:
        """Change settings of a line, named as in REST: `CRM_CREATE="none"`…"""
        self.world.portal(portal).lines.lines[line].config.update(config)

    def delete_line(self, portal: str, line: int) -> None:
        lines.delete_line(self.world, self.world.portal(portal), line)

    def add_field(self, portal: str, entity: str, name: str, type_id: str, **body: Any) -> str:
        """Add a custom field to a kind of cards; `MULTIPLE`, `LABEL` and `LIST` as in REST."""
        where = self.world.portal(portal)
        return crm_settings.add_user_field(where, entity, name, type_id, **body).name

    def add_webhook(
        self, portal: str, *, user_id: int | None = None, scopes: Collection[str] = EVERY_SCOPE
    ) -> Json:
        """Make an incoming webhook; return its secret and where it is called."""
        where = self.world.portal(portal)
        user = where.user(user_id)
        secret = self.world.hex(16)
        hook = Webhook(user_id=user.id, secret=secret, scopes=frozenset(scopes))
        where.webhooks[user.id, secret] = hook
        url = f"{self.world.endpoint(where)}{user.id}/{secret}/"
        return {"user_id": user.id, "secret": secret, "url": url}

    def add_application(
        self,
        install_url: str,
        *,
        name: str = "Bridge",
        redirect_uri: str = "",
        scopes: Collection[str] = EVERY_SCOPE,
        has_ui: bool = True,
    ) -> Application:
        """Describe an application: a frame at `install_url`, or a handler of ONAPPINSTALL."""
        application = Application(
            client_id=f"local.{self.world.hex(24)}",
            client_secret=self.world.hex(50),
            name=name,
            scopes=frozenset(scopes),
            redirect_uri=redirect_uri or install_url,
            install_url=install_url,
            has_ui=has_ui,
        )
        self.world.applications[application.client_id] = application
        return application

    def install(
        self,
        portal: str,
        client_id: str,
        *,
        user_id: int | None = None,
        quietly: bool = False,
    ) -> Json:
        """Install an application in a user's name, and tell it so in its way.

        `quietly` tells nobody and counts as finished. Returns the tokens and the rest that the
        application is told, `application_token` included.
        """
        where, application = self.world.portal(portal), self.world.applications[client_id]
        installation = Installation(
            id=where.number("installation"),
            application=application,
            user_id=where.user(user_id).id,
            application_token=self.world.hex(32),
            scopes=application.scopes,
            is_finished=quietly or not application.has_ui,
        )
        where.installations[client_id] = installation
        pair = oauth.open_grant(self.world, where, installation, installation.user_id)
        told = {**pair, "application_token": installation.application_token}
        if application.has_ui and not quietly:
            self.world.background.start(self._open_frame(where, installation, pair))
        elif not quietly:
            events.send(
                self.world, application.install_url, self._installed(where, installation, pair)
            )
        return told

    def _installed(self, portal: Portal, installation: Installation, pair: Json) -> Json:
        auth = events.authorization(self.world, portal, installation, None)
        keys = ("access_token", "refresh_token", "expires_in")
        data = {
            "VERSION": installation.version,
            "ACTIVE": "Y",
            "INSTALLED": "Y",
            "LANGUAGE_ID": portal.language,
        }
        return {
            "event": "ONAPPINSTALL",
            "data": data,
            "ts": int(self.world.now()),
            "auth": {**auth, **{key: pair[key] for key in keys}},
        }

    async def _open_frame(self, portal: Portal, installation: Installation, pair: Json) -> None:
        """Open the page of an application. If it calls `installFinish`, so does the browser."""
        url = installation.application.install_url
        push = frame(self.world, portal, installation, (url, pair, "DEFAULT", "{}"))
        answer = await self.world.stage.deliver(push)
        if answer is not None and FINISHES in answer.body:
            installation.is_finished = True

    def finish_install(self, portal: str, client_id: str) -> None:
        """Call `BX24.installFinish` in the page of an application: from now on it hears events."""
        self.world.installation(portal, client_id)[1].is_finished = True

    async def open_settings(self, portal: str, connector: str, line: int) -> int | None:
        """Open a connector's page of a line, as an administrator does; return its status."""
        where = self.world.portal(portal)
        kind = where.lines.connectors[connector]
        installation = where.installations[kind.client_id]
        pair = oauth.open_grant(self.world, where, installation, where.user().id)
        options = json.dumps(lines.placement_options(where, connector, line))
        page = (kind.placement_handler, pair, "SETTING_CONNECTOR", options)
        return await self.world.stage.push(frame(self.world, where, installation, page))

    def update_application(self, portal: str, client_id: str, *, new_token: bool = False) -> None:
        """Install a newer version: ONAPPUPDATE, and every subscription is dropped."""
        where, installation = self.world.installation(portal, client_id)
        if new_token:
            installation.application_token = self.world.hex(32)
        installation.version += 1
        data = {
            "VERSION": installation.version,
            "PREVIOUS_VERSION": installation.version - 1,
            "LANGUAGE_ID": where.language,
        }
        by = installation.user_id
        events.tell(self.world, where, events.Event("ONAPPUPDATE", data, by=by, only=client_id))
        installation.bindings.clear()

    def uninstall(self, portal: str, client_id: str, *, clean: bool = True) -> None:
        """Remove an application: ONAPPUNINSTALL without tokens, and its connectors go, too."""
        where, _ = self.world.installation(portal, client_id)
        data = {"LANGUAGE_ID": where.language, "CLEAN": int(clean)}
        events.tell(self.world, where, events.Event("ONAPPUNINSTALL", data, only=client_id))
        del where.installations[client_id]
        lines.forget_application(where, client_id)
        oauth.forget(self.world, where, client_id)

    def tokens(self, portal: str, client_id: str, *, user_id: int | None = None) -> Json:
        """Return a pair of tokens of an installed application, as the OAuth server gives it."""
        where, installation = self.world.installation(portal, client_id)
        user = user_id or installation.user_id
        return oauth.open_grant(self.world, where, installation, user)

    def consent(self, portal: str, client_id: str) -> str:
        """Return an authorisation code, which works for half a minute."""
        where, installation = self.world.installation(portal, client_id)
        return oauth.consent(self.world, where, installation)

    def rename(self, portal: str, slug: str) -> None:
        """Give a portal another address; the old one answers 302 from now on."""
        where = self.world.portal(portal)
        self.world.portals.pop(where.slug)
        where.former.add(where.slug)
        where.slug, where.host = slug, f"{slug}.bitrix24.ru"
        self.world.portals[slug] = where

    def remove(self, portal: str) -> None:
        """Close a portal for good: PORTAL_DELETED from now on."""
        self.world.portal(portal).is_deleted = True

    def set_plan(self, portal: str, *, has_rest: bool) -> None:
        """Let a portal's plan have REST, or end."""
        self.world.portal(portal).has_rest = has_rest


def frame(
    world: World, portal: Portal, installation: Installation, page: tuple[str, Json, str, str]
) -> Push:
    """Describe the opening of an application's page: its address, tokens, placement, options."""
    url, pair, placement, options = page
    query = {
        "DOMAIN": portal.host,
        "PROTOCOL": "1",
        "LANG": portal.language,
        "APP_SID": world.hex(32),
    }
    body = {
        "AUTH_ID": pair["access_token"],
        "AUTH_EXPIRES": pair["expires_in"],
        "REFRESH_ID": pair["refresh_token"],
        "SERVER_ENDPOINT": f"{world.base}/rest/",
        "APPLICATION_TOKEN": installation.application_token,
        "APPLICATION_SCOPE": ",".join(sorted(installation.scopes)),
        "member_id": portal.member_id,
        "status": installation.application.status,
        "PLACEMENT": placement,
        "PLACEMENT_OPTIONS": options,
    }
    joint = "&" if "?" in url else "?"
    return Push(
        method="POST",
        url=f"{url}{joint}{urlencode(query)}",
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=php.form(body),
        timeout_s=10.0,
    )
