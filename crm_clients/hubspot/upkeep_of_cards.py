"""Setting a portal up for messages on cards, and saying what stands in the way.

Set-up finds or makes our unique properties, and tries which things on timelines take one. Each step
may be repeated. What it made stays when a connection goes: cards are found again by it.

Source: developers.hubspot.com/docs/api-reference/crm-properties-v3/guide, …/docs/api/scopes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_clients.hubspot import media
from crm_clients.hubspot.engagements import KINDS
from crm_clients.hubspot.markers import keep_markers
from crm_clients.hubspot.oauth import Application
from crm_clients.hubspot.proof import LOGGED, keeps_keys, marked_kinds
from crm_clients.hubspot.rest import Rest
from crm_clients.hubspot.upkeep import account_of
from mappers.vocabulary import Account
from mappers.vocabulary.adapters import SetUp

REDUCED = (
    "Messages are {entries} on cards: a note that begins with {prefix} is the answer, and it is"
    " found within seconds, in the portal's busy hours within minutes. Notifications of new"
    " messages and delivery marks in an inbox need a custom channel."
)
BY_MARK = (
    "The portal takes no unique property for {kinds}: each ends in a small mark by which it is"
    " found again, and one whose answer was lost waits two minutes before it is written again."
)
NO_HOOKS = (
    "A service key has no webhooks: deleted and merged contacts are noticed when they are next"
    " needed."
)
NO_FILES = "The portal did not let us have its files (files): customers' files are shown as links."
LINKS_ONLY = "Communications show no files: customers' files are links that live as long as ours."


@dataclass(frozen=True, slots=True)
class UpkeepOfCards:
    application: Application | None
    rest: Rest = field(repr=False)

    async def check(self) -> Account:
        may = self.rest.config.may(media.SCOPE)
        return await account_of(self.rest, () if may else (NO_FILES,))

    async def set_up(self) -> SetUp:
        """Raises: `ProviderError`."""
        entries = KINDS[self.rest.config.entry_object]
        marked = await marked_kinds(self.rest, (entries, *LOGGED))
        changes: Mapping[str, Any] = {**await keep_markers(self.rest), "marked": marked}
        return SetUp(changes=changes, notes=tuple(self._said(marked)))

    async def tear_down(self) -> None:
        """There is nothing that would trouble anybody."""

    async def is_set_up(self) -> bool:
        return await keeps_keys(self.rest, self.rest.config.marked)

    def _said(self, marked: tuple[str, ...]) -> Iterator[str]:
        config = self.rest.config
        yield REDUCED.format(entries=config.entry_object, prefix=config.reply_prefix)
        if config.entry_object not in marked:
            yield BY_MARK.format(kinds=config.entry_object)
        if config.is_static:
            yield NO_HOOKS
        if not config.may(media.SCOPE):
            yield NO_FILES
        elif config.entry_object != "notes":
            yield LINKS_ONLY
