"""amoCRM and Kommo: what the hub may ask of an account.

Messages live in the Chats API under ids of ours, which makes a lost answer findable: an entry is
looked for in the chat's history, a record and a deal by a technical field that holds their key.

Source: amocrm.ru/developers/content/crm_platform/{contacts-api, leads-api}, …/chats.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crm_clients.amocrm import chats, fields, hooks, media, oauth
from crm_clients.amocrm.chats import Chats
from crm_clients.amocrm.hooks import ApplicationDoor, ConnectionDoor
from crm_clients.amocrm.oauth import Application, Config
from crm_clients.amocrm.rest import Rest, all_of, created_id, garbled, number, only_of
from crm_clients.amocrm.sdk import read_catalogue
from crm_clients.amocrm.upkeep import Upkeep
from crm_clients.amocrm.wire import ChatOfContact, Contact, HistoryPage, Lead, storable
from crm_clients.contract import Can, CrmManifest
from mappers.vocabulary import (
    Account,
    Ambiguous,
    Arrival,
    Attachment,
    Blocked,
    Catalogue,
    Deal,
    DealDraft,
    Entry,
    FetchedFile,
    Http,
    Identity,
    OpenedConversation,
    Opening,
    Parcel,
    Permanent,
    ProviderError,
    Reading,
    Receipt,
    Record,
    RecordDraft,
    Status,
    StatusReport,
)
from mappers.vocabulary.adapters import Budget, Finding, Manifest, SetUp

SEARCH_PAGES, PAGE = 2, 250
NEWEST_DEALS = 5
CHATS_IN_A_CALL = 50
# amoCRM publishes no limit; long enough for people, short enough for every field it may land in.
TEXT_LIMIT = 4000


@dataclass(frozen=True, slots=True)
class AmoCrm:
    config: Config
    application: Application
    http: Http = field(repr=False)

    @property
    def _rest(self) -> Rest:
        return Rest(self.config, self.application.client_id, self.http)

    @property
    def _chats(self) -> Chats:
        return Chats(self.config, self.application, self.http)

    @property
    def _upkeep(self) -> Upkeep:
        return Upkeep(self.config, self.application, self._rest, self._chats)

    def read(self, arrival: Arrival) -> Reading:
        return hooks.read(arrival, self.config.amojo_id)

    async def check(self) -> Account:
        return await self._upkeep.check()

    def is_stale(self, now: datetime) -> bool:
        return oauth.is_stale(self.config, now)

    async def refresh(self) -> Mapping[str, Any]:
        return await oauth.renew(self.http, self.application, self.config)

    async def set_up(self, address: str, *, take_over: bool) -> SetUp:  # noqa: ARG002  # as it says
        """Nobody is ever in the way: an account calls a hundred addresses at once."""
        return await self._upkeep.set_up(address)

    async def tear_down(self) -> None:
        await self._upkeep.tear_down()

    async def diagnose(self, address: str) -> tuple[Finding, ...]:
        return await self._upkeep.diagnose(address)

    async def catalogue(self) -> Catalogue:
        return await read_catalogue(self._rest)

    async def find_records(self, identity: Identity) -> tuple[Record, ...]:
        """The search is full-text over every field, so most of what it finds is somebody else."""
        query = fields.query_for(identity)
        found: list[Record] = []
        for page in range(1, SEARCH_PAGES + 1) if query else ():
            window = {"query": query, "with": "leads", "limit": PAGE, "page": page}
            reply = await self._rest.get("contacts", "contacts.search", window)
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
            reply = await self._rest.get("contacts/chats", "contacts.chats", query)
            owners.update(each.contact_id for each in all_of(ChatOfContact, reply, "chats"))
        for owner, _ in owners.most_common():
            if str(owner) != record and await self._contact(str(owner)):
                return str(owner)
        return None

    async def create_record(self, draft: RecordDraft, *, key: str) -> str:
        """Create a contact. amoCRM never compares it with those it has."""
        marker = fields.marker(_required(self.config.record_marker_field), key)
        filled = [*fields.reachable_by(draft), marker]
        body = [{"name": draft.name, "custom_fields_values": filled}]
        reply = await self._rest.post("contacts", "contacts.create", body)
        return created_id(reply, "contacts")

    async def find_created_record(self, key: str, since: datetime) -> str | None:  # noqa: ARG002  # see below
        """Look among the newest, which no index delays, then ask the search.

        `since` bounds neither: both are one page, and a page costs the same however old it is.
        """
        windows: tuple[dict[str, Any], ...] = ({"order[id]": "desc"}, {"query": key})
        for window in windows:
            reply = await self._rest.get("contacts", "contacts.find", {**window, "limit": PAGE})
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
            await self._rest.patch(f"contacts/{contact.id}", "contacts.add", body, gone="record")

    async def find_deals(self, record: str) -> tuple[Deal, ...]:
        """Return the newest few: amoCRM lists leads by id only for accounts that pay for it."""
        contact = await self._contact(record)
        if contact is None:
            raise ProviderError(Permanent(code="amocrm.no_such_record", gone="record"))
        newest = [str(lead.id) for lead in fields.newest_first(contact)[:NEWEST_DEALS]]
        found = [await self.get_deal(deal) for deal in newest]
        return tuple(deal for deal in found if deal and deal.state != "deleted")

    async def get_deal(self, deal: str) -> Deal | None:
        path = f"leads/{number(deal, 'deal')}"
        with _absence():
            reply = await self._rest.get(path, "leads.get", gone="deal")
            if reply.status != 204:
                lead = only_of(Lead, reply.value())
                return fields.as_deal(lead, self.config.deal_marker_field)
        return None

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
        reply = await self._rest.post("leads", "leads.create", [wanted], gone="record")
        return created_id(reply, "leads")

    async def find_created_deal(self, draft: DealDraft, key: str, since: datetime) -> str | None:  # noqa: ARG002  # as of records
        """Look among the contact's deals; if it was merged away, among the account's newest."""
        contact = await self._contact(draft.record)
        if contact is not None:
            deals = await self.find_deals(draft.record)
            found = next((deal.id for deal in deals if deal.marker == key), None)
            if found is not None or len(contact.leads) <= NEWEST_DEALS:
                return found
        window = {"order[id]": "desc", "limit": PAGE}
        reply = await self._rest.get("leads", "leads.find", window)
        marked = [
            fields.as_deal(each, self.config.deal_marker_field)
            for each in all_of(Lead, reply, "leads")
        ]
        return next((deal.id for deal in marked if deal.marker == key), None)

    async def open_conversation(self, opening: Opening) -> OpenedConversation:
        """Create the chat, then give it to the record before amoCRM makes one of its own.

        A chat that has another owner changes hands, so both steps may be repeated.
        """
        opened = await self._chats.open(opening)
        owner = {"contact_id": number(opening.record, "record"), "chat_id": opened.id}
        await self._rest.post(
            "contacts/chats", "contacts.bind", [owner], repeatable=True, gone="record"
        )
        return opened

    async def write(self, entry: Entry) -> Receipt:
        """Write a message under our key.

        amoCRM takes one key once. How it refuses the second time is not documented: with the
        first message's ids, or with an error. So a refusal is checked against the history.
        """
        body = chats.new_message(entry, self.application)
        try:
            reply = await self._chats.send(body, "write", repeatable=False)
        except ProviderError as refused:
            if not isinstance(refused.failure, Permanent):
                raise
            if earlier := await self._written_before(entry):
                return earlier
            raise
        accepted = reply.at("new_message", "msgid")
        if not isinstance(accepted, str) or not accepted:
            raise ProviderError(garbled(repeatable=False))
        return Receipt(provider_ids=(accepted,))

    async def _written_before(self, entry: Entry) -> Receipt | None:
        try:
            return await self.find_entry(entry, entry.message.sent_at)
        except ProviderError as unknown:
            raise ProviderError(Ambiguous(code="amocrm.refused_or_repeated")) from unknown

    async def find_entry(self, entry: Entry, since: datetime) -> Receipt | None:
        """A message lies in the history at the time when it was said, perhaps long before us."""
        floor = min(since, entry.message.sent_at)
        found = await self._chats.find(entry.conversation.id, entry.key, floor)
        return Receipt(provider_ids=(found,)) if found else None

    async def edit_entry(self, entry: Entry) -> None:
        body = chats.edited_message(entry, self.http.now())
        await self._chats.send(body, "edit", repeatable=True)

    async def fetch(self, attachment: Attachment, limit_bytes: int) -> FetchedFile:
        return await media.fetch(attachment, self.application, self.http, limit_bytes)

    async def report(self, report: StatusReport) -> None:
        if report.status in chats.CODES:
            await self._chats.report(report)

    async def read_history(
        self, conversation: OpenedConversation, ours: str, since: datetime
    ) -> tuple[Parcel, ...]:
        """Pack the pages since then, oldest first; the last one tells that it is the last."""
        newest_first = [page async for page in self._chats.history(conversation.id, since)] or [[]]
        pages = [
            HistoryPage(
                conversation=conversation.id,
                ours=ours,
                since_ms=chats.milliseconds(since),
                is_last=index == 0,
                messages=messages,
            )
            for index, messages in enumerate(newest_first)
        ]
        return tuple(_parcel(page) for page in reversed(pages))

    async def _contact(self, record: str) -> Contact | None:
        path = f"contacts/{number(record, 'record')}"
        with _absence():
            reply = await self._rest.get(path, "contacts.get", {"with": "leads"}, gone="record")
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


def _parcel(page: HistoryPage) -> Parcel:
    """Name a page by its ends and by the question: asked again later, it is news again."""
    ids = [str(_id_in(each)) for each in (*page.messages[:1], *page.messages[-1:])]
    words = (page.conversation, *ids, str(page.since_ms), "last" if page.is_last else "")
    key = f"history:{':'.join(storable(word)[:64] for word in words)}"
    return Parcel(key=key, body=chats.history_body(page), form=hooks.HISTORY)


def _id_in(message: Any) -> Any:
    inner = message.get("message") if isinstance(message, dict) else None
    return inner.get("id") if isinstance(inner, dict) else ""


def _build(config: Config, application: Application | None, http: Http) -> AmoCrm:
    """Raises: `ValueError` for an account at an address that is not amoCRM's."""
    registered = _registered(application)
    base = oauth.account_base(config.base, registered)
    return AmoCrm(config.model_copy(update={"base": base}), registered, http)


def _registered(application: Application | None) -> Application:
    if application is None:
        raise ValueError("an amoCRM account is connected through a registration of ours")
    return application


def _accounts(config: Config) -> tuple[str, ...]:
    return (config.account_id, config.amojo_id)


def _door(config: Config, _: Application | None) -> ConnectionDoor:
    return ConnectionDoor(config)


def _budgets(config: Config, application: Application | None) -> tuple[Budget, ...]:
    """Seven a second are allowed in REST, and excess ends in a block: five.

    The Chats API publishes no limit; seven is what its sibling allows.
    """
    ours = _registered(application)
    rest = f"amocrm:{ours.client_id}:{config.account_id}"
    amojo = f"amojo:{ours.channel_id}:{config.amojo_id}"
    return (
        Budget(name="rest", key=rest, rate_per_s=5, burst=2),
        Budget(name="amojo", key=amojo, rate_per_s=7, burst=7),
    )


def _bases(config: Config, application: Application | None) -> tuple[str, ...]:
    ours = _registered(application)
    return (oauth.account_base(config.base, ours), oauth.amojo_base(config, ours))


MANIFEST: CrmManifest = Manifest(
    name="amocrm",
    title="amoCRM",
    config=Config,
    application=Application,
    accounts=_accounts,
    build=_build,
    door=_door,
    application_door=ApplicationDoor,
    budgets=_budgets,
    bases=_bases,
    can=Can(
        text_limit=TEXT_LIMIT,
        statuses=frozenset({Status.SENT, Status.DELIVERED, Status.READ, Status.FAILED}),
        attachments=media.SHOWN,
        replies_told_once=True,
        edits=True,
        quotes=True,
        opens_own_deals=True,
        # A gateway gives up on a call after a minute; until then it may still take effect.
        settles_after=timedelta(seconds=65),
    ),
)
