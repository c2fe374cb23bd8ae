"""What owners of business accounts do, and what customers write to such an account.

The bot that the owner connected hears of it; it never was in the chat itself. Source:
https://core.telegram.org/bots/api#businessconnection.
"""

from collections.abc import Sequence
from typing import Unpack

from channel_clients.emulators.telegram.bots import Bot, Business
from channel_clients.emulators.telegram.customers import Customers, Look
from channel_clients.emulators.telegram.markup import formatted
from channel_clients.emulators.telegram.world import Chat, Said, Side, Wire


class Owners(Customers):
    """The customers' and the owners' side of an emulator. `connection` is a business account's.

    Acts of a chat name the customer; `by_owner` says who of the two does it.
    """

    def connect_business(self, owner_id: int, *, bot: str | None = None) -> str:
        """Let a bot serve an account; return the id of the connection."""
        at = self.bot(bot)
        connection = f"Bq{self.world.number():04d}-_x"
        business = Business(id=connection, owner=self.world.user(owner_id))
        at.businesses[connection] = business
        at.announce("business_connection", {**business.wire, "date": self.world.date})
        return connection

    def disconnect_business(self, connection: str, *, bot: str | None = None) -> None:
        at, business = self._serving(connection, bot)
        business.enabled = False
        at.announce("business_connection", {**business.wire, "date": self.world.date})

    def business_say(
        self,
        connection: str,
        user_id: int,
        text: str,
        *,
        by_owner: bool = False,
        bot: str | None = None,
    ) -> Said:
        """Write in a chat of an account, which exists from its first message on."""
        at, business = self._serving(connection, bot)
        words = formatted(text)
        content: Wire = {"text": words.text}
        if words.entities:
            content["entities"] = list(words.entities)
        return self._tell(at, business, user_id, content, by_owner=by_owner)

    def business_show(
        self,
        connection: str,
        user_id: int,
        kind: str,
        *,
        by_owner: bool = False,
        bot: str | None = None,
        **look: Unpack[Look],
    ) -> Said:
        """Show a specimen of what is not text in a chat of an account."""
        at, business = self._serving(connection, bot)
        content = self._shown(self._chat(business, user_id), kind, look)
        return self._tell(at, business, user_id, content, by_owner=by_owner)

    def business_edit(
        self, connection: str, user_id: int, message_id: int, text: str, *, bot: str | None = None
    ) -> None:
        at, business = self._serving(connection, bot)
        entry = self._chat(business, user_id).living(message_id)
        if entry is None or "text" not in entry.wire:
            raise ValueError(f"there is no text {message_id} to edit")
        entry.wire = {**entry.wire, "text": text, "edit_date": self.world.date}
        at.announce("edited_business_message", entry.wire)

    def business_delete(
        self,
        connection: str,
        user_id: int,
        message_ids: Sequence[int],
        *,
        bot: str | None = None,
    ) -> None:
        """Delete messages for both sides; here the bot is told."""
        at, business = self._serving(connection, bot)
        chat = self._chat(business, user_id)
        for entry in (chat.living(number) for number in message_ids):
            if entry is not None:
                entry.deleted = True
        head = {"business_connection_id": connection, "chat": chat.wire}
        at.announce("deleted_business_messages", {**head, "message_ids": list(message_ids)})

    def chats(self, bot: str | None = None) -> list[Wire]:
        """Return every chat of a bot and of the accounts that it serves."""
        served = self.bot(bot).businesses.values()
        kept = [chat.seen for business in served for chat in business.chats.values()]
        return super().chats(bot) + kept

    def _serving(self, connection: str, bot: str | None) -> tuple[Bot, Business]:
        at = self.bot(bot)
        if connection not in at.businesses:
            raise ValueError(f"{at.username} serves no account by {connection!r}")
        return at, at.businesses[connection]

    def _chat(self, business: Business, user_id: int) -> Chat:
        user = self.world.user(user_id)
        new = Chat(id=user_id, user=user, business=business.id, number=self.world.number)
        return business.chats.setdefault(user_id, new)

    def _tell(
        self, at: Bot, business: Business, user_id: int, content: Wire, *, by_owner: bool
    ) -> Said:
        chat, user = self._chat(business, user_id), self.world.user(user_id)
        author = business.owner if by_owner else user
        side: Side = "owner" if by_owner else "customer"
        entry = chat.post(side, author.wire, self.world.moment, content)
        said = self._record(at, author, entry, "business")
        if business.enabled:
            at.announce("business_message", entry.wire)
        return said
