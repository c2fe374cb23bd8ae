"""What the people inside a portal do: answer customers, correct themselves, work on cards."""

from collections.abc import Mapping, Sequence
from mimetypes import guess_type
from typing import Any

from . import activities, cards, channel_events, crm_settings, lines, texting, timeline
from .crm_model import ENTITY_IDS, Card, Comment
from .lines_model import ChatMessage, Dialog, FileHeld, Json, Reply
from .model import Portal
from .world import World

RULE = "-" * 54


def _say(
    world: World,
    portal: Portal,
    dialog: Dialog,
    what: tuple[str, list[FileHeld]],
    user_id: int | None,
) -> Reply:
    """Write as a user, who takes the session by it."""
    text, files = what
    user = portal.user(user_id)
    session, _ = lines.open_session(world, portal, dialog)
    session.operator_id = user.id
    message = lines.post(world, portal, dialog, user, text=text, files=files, is_from_operator=True)
    return channel_events.send_out(world, portal, dialog, message)


class Operators:
    """The part of the emulator that stands for the people at the screens.

    A portal is named by its slug, host or member id; a dialog by its chat id, by the channel's id
    of the chat, or by its code. Unknown ones raise `LookupError`.
    """

    world: World

    def reply(
        self,
        account: str,
        to: str | int,
        text: str,
        *,
        user_id: int | None = None,
        reply_to: int | str | None = None,
    ) -> Reply:
        """Write to a customer; the event is sent once.

        `reply_to` quotes a message by its id: as text, for there is no other way.
        """
        portal, dialog = self._at(account, to)
        if reply_to is not None:
            text = _quoted(self.world, self._said(account, int(reply_to))[2], text)
        return _say(self.world, portal, dialog, (text, []), user_id)

    def reply_with_files(
        self,
        account: str,
        to: str | int,
        files: Sequence[Mapping[str, Any]],
        *,
        text: str = "",
        user_id: int | None = None,
    ) -> list[Reply]:
        """Send what `upload` returned in one message, the text with it."""
        portal, dialog = self._at(account, to)
        held = [portal.lines.files[int(each["id"])] for each in files]
        return [_say(self.world, portal, dialog, (text, held), user_id)]

    def upload(self, account: str, name: str, body: bytes) -> Json:
        """Put down a file as an operator picks it; return it as `reply` takes it."""
        portal = self.world.portal(account)
        held = FileHeld(
            id=portal.number("file"),
            name=name,
            mime=guess_type(name)[0] or "application/octet-stream",
            body=body,
            key=self.world.hex(32),
        )
        portal.lines.files[held.id] = held
        return {"id": held.id, "name": held.name}

    def whisper(
        self, account: str, to: str | int, text: str, *, user_id: int | None = None
    ) -> ChatMessage:
        """Write what colleagues alone see; no event tells of it."""
        portal, dialog = self._at(account, to)
        user = portal.user(user_id)
        return lines.post(self.world, portal, dialog, user, text=text, is_whisper=True)

    def edit(self, account: str, message_id: int, text: str) -> bool:
        """Correct a message. Returns whether the channel is told of it.

        It is not, unless a delivery status stored the channel's ids, and the connector can edit.
        """
        portal, dialog, message = self._said(account, message_id)
        if not message.is_from_operator:
            raise LookupError(f"no operator wrote the message {message_id}")
        message.text, message.is_edited = text, True
        if not _can(portal, dialog, message, "EDIT_INTERNAL_MESSAGES"):
            return False
        shown = channel_events.signed(self.world, portal, dialog, message)
        body = {"id": list(message.mid), "text": shown}
        channel_events.connector_event(self.world, portal, dialog, ("UPDATE", message, body))
        return True

    def delete(self, account: str, message_id: int) -> bool:
        """Delete a message, a customer's too if the connector lets operators do so.

        Returns whether the channel is told: once for each of its ids.
        """
        portal, dialog, message = self._said(account, message_id)
        whose = "INTERNAL" if message.is_from_operator else "EXTERNAL"
        message.is_deleted = True
        if not _can(portal, dialog, message, f"DEL_{whose}_MESSAGES"):
            return False
        for external in message.mid:
            channel_events.connector_event(
                self.world, portal, dialog, ("DELETE", message, {"id": external})
            )
        return True

    def close_session(self, account: str, to: str | int) -> None:
        """Finish a conversation; the next message begins another."""
        portal, dialog = self._at(account, to)
        self._open(dialog)
        lines.close_session(self.world, portal, dialog, asks_vote=False)

    def start_vote(self, account: str, to: str | int) -> None:
        """Finish a conversation and ask for a rating: the next lone 1 or 0 is no message."""
        portal, dialog = self._at(account, to)
        self._open(dialog)
        lines.close_session(self.world, portal, dialog, asks_vote=True)

    def _open(self, dialog: Dialog) -> None:
        if not dialog.sessions or dialog.session.is_closed:
            raise LookupError("the dialog has no open session")

    def deactivate(self, account: str, connector: str, line: int) -> None:
        """Take a connector off a line in its settings."""
        portal = self.world.portal(account)
        if (connector, line) not in portal.lines.statuses:
            raise LookupError(f"{connector!r} is not on line {line}")
        lines.switch_off(self.world, portal, connector, line)

    def add_card(self, account: str, entity: str, fields: Mapping[str, Any]) -> Card:
        """Make a card as people do; `entity` is contact, lead, deal or company."""
        portal = self.world.portal(account)
        kind = ENTITY_IDS[entity.upper()]
        return cards.create(self.world, portal, kind, fields, by=portal.user().id)

    def edit_card(
        self, account: str, entity: str, card_id: int, changes: Mapping[str, Any]
    ) -> None:
        portal = self.world.portal(account)
        card = self._card(portal, entity, card_id)
        cards.update(self.world, portal, card, changes, by=portal.user().id)

    def delete_card(self, account: str, entity: str, card_id: int) -> None:
        portal = self.world.portal(account)
        card = self._card(portal, entity, card_id)
        cards.delete(self.world, portal, card, by=portal.user().id)

    def merge_contacts(self, account: str, survivor_id: int, deleted_id: int) -> None:
        """Make two contacts one; it is told as a deletion and an update."""
        portal = self.world.portal(account)
        survivor, gone = (
            self._card(portal, "contact", card_id) for card_id in (survivor_id, deleted_id)
        )
        cards.merge(self.world, portal, survivor, gone)

    def convert_lead(self, account: str, lead_id: int) -> Json:
        """Turn a lead into a contact and a deal; return their ids."""
        portal = self.world.portal(account)
        lead = self._card(portal, "lead", lead_id)
        contact, deal = cards.convert(self.world, portal, lead)
        return {"contact_id": contact.id, "deal_id": deal.id}

    def write_note(
        self,
        account: str,
        card_id: int,
        text: str,
        *,
        entity: str = "contact",
        user_id: int | None = None,
    ) -> Comment:
        """Write a comment into the timeline of a card, as people do."""
        portal = self.world.portal(account)
        card = self._card(portal, entity, card_id)
        author = portal.user(user_id).id
        return timeline.comment(self.world, portal, [card.ref], (text, []), by=author)

    def edit_note(self, account: str, note_id: int, text: str) -> None:
        """Change a comment, as its author does."""
        portal = self.world.portal(account)
        made = portal.crm.comments[note_id]
        made.text = text
        timeline.tell(self.world, portal, made, "UPDATE", by=made.author_id)

    def complete(self, account: str, activity_id: int) -> None:
        """Tick an activity off."""
        portal = self.world.portal(account)
        activity = portal.crm.activities[activity_id]
        by = portal.user().id
        activities.update(self.world, portal, activity, {"COMPLETED": "Y"}, by=by)

    def send_text(
        self, account: str, code: str, phone: str, text: str, *, card: tuple[str, int]
    ) -> Json:
        """Write to a phone from a card, through an application's sender of this `code`."""
        portal = self.world.portal(account)
        entity, card_id = card
        ref = self._card(portal, entity, card_id).ref
        for installation in portal.installations.values():
            if code in installation.senders:
                what = (code, ref, phone, text)
                return texting.send(self.world, portal, installation, what)
        raise LookupError(f"no sender is called {code!r}")

    def add_pipeline(self, account: str, name: str) -> int:
        return crm_settings.add_category(self.world.portal(account), name)

    def _card(self, portal: Portal, entity: str, card_id: int) -> Card:
        card = portal.crm.card(ENTITY_IDS[entity.upper()], card_id)
        if card is None:
            raise LookupError(f"no {entity} has the id {card_id}")
        return card

    def _said(self, account: str, message_id: int) -> tuple[Portal, Dialog, ChatMessage]:
        portal = self.world.portal(account)
        found = portal.lines.with_message(message_id)
        if found is None:
            raise LookupError(f"no message has the id {message_id}")
        return portal, *found

    def _at(self, account: str, to: str | int) -> tuple[Portal, Dialog]:
        """Find a dialog; of several under one name, the one begun last."""
        portal = self.world.portal(account)
        for dialog in reversed(portal.lines.dialogs.values()):
            if str(to) in {str(dialog.chat_id), dialog.chat_key, dialog.code}:
                return portal, dialog
        raise LookupError(f"no dialog is known as {to!r}")


def _can(portal: Portal, dialog: Dialog, message: ChatMessage, flag: str) -> bool:
    """Tell whether a message's channel knows it, and hears of such changes."""
    kind = portal.lines.connectors.get(dialog.connector)
    is_on = portal.lines.status_of(dialog.connector, dialog.line_id).is_active
    return bool(message.mid) and is_on and kind is not None and kind.flags[flag]


def _quoted(world: World, message: ChatMessage, text: str) -> str:
    """Put a message between two rules, under its author and moment, before the words."""
    head = f"{message.sender_name} [{world.iso(message.at)}]"
    return f"{RULE}\n{head}\n{message.text}\n{RULE}\n{text}"
