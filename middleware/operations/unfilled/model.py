"""What waits for a field, as people see it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mappers.vocabulary import ConnectionId


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingTarget:
    """A target that a CRM does not have, or not as a mapping means it.

    `waiting` counts the messages whose values wait for it, the oldest since then.
    """

    connection: ConnectionId
    mapping: UUID
    name: str
    version: int
    target: str
    waiting: int
    since: datetime

    def __str__(self) -> str:
        noun = "message waits" if self.waiting == 1 else "messages wait"
        return (
            f"“{self.target}” of the mapping “{self.name}” (version {self.version}) is not there,"
            f" or holds something else: {self.waiting} {noun} to be written."
        )
