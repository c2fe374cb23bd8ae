"""Sources: how an account calls the channels that lead to it, and which pipeline each feeds.

Not every integration may have them: one made by a consent button never does, and any other only
with an uploaded archive. A refusal therefore means "none here", and nothing else depends on it.

Source: amocrm.ru/developers/content/crm_platform/sources-api.
"""

from dataclasses import dataclass, field
from typing import Any

from crm_clients.amocrm.oauth import Application
from crm_clients.amocrm.rest import Rest, all_of, number
from crm_clients.amocrm.wire import ListedSource
from mappers.vocabulary import Blocked, Permanent, ProviderError, Source

PAGES, PAGE = 4, 250
NONE_HERE = frozenset({"amocrm.forbidden", "amocrm.payment_required"})


@dataclass(frozen=True, slots=True)
class Sources:
    application: Application
    rest: Rest = field(repr=False)

    async def listed(self) -> list[ListedSource] | None:
        """Return this integration's sources; None where it may have none."""
        found: list[ListedSource] = []
        for page in range(1, PAGES + 1):
            window = {"page": page, "limit": PAGE}
            try:
                reply = await self.rest.get("sources", "sources", window)
            except ProviderError as refused:
                match refused.failure:
                    case Blocked(code=code) if code in NONE_HERE:
                        return None
                    case _:
                        raise
            found += all_of(ListedSource, reply, "sources")
            if reply.at("_links", "next") is None:
                break
        return found

    async def keep(self, source: Source) -> bool:
        """Make the source, or change what differs. Its id never changes."""
        listed = await self.listed()
        if listed is None:
            return False
        known = next((each for each in listed if each.external_id == source.id), None)
        wanted: dict[str, Any] = {"name": source.title}
        if source.pipeline:
            wanted["pipeline_id"] = number(source.pipeline, "")
        if known is None:
            made = {**wanted, "external_id": source.id}
            if self.application.channel_code:
                made["origin_code"] = self.application.channel_code
            await self.rest.post("sources", "sources.create", [made], repeatable=True)
        elif known.name != source.title or known.pipeline_id != wanted.get(
            "pipeline_id", known.pipeline_id
        ):
            await self.rest.patch(f"sources/{known.id}", "sources.change", wanted)
        return True

    async def drop(self, name: str) -> bool:
        listed = await self.listed()
        for each in listed or ():
            if each.external_id == name:
                await self._delete(each)
        return listed is not None

    async def drop_all(self) -> None:
        """Delete what we made: our ids have a colon, and amoCRM's own source is named by a code."""
        for each in await self.listed() or ():
            if ":" in each.external_id:
                await self._delete(each)

    async def _delete(self, source: ListedSource) -> None:
        try:
            await self.rest.delete(f"sources/{source.id}", "sources.delete")
        except ProviderError as refused:
            if not isinstance(refused.failure, Permanent):  # somebody else deleted it just now
                raise
