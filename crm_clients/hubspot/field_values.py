"""Fields of a contact and of its deal, between HubSpot's properties and canonical values.

Cards are read before they are changed: what is there is not written again, an address is added
beside others, and a property that is gone is noticed, since HubSpot leaves out what it does not
have. Choices are appended, so that a list only grows.

Source: developers.hubspot.com/docs/api-reference/crm/{objects, properties}.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

from crm_clients.hubspot import spelling
from crm_clients.hubspot.addresses import (
    ADDRESSES,
    additions,
    as_allowed,
    emails_of,
    phones_of,
)
from crm_clients.hubspot.cases import NAMES, Names
from crm_clients.hubspot.catalogue import OWNER
from crm_clients.hubspot.owners import require_active
from crm_clients.hubspot.rest import Rest, checked_id, only_of
from crm_clients.hubspot.versions import OBJECTS, path
from crm_clients.hubspot.wire import CrmObject
from mappers.mapping.targets import stages_of
from mappers.mapping.transforms import number_of, spelt
from mappers.vocabulary import Catalogue, Field, Gone, Permanent, ProviderError

Values = Mapping[str, tuple[str, ...]]
Fill: TypeAlias = Callable[[Mapping[str, str]], Awaitable[None]]
NO_SUCH_FIELD = Permanent(code="hubspot.no_such_field")
GONE_RECORD = Permanent(code="hubspot.no_such_record", gone="record")
GONE_DEAL = Permanent(code="hubspot.no_such_deal", gone="deal")
# What HubSpot says of a property that is not what the catalogue knows.
DRIFTED = frozenset(
    f"hubspot.invalid.{code}"
    for code in ("PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE", "INVALID_OPTION")
)
OF_PERSON = ("firstname", "lastname")
OF_BOTH = "responsible"
OF_DEAL = frozenset({"pipeline", "stage", "tags"})
REACHING = frozenset({"contact:phone", "contact:email"})


@dataclass(frozen=True, slots=True)
class FieldValues:
    """One portal's properties, as its catalogue describes them."""

    rest: Rest = field(repr=False)
    catalogue: Catalogue

    async def read(
        self, record: str, deal: str, keys: Collection[str]
    ) -> Mapping[str, tuple[str, ...]]:
        """Read each card that a key asks for, once. Raises: `ProviderError`."""
        found: dict[str, tuple[str, ...]] = {}
        for entity, card in (await self._cards(record, deal, keys)).items():
            for key in _on(entity, keys):
                told = (*found.get(key, ()), *self._held(card, key))
                found[key] = tuple(dict.fromkeys(told)) if key == OF_BOTH else told
        return {key: found.get(key, ()) for key in keys}

    async def write(self, record: str, deal: str, values: Mapping[str, tuple[str, ...]]) -> None:
        """Change each card that lacks something, with one call. Raises: `ProviderError`."""
        wanted = {key: told for key, told in values.items() if told}
        cards = await self._cards(record, deal, wanted)
        bodies = {
            entity: self._body(card, {key: wanted[key] for key in _on(entity, wanted)})
            for entity, card in cards.items()
        }
        if owner := next((body[OWNER] for body in bodies.values() if OWNER in body), ""):
            await require_active(self.rest, owner)
        for entity, body in bodies.items():
            if body:
                place = self._place(entity, record, deal)
                await self._change(partial(self._fill, entity, place), body)

    async def _change(self, fill: Fill, body: Mapping[str, str]) -> None:
        try:
            await as_allowed(fill, body)
        except ProviderError as refused:
            if refused.failure.code not in DRIFTED:
                raise
            raise ProviderError(replace(NO_SUCH_FIELD, detail=refused.failure.detail)) from None

    async def _fill(self, entity: str, place: tuple[str, Gone], body: Mapping[str, str]) -> None:
        where, gone = place
        label = f"{self._kind(entity)}.fill"
        if body:
            await self.rest.patch(where, label, {"properties": dict(body)}, gone=gone)

    async def _cards(self, record: str, deal: str, keys: Collection[str]) -> dict[str, CrmObject]:
        """Read the cards that these keys are about."""
        entities = [entity for entity in ("contact", "deal") if _on(entity, keys)]
        return {
            entity: await self._card(entity, record, deal, keys)
            for entity in entities
            if entity == "contact" or deal
        }

    async def _card(self, entity: str, record: str, deal: str, keys: Collection[str]) -> CrmObject:
        where, gone = self._place(entity, record, deal)
        names = sorted({name for key in _on(entity, keys) for name in self._names(key, entity)})
        asked = {"properties": ",".join(names)}
        reply = await self.rest.get(where, f"{self._kind(entity)}.get", asked, gone=gone)
        card = only_of(CrmObject, reply.value())
        # A card that was merged away may answer for the one that it became a part of.
        if card.is_archived or card.id != (record if entity == "contact" else deal):
            raise ProviderError(GONE_RECORD if entity == "contact" else GONE_DEAL)
        if not set(names) <= card.properties.keys():
            raise ProviderError(NO_SUCH_FIELD)
        return card

    def _place(self, entity: str, record: str, deal: str) -> tuple[str, Gone]:
        gone: Gone = "record" if entity == "contact" else "deal"
        card = checked_id(record if entity == "contact" else deal, gone)
        return path(OBJECTS, self._kind(entity), card), gone

    def _kind(self, entity: str) -> str:
        return "contacts" if entity == "contact" else self.rest.config.case

    def _names(self, key: str, entity: str) -> tuple[str, ...]:
        """Return the properties that a key is about. Raises: `ProviderError` when there is none."""
        match key:
            case "contact:name":
                return OF_PERSON
            case _ if key in REACHING:
                return ADDRESSES
            # A stage is told with its pipeline.
            case "pipeline" | "stage":
                return (self._deal.pipeline, self._deal.stage)
            case _:
                return (self._own(key) or self._field(key, entity).id,)

    def _own(self, key: str) -> str:
        """Return the property that every portal has for a word; empty for anything else."""
        own = {
            OF_BOTH: OWNER,
            "deal:title": self._deal.title,
            "deal:price": self._deal.price,
            "pipeline": self._deal.pipeline,
            "stage": self._deal.stage,
        }
        return own.get(key, "")

    @property
    def _deal(self) -> Names:
        return NAMES[self.rest.config.case]

    def _field(self, key: str, entity: str) -> Field:
        """Find a property in the catalogue. Raises: `ProviderError` when it is not there."""
        name = key.partition(":")[2]
        for each in self.catalogue.fields:
            if (each.entity, each.id) == (entity, name):
                return each
        raise ProviderError(NO_SUCH_FIELD)

    # What a card holds.

    def _held(self, card: CrmObject, key: str) -> tuple[str, ...]:
        match key:
            case "contact:name":
                told = " ".join(filter(None, (card.of(name) for name in OF_PERSON)))
            case "contact:phone":
                return phones_of(card)
            case "contact:email":
                return emails_of(card)
            case "deal:price" if self._own(key):
                found = number_of(card.of(self._own(key)))
                told = spelt(found) if found else ""
            case _ if own := self._own(key):
                told = card.of(own)
            case _:
                known = self._field(key, key.partition(":")[0])
                return spelling.shown(known, card.of(known.id))
        return (told,) if told else ()

    # What a card is to hold.

    def _body(self, card: CrmObject, values: Values) -> dict[str, str]:
        body = additions(card, values.get("contact:phone", ()), values.get("contact:email", ()))
        apart = {*REACHING, *OF_DEAL}
        for key, wanted in sorted(values.items()):
            if key in apart or self._held(card, key) == wanted[:1]:
                continue
            if key == "contact:name":
                body |= dict(zip(OF_PERSON, _parted(wanted[0]), strict=True))
            elif own := self._own(key):
                body[own] = wanted[0]
            else:
                body |= self._filled(card, self._field(key, key.partition(":")[0]), wanted)
        return body | self._moved(card, values)

    def _filled(self, card: CrmObject, known: Field, wanted: tuple[str, ...]) -> dict[str, str]:
        """Say what the property is to hold; nothing when it lacks nothing.

        Raises: `ProviderError` when it cannot hold this: it is of another type by now.
        """
        held = spelling.shown(known, card.of(known.id))
        fresh = [each for each in wanted if each not in held]
        if known.read_only:
            raise ProviderError(NO_SUCH_FIELD)
        try:
            told = [spelling.spelt(known, each) for each in fresh]
        except (ValueError, OverflowError):
            raise ProviderError(NO_SUCH_FIELD) from None
        if not told:
            return {}
        return {known.id: ";" + ";".join(told) if known.multiple else told[0]}

    def _moved(self, card: CrmObject, values: Values) -> dict[str, str]:
        """Say where the deal is to stand. In another pipeline it begins at the first stage."""
        if not values.keys() & {"pipeline", "stage"}:
            return {}
        funnel, step = self._deal.pipeline, self._deal.stage
        there, stage = card.of(funnel), card.of(step)
        pipeline = next(iter(values.get("pipeline", ())), there)
        wanted = next(iter(values.get("stage", ())), "")
        if not wanted and pipeline != there:
            wanted = next((each for each, _ in stages_of(self.catalogue, pipeline)), "")
            if not wanted:
                raise ProviderError(NO_SUCH_FIELD)
        if not wanted or (pipeline, wanted) == (there, stage):
            return {}
        return {funnel: pipeline, step: wanted}


def _on(entity: str, keys: Collection[str]) -> set[str]:
    """Return the keys that are about a kind of cards."""
    if entity == "contact":
        return {key for key in keys if key == OF_BOTH or key.startswith("contact:")}
    return {key for key in keys if key in {OF_BOTH, *OF_DEAL} or key.startswith("deal:")}


def _parted(name: str) -> tuple[str, str]:
    first, _, rest = name.partition(" ")
    return first, rest
