"""Where a message belongs: a chat of the bot's own, or one that it keeps for a business account.

Message ids count per chat, and the two kinds count apart even with the same person. Hence a
conversation is `"<chat>"` or `"<business connection>:<chat>"`, and a message of it has its number
behind one more colon.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ChatAddress:
    """`business` is the id of the connection through which the chat is kept, or empty."""

    chat: str
    business: str = ""

    @classmethod
    def of(cls, conversation: str) -> "ChatAddress":
        business, _, chat = conversation.rpartition(":")
        return cls(chat, business)

    @property
    def conversation(self) -> str:
        return f"{self.business}:{self.chat}" if self.business else self.chat

    @property
    def form(self) -> dict[str, Any]:
        """The parameters by which every method knows the chat."""
        through = {"business_connection_id": self.business} if self.business else {}
        return {"chat_id": self.chat, **through}

    @property
    def budgets(self) -> tuple[str, ...]:
        return ("bot", f"chat:{self.conversation}")

    def message(self, number: int | str) -> str:
        return f"{self.conversation}:{number}"


def message_at(name: str) -> tuple[ChatAddress, int]:
    """Take apart the name of a message, as a receipt gave it."""
    conversation, _, number = name.rpartition(":")
    return ChatAddress.of(conversation), int(number)


def number_in(conversation: str, name: str) -> int | None:
    """Find the number of a message that may be quoted here; one from elsewhere has none."""
    where, _, number = name.rpartition(":")
    return int(number) if where == conversation and number.isdecimal() else None
