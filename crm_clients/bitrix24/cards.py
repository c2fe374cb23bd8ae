"""Contacts and deals: finding, creating and completing them.

Both have a pair of fields for where they came from, which can be searched exactly, so that a
creation whose answer was lost is found again. Bitrix24 compares the pair with nobody's.

Source: apidocs.bitrix24.com/api-reference/crm/{contacts, deals, duplicates}; the order of phones
and of empty codes: bitrix-tools/b24-rest-docs #223.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from crm_clients.bitrix24.rest import WITHOUT_COUNTING, Rest, all_of, created_id, number, only_of
from crm_clients.bitrix24.search import OF_CONTACTS, Found, Search
from crm_clients.bitrix24.users import require_active
from crm_clients.bitrix24.wire import Contact, Deal, Multifield
from mappers.emails import is_address
from mappers.phones import same_number
from mappers.vocabulary import (
    Deal as KnownDeal,
)
from mappers.vocabulary import (
    DealDraft,
    Identity,
    Permanent,
    ProviderError,
    Record,
    RecordDraft,
)

OURS = "threadline"
OF_DEALS = (
    *("ID", "TITLE", "CATEGORY_ID", "STAGE_ID", "STAGE_SEMANTIC_ID", "CLOSED", "CLOSEDATE"),
    *("DATE_CREATE", "ORIGINATOR_ID", "ORIGIN_ID", "ASSIGNED_BY_ID"),
)
LOST_STAGES = frozenset({"LOSE", "LOST", "APOLOGY"})


@dataclass(frozen=True, slots=True)
class Cards:
    rest: Rest = field(repr=False)

    async def find_records(self, identity: Identity) -> tuple[Record, ...]:
        return tuple(_found(each) for each in await Search(self.rest).find(identity))

    async def get_record(self, record: str) -> Record | None:
        contact = await self._contact(record)
        return _record(contact) if contact else None

    async def create_record(self, draft: RecordDraft, *, key: str) -> str:
        if draft.responsible:
            await require_active(self.rest, draft.responsible)
        first, _, rest = draft.name.partition(" ")
        fields: dict[str, Any] = {
            "NAME": first,
            "LAST_NAME": rest,
            **_marked(key),
            **_reachable(draft.phones, draft.emails),
            **_responsible(draft.responsible),
        }
        silently = {"REGISTER_SONET_EVENT": "N"}
        asked = {"fields": fields, "params": silently}
        return created_id(await self.rest.make("crm.contact.add", asked))

    async def find_created_record(self, key: str, since: datetime) -> str | None:  # noqa: ARG002  # exact without it
        found = await self._contacts({"=ORIGINATOR_ID": OURS, "=ORIGIN_ID": key})
        return found[0].id if found else None

    async def add_to_record(self, record: str, draft: RecordDraft) -> None:
        """Add what is missing. A value without an id is one more, so only new ones are sent."""
        contact = await self._required_contact(record)
        phones = [
            p for p in draft.phones if not any(same_number(p, v) for v in _of(contact.phones))
        ]
        known = {value.strip().lower() for value in _of(contact.emails)}
        emails = [email for email in draft.emails if email not in known]
        if fields := _reachable(phones, emails):
            await self._update(contact, fields)
            await self._take_back_doubles(record, {*phones, *emails})

    async def _take_back_doubles(self, record: str, added: Collection[str]) -> None:
        """An open line reads phones in a customer's words: it may have added one meanwhile, too."""
        contact = await self._required_contact(record)
        kinds = {"PHONE": contact.phones, "EMAIL": contact.emails}
        doubles = {kind: list(_doubles(values, added)) for kind, values in kinds.items()}
        if fields := {kind: items for kind, items in doubles.items() if items}:
            await self._update(contact, fields)

    async def add_messenger(self, record: str, address: str, kind: str = "IMOL") -> None:
        """Add an address of a dialog, or a sign of ours, to a contact, unless it is there."""
        contact = await self._required_contact(record)
        if address not in _of(contact.messengers):
            await self._update(contact, {"IM": [{"VALUE": address, "VALUE_TYPE": kind}]})

    async def _update(self, contact: Contact, fields: dict[str, Any]) -> None:
        """Each attempt begins by reading, so that a repeat of the whole adds nothing twice."""
        silently = {"REGISTER_SONET_EVENT": "N"}
        asked = {"id": int(contact.id), "fields": fields, "params": silently}
        await self.rest.make("crm.contact.update", asked, gone="record")

    async def find_deals(self, record: str) -> tuple[KnownDeal, ...]:
        wanted = {"CONTACT_ID": number(record, "record")}
        return tuple(_deal(each) for each in await self._deals(wanted))

    async def get_deal(self, deal: str) -> KnownDeal | None:
        found = await self._deals({"=ID": number(deal, "deal")})
        return _deal(found[0]) if found else None

    async def create_deal(self, draft: DealDraft, *, key: str) -> str:
        if draft.responsible:
            await require_active(self.rest, draft.responsible)
        fields: dict[str, Any] = {
            "CONTACT_ID": number(draft.record, "record"),
            **_marked(key),
            **_responsible(draft.responsible),
        }
        wanted = {"TITLE": draft.title, "STAGE_ID": draft.stage}
        fields |= {name: value for name, value in wanted.items() if value}
        if draft.pipeline:
            fields["CATEGORY_ID"] = number(draft.pipeline, "")
        silently = {"REGISTER_SONET_EVENT": "N"}
        asked = {"fields": fields, "params": silently}
        return created_id(await self.rest.make("crm.deal.add", asked, gone="record"))

    async def responsible_for(self, deal: str) -> str:
        """Return whose a deal is; empty when it is nobody's, or gone."""
        found = await self._deals({"=ID": number(deal, "deal")})
        return found[0].responsible if found else ""

    async def find_created_deal(self, key: str) -> str | None:
        found = await self._deals({"=ORIGINATOR_ID": OURS, "=ORIGIN_ID": key})
        return found[0].id if found else None

    async def _contact(self, record: str) -> Contact | None:
        """Read a contact; None when it was deleted. Nothing but words says so."""
        try:
            found = await self.rest.ask("crm.contact.get", {"id": number(record, "record")})
        except ProviderError as refused:
            if isinstance(refused.failure, Permanent) and _is_absence(refused.failure):
                return None
            raise
        return only_of(Contact, found)

    async def _required_contact(self, record: str) -> Contact:
        contact = await self._contact(record)
        if contact is None:
            raise ProviderError(Permanent(code="bitrix24.no_such_record", gone="record"))
        return contact

    async def _contacts(self, wanted: dict[str, Any]) -> tuple[Contact, ...]:
        return all_of(Contact, await self._list("crm.contact.list", wanted, OF_CONTACTS))

    async def _deals(self, wanted: dict[str, Any]) -> tuple[Deal, ...]:
        return all_of(Deal, await self._list("crm.deal.list", wanted, OF_DEALS))

    async def _list(self, method: str, wanted: dict[str, Any], select: Sequence[str]) -> Any:
        """Ask for one page, the newest first; counting all would cost more than the page."""
        asked = {
            "filter": wanted,
            "select": list(select),
            "order": {"ID": "DESC"},
            "start": WITHOUT_COUNTING,
        }
        return await self.rest.ask(method, asked)


def _marked(key: str) -> dict[str, str]:
    return {"ORIGINATOR_ID": OURS, "ORIGIN_ID": key}


def _responsible(user: str) -> dict[str, int]:
    return {"ASSIGNED_BY_ID": number(user, "responsible")} if user else {}


def _reachable(phones: Iterable[str], emails: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """Bitrix24 refuses a whole card over an address that is none; phones it takes as they are."""
    filled = {
        "PHONE": [{"VALUE": phone, "VALUE_TYPE": "MOBILE"} for phone in phones],
        "EMAIL": [{"VALUE": email, "VALUE_TYPE": "OTHER"} for email in emails if is_address(email)],
    }
    return {name: values for name, values in filled.items() if values}


def _of(fields: Iterable[Multifield]) -> tuple[str, ...]:
    return tuple(each.value for each in fields if each.value)


def _doubles(fields: Iterable[Multifield], added: Collection[str]) -> Iterator[dict[str, str]]:
    """What has to go where a value that we added is there more than once; the first stays."""
    seen: set[str] = set()
    for each in fields:
        if each.value in seen & set(added):
            yield {"ID": each.id, "DELETE": "Y"}
        seen.add(each.value)


def _is_absence(failure: Permanent) -> bool:
    """Old methods refuse without a code, in English words that have been the same for years."""
    return bool(failure.gone) or failure.detail.strip().rstrip(".").lower() == "not found"


def _record(contact: Contact) -> Record:
    names = (contact.name, contact.second_name, contact.last_name)
    return Record(
        id=contact.id,
        name=" ".join(name for name in names if name),
        phones=_of(contact.phones),
        emails=_of(contact.emails),
        marker=contact.origin if contact.originator == OURS else "",
        responsible=contact.responsible,
        created_at=moment_of(contact.created),
    )


def _found(found: Found) -> Record:
    """A contact is reached by what the lead was reached by, too."""
    record, lead = _record(found.contact), found.lead
    if lead is None:
        return replace(record, deals=found.deals)
    phones = tuple(dict.fromkeys((*record.phones, *_of(lead.phones))))
    emails = tuple(dict.fromkeys((*record.emails, *_of(lead.emails))))
    return replace(record, deals=found.deals, phones=phones, emails=emails)


def _deal(deal: Deal) -> KnownDeal:
    state = _state(deal)
    return KnownDeal(
        id=deal.id,
        state=state,
        title=deal.title,
        pipeline=deal.pipeline,
        marker=deal.origin if deal.originator == OURS else "",
        created_at=moment_of(deal.created),
        closed_at=None if state == "open" else moment_of(deal.closed),
    )


def _state(deal: Deal) -> Literal["open", "won", "lost"]:
    """Where the meaning of a stage is not told, the stage that a deal closed in says it."""
    match deal.semantics:
        case "S":
            return "won"
        case "F":
            return "lost"
        case "P":
            return "open"
        case _ if not deal.is_closed:
            return "open"
        case _:
            is_lost = deal.stage.rpartition(":")[2] in LOST_STAGES
            return "lost" if is_lost else "won"


def moment_of(told: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        return None
    return moment if moment.utcoffset() is not None else None
