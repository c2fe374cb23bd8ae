"""Contacts and leads: finding, creating and completing them.

Both carry the key that we made them under in a technical field, so that a creation whose answer
was lost is found again.

Source: amocrm.ru/developers/content/crm_platform/{contacts-api, leads-api}.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm_clients.amocrm import fields
from crm_clients.amocrm.oauth import Config
from crm_clients.amocrm.rest import Rest, all_of, created_id, number, only_of
from crm_clients.amocrm.wire import ChatOfContact, Contact, Lead
from mappers.vocabulary import (
    Blocked,
    Deal,
    DealDraft,
    Identity,
    Permanent,
    ProviderError,
    Record,
    RecordDraft,
)

SEARCH_PAGES, PAGE = 2, 250
NEWEST_DEALS = 5
CHATS_IN_A_CALL = 50


@dataclass(frozen=True, slots=True)
class Cards:
    config: Config
    rest: Rest

    async def find_records(self, identity: Identity) -> tuple[Record, ...]:
        """The search is full-text over every field, so most of what it finds is somebody else."""
        query = fields.query_for(identity)
        found: list[Record] = []
        for page in range(1, SEARCH_PAGES + 1) if query else ():
            window = {"query": query, "with": "leads", "limit": PAGE, "page": page}
            reply = await self.rest.get("contacts", "contacts.search", window)
            contacts = all_of(Contact, reply, "contacts")
            found += [self._record(each) for each in contacts if not each.is_deleted]
            if reply.at("_links", "next") is None:
                break
        return tuple(found)

    async def get_record(self, record: str) -> Record | None:
        contact = await self._contact(record)
        return self._record(contact) if contact else None

    async def find_survivor(self, record: str, conversations: Sequence[str]) -> str | None:
        """Chats move to whoever a contact was merged into; the owner of most of them is asked."""
        owners: Counter[int] = Counter()
        for start in range(0, len(conversations), CHATS_IN_A_CALL):
            chunk = conversations[start : start + CHATS_IN_A_CALL]
            query = {"chat_id[]": list(chunk)}
            reply = await self.rest.get("contacts/chats", "contacts.chats", query)
            owners.update(each.contact_id for each in all_of(ChatOfContact, reply, "chats"))
        for owner, _ in owners.most_common():
            if str(owner) != record and await self._contact(str(owner)):
                return str(owner)
        return None

    async def create_record(self, draft: RecordDraft, *, key: str) -> str:
        """Create a contact. amoCRM never compares it with those it has."""
        marker = fields.marker(_required(self.config.record_marker_field), key)
        filled = [*fields.reachable_by(draft), marker]
        card: dict[str, Any] = {"name": draft.name, "custom_fields_values": filled}
        card |= fields.responsible(draft.responsible)
        reply = await self.rest.post("contacts", "contacts.create", [card])
        return created_id(reply, "contacts")

    async def find_created_record(self, key: str, since: datetime) -> str | None:  # noqa: ARG002  # see below
        """Look among the newest, which no index delays, then ask the search.

        `since` bounds neither: both are one page, and a page costs the same however old it is.
        """
        windows: tuple[dict[str, Any], ...] = ({"order[id]": "desc"}, {"query": key})
        for window in windows:
            reply = await self.rest.get("contacts", "contacts.find", {**window, "limit": PAGE})
            for each in all_of(Contact, reply, "contacts"):
                if self._record(each).marker == key:
                    return str(each.id)
        return None

    async def add_to_record(self, record: str, draft: RecordDraft) -> None:
        contact = await self._contact(record)
        if contact is None:
            raise ProviderError(Permanent(code="amocrm.no_such_record", gone="record"))
        if additions := fields.additions(contact, draft):
            body = {"custom_fields_values": additions}
            await self.rest.patch(f"contacts/{contact.id}", "contacts.add", body, gone="record")

    async def find_deals(self, record: str) -> tuple[Deal, ...]:
        """Return the newest few: amoCRM lists leads by id only for accounts that pay for it."""
        contact = await self._contact(record)
        if contact is None:
            raise ProviderError(Permanent(code="amocrm.no_such_record", gone="record"))
        newest = [str(lead.id) for lead in fields.newest_first(contact)[:NEWEST_DEALS]]
        found = [await self.get_deal(deal) for deal in newest]
        return tuple(deal for deal in found if deal and deal.state != "deleted")

    async def get_deal(self, deal: str) -> Deal | None:
        lead = await self._lead(deal)
        return fields.as_deal(lead, self.config.deal_marker_field) if lead else None

    async def create_deal(self, draft: DealDraft, *, key: str) -> str:
        record = number(draft.record, "record")
        marker = fields.marker(_required(self.config.deal_marker_field), key)
        wanted: dict[str, Any] = {
            "custom_fields_values": [marker],
            "_embedded": {"contacts": [{"id": record, "is_main": True}]},
        }
        for name, value in (("pipeline_id", draft.pipeline), ("status_id", draft.stage)):
            if value:
                wanted[name] = number(value, "")
        if draft.title:
            wanted["name"] = draft.title
        if draft.tags:
            wanted["_embedded"]["tags"] = fields.tags(draft.tags)
        wanted |= fields.responsible(draft.responsible)
        reply = await self.rest.post("leads", "leads.create", [wanted], gone="record")
        return created_id(reply, "leads")

    async def add_tags(self, deal: str, tags: Sequence[str]) -> None:
        """What is added to a set may be added twice."""
        wanted = {"tags_to_add": fields.tags(tags)}
        await self.rest.patch(f"leads/{number(deal, 'deal')}", "leads.tag", wanted, gone="deal")

    async def responsible_for(self, record: str, deal: str) -> str:
        """Return whose a deal is or, without one, whose a record; empty when it is nobody's."""
        if deal:
            lead = await self._lead(deal)
            if lead is None or lead.is_deleted:
                raise ProviderError(Permanent(code="amocrm.no_such_record", gone="deal"))
            return str(lead.responsible_user_id or "")
        contact = await self._contact(record)
        if contact is None:
            raise ProviderError(Permanent(code="amocrm.no_such_record", gone="record"))
        return str(contact.responsible_user_id or "")

    async def find_created_deal(self, draft: DealDraft, key: str, since: datetime) -> str | None:  # noqa: ARG002  # as of records
        """Look among the contact's deals; if it was merged away, among the account's newest."""
        contact = await self._contact(draft.record)
        if contact is not None:
            deals = await self.find_deals(draft.record)
            found = next((deal.id for deal in deals if deal.marker == key), None)
            if found is not None or len(contact.leads) <= NEWEST_DEALS:
                return found
        window = {"order[id]": "desc", "limit": PAGE}
        reply = await self.rest.get("leads", "leads.find", window)
        marked = [
            fields.as_deal(each, self.config.deal_marker_field)
            for each in all_of(Lead, reply, "leads")
        ]
        return next((deal.id for deal in marked if deal.marker == key), None)

    async def _lead(self, deal: str) -> Lead | None:
        path = f"leads/{number(deal, 'deal')}"
        with _absence():
            reply = await self.rest.get(path, "leads.get", gone="deal")
            if reply.status != 204:
                return only_of(Lead, reply.value())
        return None

    async def _contact(self, record: str) -> Contact | None:
        path = f"contacts/{number(record, 'record')}"
        with _absence():
            reply = await self.rest.get(path, "contacts.get", {"with": "leads"}, gone="record")
            if reply.status != 204:
                contact = only_of(Contact, reply.value())
                return None if contact.is_deleted else contact
        return None

    def _record(self, contact: Contact) -> Record:
        return fields.as_record(contact, self.config.record_marker_field)


@contextlib.contextmanager
def _absence() -> Iterator[None]:
    """Take a 404 for the "nothing" that it is; documented answers say it with 204."""
    try:
        yield
    except ProviderError as error:
        if not (isinstance(error.failure, Permanent) and error.failure.gone):
            raise


def _required(marker_field: int | None) -> int:
    """Without the field a creation could not be found again, so there is no creation."""
    if marker_field is None:
        raise ProviderError(Blocked(code="amocrm.no_marker_field", by="provider"))
    return marker_field
