"""What stands between a portal's cards and our messages: what they are known by, and the search.

Source: developers.hubspot.com/docs/api-reference/{crm-properties-v3, search}/guide.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from crm_clients.hubspot.diagnosis import RESUME, Look, ok, problem
from crm_clients.hubspot.markers import MARKER, holds_marker
from crm_clients.hubspot.polling import question
from crm_clients.hubspot.rest import Rest
from crm_clients.hubspot.timeline import NOTES
from crm_clients.hubspot.versions import OBJECTS, path
from mappers.vocabulary.adapters import Finding


@dataclass(frozen=True, slots=True)
class DiagnosisOfCards:
    """Looks at what makes notes of a card ours, and changes nothing."""

    rest: Rest = field(repr=False)

    @property
    def looks(self) -> Sequence[Look]:
        return (self._about_entries, self._about_answers)

    async def _about_entries(self) -> list[Finding]:
        config = self.rest.config
        held = {kind: await holds_marker(self.rest, kind) for kind in config.marked}
        lost = ", ".join(kind for kind, is_held in held.items() if not is_held)
        if lost:
            return [problem(f"Our property {MARKER} on {lost} is not there any more", RESUME)]
        known = "a unique property" if config.entry_object in held else "a small mark at its end"
        return [ok(f"Messages are {config.entry_object} on cards, each known by {known}")]

    async def _about_answers(self) -> list[Finding]:
        now_ms = round(self.rest.http.now().timestamp() * 1000)
        asked = {**question(now_ms), "limit": 1}
        await self.rest.search(path(OBJECTS, NOTES.name, "search"), "notes.look", asked)
        prefix = self.rest.config.reply_prefix
        return [ok(f"Notes can be searched; one that begins with {prefix} is an answer")]
