"""Fields of a contact and of its deal, between Bitrix24's spellings and canonical values.

Cards are read before they are changed, since Bitrix24 passes over a field that it does not have,
replaces a list as a whole, and adds a phone once more each time that it is told one. The universal
methods are used: they alone move a deal to another pipeline, and refuse with words of a code.

Source: apidocs.bitrix24.com/api-reference/crm/{universal, data-types}.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_clients.bitrix24 import spelling
from crm_clients.bitrix24.batch import Command, Part
from crm_clients.bitrix24.catalogue import CONTACT, DEAL, about_fields
from crm_clients.bitrix24.questions import ask_together
from crm_clients.bitrix24.rest import Rest, garbled, number
from mappers.mapping.targets import stages_of
from mappers.phones import e164
from mappers.vocabulary import Catalogue, Field, Gone, Permanent, ProviderError

Item = Mapping[str, Any]
Values = Mapping[str, tuple[str, ...]]
NO_SUCH_FIELD = Permanent(code="bitrix24.no_such_field")
REACHING = {"contact:phone": "PHONE", "contact:email": "EMAIL"}
OF_BOTH = "responsible"
OF_DEAL = frozenset({"pipeline", "stage", "tags"})
# What is no field of its own: each place leads elsewhere on a card.
OWN = frozenset(
    {"contact:name", "deal:title", "deal:price", "pipeline", "stage", OF_BOTH, *REACHING}
)


@dataclass(frozen=True, slots=True)
class FieldValues:
    """One portal's fields, as its catalogue describes them."""

    rest: Rest = field(repr=False)
    catalogue: Catalogue

    async def read(self, record: str, deal: str, keys: Collection[str]) -> Values:
        """Read both cards with one call. Raises: `ProviderError`."""
        cards = await self._cards(record, deal, keys)
        found: dict[str, tuple[str, ...]] = {}
        for kind, item in cards.items():
            for key in _on(kind, keys):
                told = (*found.get(key, ()), *self._held(item, key))
                found[key] = tuple(dict.fromkeys(told)) if key == OF_BOTH else told
        return {key: found.get(key, ()) for key in keys}

    async def write(self, record: str, deal: str, values: Values) -> None:
        """Change each card that lacks something, with one call. Raises: `ProviderError`."""
        wanted = {key: told for key, told in values.items() if told}
        cards = await self._cards(record, deal, wanted)
        bodies = {
            kind: self._body(item, {key: wanted[key] for key in _on(kind, wanted)})
            for kind, item in cards.items()
        }
        for kind, body in bodies.items():
            if body:
                await self._update(kind, record if kind == CONTACT else deal, body)

    async def _update(self, kind: int, card: str, body: Mapping[str, Any]) -> None:
        """What is there is not sent, so that a repeat of the whole changes nothing."""
        gone: Gone = "record" if kind == CONTACT else "deal"
        asked = {
            "entityTypeId": kind,
            "id": number(card, gone),
            "fields": body,
            "useOriginalUfNames": "Y",
        }
        await self.rest.ask("crm.item.update", asked, gone=gone)

    async def _cards(self, record: str, deal: str, keys: Collection[str]) -> dict[int, Item]:
        """Read the cards that these keys are about."""
        asked: dict[str, Command] = {}
        if _on(CONTACT, keys):
            asked["contact"] = _question(CONTACT, record, "record")
        if deal and _on(DEAL, keys):
            asked["deal"] = _question(DEAL, deal, "deal")
        told = await ask_together(self.rest, asked) if asked else {}
        kinds = {"contact": CONTACT, "deal": DEAL}
        items = {kinds[name]: _item(answer) for name, answer in told.items()}
        return {
            kind: await self._whole(kind, item, _named(kind, keys)) for kind, item in items.items()
        }

    async def _whole(self, kind: int, item: Item, names: Collection[str]) -> Item:
        """Tell a field that is empty from one that is gone, where a card is silent about both."""
        silent = {name for name in names if name not in item}
        if not silent:
            return item
        fields = (await ask_together(self.rest, {"fields": about_fields(kind)}))["fields"].told()
        known = fields.get("fields") if isinstance(fields, dict) else None
        return {**item, **dict.fromkeys(silent & set(known or ()))}

    # What a card holds.

    def _held(self, item: Item, key: str) -> tuple[str, ...]:
        match key:
            case "contact:name":
                told = " ".join(filter(None, (_text(item, "name"), _text(item, "lastName"))))
            case "deal:title":
                told = _text(item, "title")
            case "deal:price":
                told = spelling.shown("double", item.get("opportunity"))
                told = "" if told == "0" else told
            case "pipeline":
                told = _text(item, "categoryId")
            case "stage":
                told = _text(item, "stageId")
            case "responsible":
                told = _text(item, "assignedById")
            case _ if key in REACHING:
                return tuple(each for each in _reached(item, REACHING[key]) if each)
            case _:
                return self._shown(item, self._field(item, key))
        return (told,) if told not in ("", "0") or key == "pipeline" else ()

    def _shown(self, item: Item, known: Field) -> tuple[str, ...]:
        held = item.get(known.id)
        values = held if isinstance(held, list) else [held]
        told = (spelling.shown(known.type, each) for each in values)
        return tuple(each for each in told if each)

    def _field(self, item: Item, key: str) -> Field:
        """Find a field that the catalogue and the card both have, holding one value or several.

        Raises: `ProviderError` when it vanished, or became another one.
        """
        entity, _, name = key.partition(":")
        known = next((f for f in self.catalogue.fields if (f.entity, f.id) == (entity, name)), None)
        if known is None or name not in item:
            raise ProviderError(NO_SUCH_FIELD)
        held = item[name]
        if held not in (None, "", False, []) and isinstance(held, list) != known.multiple:
            raise ProviderError(NO_SUCH_FIELD)
        return known

    # What a card is to hold.

    def _body(self, item: Item, values: Values) -> dict[str, Any]:
        body: dict[str, Any] = {}
        fresh: list[dict[str, str]] = []
        for key, wanted in sorted(values.items()):
            if key in REACHING:
                fresh += _additions(item, REACHING[key], wanted)
            elif key not in OWN:
                body |= self._filled(item, self._field(item, key), wanted)
            elif key not in {"pipeline", "stage"} and self._held(item, key) != wanted[:1]:
                body |= _own(key, wanted[0])
        if fresh:
            # Names that begin so are those of new ones.
            body["fm"] = {f"n{number}": each for number, each in enumerate(fresh)}
        return body | self._moved(item, values)

    def _filled(self, item: Item, known: Field, wanted: tuple[str, ...]) -> dict[str, Any]:
        """Say what the field is to hold; nothing when it holds that, or its list lacks nothing."""
        held = self._shown(item, known)
        fresh = [each for each in wanted if each not in held]
        if not fresh:
            return {}
        if known.multiple:
            there = item.get(known.id) or []
            return {known.id: [*there, *(self._spelt(item, known, each) for each in fresh)]}
        return {known.id: self._spelt(item, known, fresh[0])}

    def _spelt(self, item: Item, known: Field, value: str) -> Any:
        """Raises: `ProviderError` when the field cannot hold this: it is of another type by now."""
        if known.kind == "choice" and value not in {choice for choice, _ in known.choices}:
            raise ProviderError(NO_SUCH_FIELD)
        try:
            return spelling.spelt(known, value, item)
        except (ValueError, OverflowError):
            raise ProviderError(NO_SUCH_FIELD) from None

    def _moved(self, item: Item, values: Values) -> dict[str, Any]:
        """Say where the deal is to stand. In another pipeline it begins at the first stage.

        A stage is told with its pipeline: it has none of another's.
        """
        there, stage = _text(item, "categoryId"), _text(item, "stageId")
        pipeline = next(iter(values.get("pipeline", ())), there)
        wanted = next(iter(values.get("stage", ())), "")
        if not wanted and pipeline != there:
            wanted = next((each for each, _ in stages_of(self.catalogue, pipeline)), "")
            if not wanted:
                raise ProviderError(NO_SUCH_FIELD)
        if not wanted or (pipeline, wanted) == (there, stage):
            return {}
        return {"categoryId": number(pipeline, ""), "stageId": wanted}


def _question(kind: int, card: str, gone: Gone) -> Command:
    asked = {"entityTypeId": kind, "id": number(card, gone), "useOriginalUfNames": "Y"}
    return Command("crm.item.get", asked, gone=gone)


def _item(answer: Part) -> Item:
    told = answer.told()
    item = told.get("item") if isinstance(told, dict) else None
    if not isinstance(item, dict):
        raise ProviderError(garbled(repeatable=True))
    return item


def _on(kind: int, keys: Collection[str]) -> set[str]:
    """Return the keys that are about a kind of cards."""
    if kind == CONTACT:
        return {key for key in keys if key == OF_BOTH or key.startswith("contact:")}
    return {key for key in keys if key in {OF_BOTH, *OF_DEAL} or key.startswith("deal:")}


def _named(kind: int, keys: Collection[str]) -> set[str]:
    """Return the names of the fields among the keys that are about a kind of cards."""
    return {key.partition(":")[2] for key in _on(kind, keys) if ":" in key and key not in OWN}


def _own(key: str, value: str) -> dict[str, Any]:
    match key:
        case "contact:name":
            first, _, rest = value.partition(" ")
            return {"name": first, "lastName": rest}
        case "deal:title":
            return {"title": value}
        case "deal:price":
            # By the goods of a deal its sum would be counted anew.
            return {"opportunity": value, "isManualOpportunity": "Y"}
        case _:
            return {"assignedById": number(value, "")}


def _reached(item: Item, kind: str) -> list[str]:
    held = item.get("fm")
    rows = list(held.values()) if isinstance(held, dict) else held or []
    return [_text(each, "value") for each in rows if _text(each, "typeId") == kind]


def _additions(item: Item, kind: str, wanted: Collection[str]) -> list[dict[str, str]]:
    norm = _phone if kind == "PHONE" else str.casefold
    there = {norm(each) for each in _reached(item, kind)}
    value_type = "MOBILE" if kind == "PHONE" else "OTHER"
    return [
        {"typeId": kind, "valueType": value_type, "value": each}
        for each in wanted
        if norm(each) not in there
    ]


def _phone(value: str) -> str:
    """What two spellings of one phone have in common."""
    return e164(value) or value


def _text(item: Any, name: str) -> str:
    value = item.get(name) if isinstance(item, dict) else None
    return "" if value is None or value is False else str(value)
