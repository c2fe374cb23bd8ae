"""Messages of different dialogs in one call: one message a command, each judged for itself.

A portal takes a batch for one call, whatever it holds, so a backlog goes fifty times as fast. What
goes there must be certain to be found again, each by itself: words of customers whom the portal
has numbered. A file is fetched while the call lasts, which is as long as it takes; it goes alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from crm_clients.bitrix24 import lines
from crm_clients.bitrix24.batch import Command, Part
from crm_clients.bitrix24.lines import Lines
from mappers.vocabulary import Entry, Failure, ProviderError, Receipt

# Fifty of these are less than a megabyte; nobody says how much a portal takes.
LONGEST_COMMAND = 16_000
SEND = "imconnector.send.messages"


@dataclass(frozen=True, slots=True)
class Bulk:
    lines: Lines = field(repr=False)

    def may_join(self, entry: Entry) -> bool:
        """Words that look like a reference would be put in place of what they refer to."""
        if entry.file is not None or not entry.conversation.user:
            return False
        command = self._command(entry)
        return command.may_be_spelt and len(command.spelt()) <= LONGEST_COMMAND

    async def write(self, entries: Sequence[Entry]) -> tuple[Receipt | Failure, ...]:
        commands = [self._command(entry) for entry in entries]
        parts = await self.lines.rest.make_all(commands)
        return tuple(_judged(*each) for each in zip(entries, parts, strict=True))

    def _command(self, entry: Entry) -> Command:
        return Command(SEND, self.lines.asked(lines.message_of(entry)))


def _judged(entry: Entry, part: Part) -> Receipt | Failure:
    if part.failure is not None:
        return part.failure
    try:
        sent = lines.stored(lines.item_in(part.result, repeatable=False))
    except ProviderError as refused:
        return refused.failure
    return lines.receipt_of(entry, sent.user)
