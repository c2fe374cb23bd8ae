"""What a line put on a card for each session, hung on the cards that it belongs to, too.

A line decides whose a session is when it begins: by the dialog's name on a contact, else by a
namesake or a phone. Once the dialog is tied, its sessions are hung on the right contact and their
deal; where else they hang is somebody's to judge. A line that found nobody puts nothing anywhere.

Source: apidocs.bitrix24.com/api-reference/crm/timeline/activities/binding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from crm_clients.bitrix24.batch import Command, Part
from crm_clients.bitrix24.catalogue import CONTACT, DEAL
from crm_clients.bitrix24.field_wire import Bound
from crm_clients.bitrix24.history import History
from crm_clients.bitrix24.questions import all_of_list, ask_together
from crm_clients.bitrix24.rest import Rest, number, only_of
from mappers.vocabulary import Blocked, Permanent, ProviderError


@dataclass(frozen=True, slots=True)
class Sessions:
    rest: Rest = field(repr=False)

    async def hang(self, codes: Sequence[str], record: str, deal: str) -> None:
        """Hang the last sessions of a dialog on a contact and its deal. Repeatable.

        Raises: `ProviderError`, though not for a session that may not be hung there.
        """
        begins = codes[0].rpartition("|")[0]
        found = await History(self.rest).sessions(f"{begins}|")
        sessions = [each.id for each in found if each.params.code in codes and each.id]
        wanted = {(CONTACT, number(record, "record"))}
        wanted |= {(DEAL, number(deal, "deal"))} if deal else set()
        for session, where in (await self._bound(sessions)).items():
            for kind, card in sorted(wanted - where):
                await self._bind(session, kind, card)

    async def _bound(self, sessions: Sequence[str]) -> dict[str, set[tuple[int, int]]]:
        """Return on which cards each of these hangs."""
        asked = {
            f"session{each}": Command("crm.activity.binding.list", {"activityId": each})
            for each in sessions
        }
        told = await ask_together(self.rest, asked) if asked else {}
        return {each: _places(told[f"session{each}"]) for each in sessions}

    async def _bind(self, session: str, kind: int, card: int) -> None:
        asked = {"activityId": int(session), "entityTypeId": kind, "entityId": card}
        try:
            await self.rest.ask("crm.activity.binding.add", asked)
        except ProviderError as refused:
            if not isinstance(refused.failure, Permanent | Blocked):
                raise


def _places(told: Part) -> set[tuple[int, int]]:
    """A session that was deleted meanwhile hangs nowhere, and is refused again when it is hung."""
    if isinstance(told.failure, Permanent | Blocked):
        return set()
    bound = (only_of(Bound, each) for each in all_of_list(told.told()))
    return {(each.kind, each.card) for each in bound}
