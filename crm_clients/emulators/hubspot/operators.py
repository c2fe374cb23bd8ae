"""What the people of a portal do in its inboxes: answer, comment, close, connect channels."""

from collections.abc import Mapping, Sequence
from html import escape
from mimetypes import guess_type
from typing import Any
from urllib.parse import urlencode

from channel_clients.emulators.stage import Push

from . import channel_hooks, hooks, threads
from .crm_model import FileHeld
from .inbox_model import MESSAGE, Account, Inbox, Json, Message, Reply, StagingToken, Thread
from .model import Portal, User
from .world import World

USAGES = {"picture": "IMAGE", "voice": "VOICE_RECORDING", "audio": "AUDIO"}


class Operators:
    """The part of the emulator that stands for the people at the screens.

    A portal is named by its id or its name; a thread by its id or by the integration's name for
    it. Unknown ones raise `LookupError`.
    """

    world: World

    def add_inbox(self, account: str | int, name: str, *, kind: str = "INBOX") -> Inbox:
        """Open another inbox; `kind` is INBOX or HELP_DESK."""
        return threads.add_inbox(self.world, self.world.portal(account), name, kind)

    def reply(
        self,
        account: str | int,
        to: str | int,
        text: str,
        *,
        user_id: int | None = None,
        reply_to: str | None = None,
    ) -> Reply:
        """Write to a customer; the channel is told. `reply_to` quotes a message by its id."""
        portal, thread = self._at(account, to)
        message = self._answer(portal, thread, (text, "", []), user_id)
        if reply_to is not None:
            message.in_reply_to = self._said(portal, reply_to)[1].id
        return self._send_out(portal, thread, message)

    def reply_richly(self, account: str | int, to: str | int, text: str, rich_text: str) -> Reply:
        """Write to a customer with the editor's buttons: HTML beside the plain words."""
        portal, thread = self._at(account, to)
        message = self._answer(portal, thread, (text, rich_text, []), None)
        return self._send_out(portal, thread, message)

    def reply_with_files(
        self,
        account: str | int,
        to: str | int,
        files: Sequence[Mapping[str, Any]],
        *,
        text: str = "",
        user_id: int | None = None,
    ) -> list[Reply]:
        """Send what `upload` returned in one message, the text with it."""
        portal, thread = self._at(account, to)
        held = [
            {"type": "FILE", "fileId": str(each["id"]), "fileUsageType": each["usage"]}
            for each in files
        ]
        message = self._answer(portal, thread, (text, "", held), user_id)
        return [self._send_out(portal, thread, message)]

    def upload(self, account: str | int, name: str, body: bytes, *, kind: str = "file") -> Json:
        """Put down a file as an operator picks it; return it as `reply_with_files` takes it."""
        portal = self.world.portal(account)
        stem, _, extension = name.rpartition(".")
        held = FileHeld(
            id=portal.number("file"),
            name=stem or name,
            extension=extension if stem else "",
            folder="/conversations",
            folder_id=0,
            access="PRIVATE",
            mime=guess_type(name)[0] or "application/octet-stream",
            body=body,
            key=self.world.hex(32),
            created=self.world.now(),
            updated=self.world.now(),
        )
        portal.files[held.id] = held
        return {"id": str(held.id), "name": name, "usage": USAGES.get(kind, "OTHER")}

    def comment(
        self, account: str | int, to: str | int, text: str, *, user_id: int | None = None
    ) -> Message:
        """Write what colleagues alone see."""
        portal, thread = self._at(account, to)
        actor = portal.user(user_id).actor
        made = threads.comment(self.world, thread, (text, _rich(text)), (actor, 0))
        self._tell_of(portal, thread, made)
        return made

    def close_thread(self, account: str | int, to: str | int) -> None:
        _, thread = self._at(account, to)
        thread.status, thread.closed_at = "CLOSED", self.world.now()

    def delete_thread(self, account: str | int, to: str | int) -> None:
        """Put a thread into the bin; the next message begins another."""
        self._at(account, to)[1].is_archived = True

    def associate(self, account: str | int, to: str | int, contact_id: int) -> None:
        """Tie a thread to a contact, as an agent does with a visitor whom nobody knew."""
        _, thread = self._at(account, to)
        thread.contact_id, thread.is_known = contact_id, True

    def set_account_active(self, account: str | int, channel_account: int, *, active: bool) -> None:
        """Switch a connected account on or off in the settings of its inbox."""
        portal = self.world.portal(account)
        found = self._channel_account(portal, channel_account)
        found.is_active = active
        channel_hooks.tell_of_account(self.world, portal, found, "UPDATED")

    def purge_account(self, account: str | int, channel_account: int) -> None:
        """Take a connected account out of its inbox for good."""
        portal = self.world.portal(account)
        found = self._channel_account(portal, channel_account)
        found.is_archived, found.is_active = True, False
        channel_hooks.tell_of_account(self.world, portal, found, "PURGED")

    async def connect_account(
        self, account: str | int, channel: int, *, inbox: int | None = None
    ) -> int | None:
        """Begin to connect an account in an inbox: the channel's page opens; return its status."""
        portal, kind = self.world.portal(account), self.world.channels[channel]
        staged = StagingToken(
            token=self.world.uuid(),
            channel_id=kind.id,
            inbox_id=inbox or next(iter(portal.talks.inboxes)),
            user_id=portal.user().id,
            created_at=self.world.now(),
        )
        portal.talks.staging[staged.token] = staged
        names = {
            "accountToken": staged.token,
            "channelId": kind.id,
            "inboxId": staged.inbox_id,
            "portalId": portal.hub_id,
            "redirectUrl": f"https://{portal.ui_domain}/live-messages-settings/{portal.hub_id}",
        }
        joint = "&" if "?" in kind.redirect_url else "?"
        url = f"{kind.redirect_url}{joint}{urlencode(names)}"
        return await self.world.stage.push(Push(method="GET", url=url, headers={}, body=b""))

    def return_from_channel(self, account: str | int, token: str) -> Account:
        """Come back from the channel's page: what it filled becomes an account."""
        portal = self.world.portal(account)
        staged = portal.talks.staging[token]
        if not staged.is_used:
            raise LookupError("the page of the channel did not finish")
        made = Account(
            id=portal.number("channel_account"),
            channel_id=staged.channel_id,
            inbox_id=staged.inbox_id,
            name=staged.name,
            delivery_id=staged.delivery_id,
            created_at=self.world.now(),
        )
        portal.talks.accounts[made.id] = made
        channel_hooks.tell_of_account(self.world, portal, made, "CREATED")
        return made

    def _answer(
        self, portal: Portal, thread: Thread, what: tuple[str, str, list[Json]], user_id: int | None
    ) -> Message:
        text, rich, files = what
        user: User = portal.user(user_id)
        return threads.answer(self.world, portal, thread, user, (text, rich or _rich(text), files))

    def _send_out(self, portal: Portal, thread: Thread, message: Message) -> Reply:
        reply = Reply(
            account=portal.name,
            thread=thread,
            message=message,
            user_id=int(message.created_by.removeprefix("A-")),
            at=message.at,
        )
        self.world.replies.append(reply)
        channel_hooks.tell_of_reply(self.world, portal, reply)
        self._tell_of(portal, thread, message)
        return reply

    def _tell_of(self, portal: Portal, thread: Thread, message: Message) -> None:
        told = {"messageId": message.id, "messageType": message.kind}
        hooks.tell_of_message(self.world, portal, thread.id, told)

    def _channel_account(self, portal: Portal, number: int) -> Account:
        if number not in portal.talks.accounts:
            raise LookupError(f"no channel account has the id {number}")
        return portal.talks.accounts[number]

    def _said(self, portal: Portal, message_id: str) -> tuple[Thread, Message]:
        found = portal.talks.message(message_id)
        if found is None or found[1].kind != MESSAGE:
            raise LookupError(f"no message has the id {message_id}")
        return found

    def _at(self, account: str | int, to: str | int) -> tuple[Portal, Thread]:
        """Find a thread; of several under one name, the one begun last."""
        portal = self.world.portal(account)
        for thread in reversed(portal.talks.threads.values()):
            if str(to) in {str(thread.id), thread.external_id} and not thread.is_archived:
                return portal, thread
        raise LookupError(f"no thread is known as {to!r}")


def _rich(text: str) -> str:
    """What the inbox's editor makes of words: a paragraph for each line."""
    return "".join(f"<p>{escape(line, quote=False)}</p>" for line in text.split("\n"))
