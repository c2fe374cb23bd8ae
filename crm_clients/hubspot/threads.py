"""Threads of our channel: where an entry is written, looked for, and answered.

A thread is known once something was said in it; until then it is looked for, among those of the
contact and among the newest of the inbox. So the first entry of an exchange tells which thread it
is, and that it does not belong to the contact can only be said afterwards: to employees, once, in a
comment that no customer sees.

Source: specifications Conversations/{Custom Channels, Conversations} of
HubSpot/HubSpot-public-api-spec-collection; threads of visitors: the developers' public Slack.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from crm_clients.forms import storable
from crm_clients.hubspot import media
from crm_clients.hubspot.channels import Wanted, message_of, pieces_of
from crm_clients.hubspot.contacts import Contacts
from crm_clients.hubspot.oauth import Application
from crm_clients.hubspot.reading import HISTORY
from crm_clients.hubspot.rest import Rest, after, all_of, checked_id, only_of
from crm_clients.hubspot.told_by_channel import is_reply
from crm_clients.hubspot.versions import CHANNELS, INBOX, path
from crm_clients.hubspot.wire_conversations import (
    COMMENT,
    ChannelAccount,
    HistoryPage,
    Published,
    Thread,
    ThreadMessage,
    moment,
)
from crm_clients.on_cards import mark_of
from mappers.vocabulary import (
    Ambiguous,
    Blocked,
    Entry,
    OpenedConversation,
    Opening,
    Parcel,
    Permanent,
    ProviderError,
    Receipt,
    Remark,
    Status,
    StatusReport,
)

PAGE, THREADS_PAGE = 100, 500
MOST_PAGES, MOST_THREADS = 100, 200
# HubSpot's clock and ours differ; a window that is looked through begins this much earlier.
SLACK = timedelta(minutes=5)
STATUSES = {Status.SENT: "SENT", Status.READ: "READ", Status.FAILED: "FAILED"}
COMMENTS = "conversations.write"
UNTIED = (
    "This conversation is with {name}: {url}\nHubSpot did not tie it to that contact. Please"
    " associate it with the contact here, once."
)


@dataclass(frozen=True, slots=True)
class Threads:
    application: Application
    rest: Rest = field(repr=False)

    async def open(self, opening: Opening) -> OpenedConversation:
        """See that the contact is there and, once there is a thread, that it is the contact's."""
        record = await Contacts(self.rest).get_record(opening.record)
        if record is None:
            raise ProviderError(Permanent(code="hubspot.no_such_record", gone="record"))
        if opening.user:
            await self._see_tie(opening, record.name)
        return OpenedConversation(id=opening.ours, user=opening.user)

    async def write(self, entry: Entry) -> Receipt:
        """Publish a message under our key.

        What HubSpot does with a key that it knows is not documented: it may give the message that
        is there, or refuse. So a conflict is looked into.
        """
        config = self.rest.config
        there, shown = self._path("messages"), await self._shown(entry)
        body = message_of(entry, self.application, config, shown)
        try:
            reply = await self.rest.keeping(409).post(there, "publish", body)
        except ProviderError as refused:
            if not isinstance(refused.failure, Permanent):
                raise
            raise await self._why(refused, entry) from refused
        if reply.status == 409:
            return await self._written_before(entry)
        taken = only_of(Published, reply.value(), repeatable=False)
        return Receipt(provider_ids=(taken.id,), user=taken.thread)

    async def find(self, entry: Entry, since: datetime) -> Receipt | None:
        """Look where the message would be; a file is put again, to learn its number."""
        files = frozenset(each["fileId"] for each in await self._shown(entry) if "fileId" in each)
        wanted = Wanted(entry, self.rest.config, files, since)
        async for thread in self._likely(entry, min(since, entry.message.sent_at) - SLACK):
            async for said in self._said_in(thread):
                if wanted.is_in(said):
                    return Receipt(provider_ids=(said.id,), user=said.thread or thread)
        return None

    async def report(self, report: StatusReport) -> None:
        if report.status not in STATUSES:
            return
        status = {"statusType": STATUSES[report.status]}
        if report.status is Status.FAILED:
            status["errorMessage"] = report.words or report.code
        await self.rest.patch(
            self._path("messages", report.reply), "status", status, gone="message"
        )

    async def remark(self, remark: Remark) -> None:
        """Comment in the reply's thread. By its mark it is known that it was said already."""
        thread = remark.conversation.user or await self._thread_of(remark.reply)
        await self._comment(thread, remark.words, mark_of(remark.key))

    async def history(
        self, conversation: OpenedConversation, ours: str, since: datetime
    ) -> tuple[Parcel, ...]:
        """Pack what was answered since then. HubSpot tells the time in milliseconds."""
        since = since.replace(microsecond=0)
        said: list[dict[str, Any]] = []
        async for thread in self._threads_of(conversation.user, ours, since - SLACK):
            found = [each async for each in self._said_in(thread) if is_reply(each)]
            said += [each.model_dump(mode="json", by_alias=True) for each in found]
        since_ms = round(since.timestamp() * 1000)
        page = HistoryPage(ours=ours, since=since_ms, messages=said)
        ends = [str(each["id"]) for each in (*said[:1], *said[-1:])]
        words = (ours, *ends, str(len(said)), str(since_ms))
        key = f"history:{':'.join(storable(word)[:64] for word in words)}"
        return (Parcel(key=key, body=json.dumps(page.model_dump()).encode(), form=HISTORY),)

    def _path(self, *steps: str) -> str:
        """Raises: `ProviderError` when there is no channel yet."""
        config = self.rest.config
        if not (config.channel_id and config.channel_account_id):
            raise ProviderError(Blocked(code="hubspot.no_channel", by="provider"))
        return path(CHANNELS, config.channel_id, *steps)

    async def _shown(self, entry: Entry) -> tuple[dict[str, Any], ...]:
        if entry.file is None or not self.rest.config.may(media.SCOPE):
            return pieces_of(entry)
        number = await media.put(self.rest, entry.file, entry.key)
        return ({"type": "FILE", "fileId": number},)

    async def _written_before(self, entry: Entry) -> Receipt:
        found = await self.find(entry, entry.message.sent_at)
        if found is None:
            raise ProviderError(Ambiguous(code="hubspot.refused_or_repeated"))
        return found

    async def _why(self, refused: ProviderError, entry: Entry) -> ProviderError:
        """Say what a refusal is about: our account, the contact, or what was said."""
        config = self.rest.config
        there = self._path("channel-accounts", config.channel_account_id)
        reply = await self.rest.keeping(404).get(there, "account")
        if reply.status == 404:
            return ProviderError(Blocked(code="hubspot.no_channel", by="provider"))
        if not only_of(ChannelAccount, reply.value()).works:
            return ProviderError(Blocked(code="hubspot.channel_off", by="provider"))
        if await Contacts(self.rest).get_record(entry.record) is None:
            detail = refused.failure.detail
            lost = Permanent(code="hubspot.no_such_record", detail=detail, gone="record")
            return ProviderError(lost)
        return refused

    async def _see_tie(self, opening: Opening, name: str) -> None:
        """Whoever tied the thread to another contact has had a reason; a visitor is nobody."""
        there = path(INBOX, "threads", checked_id(opening.user, "conversation"))
        reply = await self.rest.keeping(404).get(there, "thread")
        if reply.status == 404:
            return
        tied = only_of(Thread, reply.value()).contact
        if tied == opening.record or (tied and await Contacts(self.rest).get_record(tied)):
            return
        config = self.rest.config
        domain = config.ui_domain or "app.hubspot.com"
        url = f"https://{domain}/contacts/{config.portal_id}/record/0-1/{opening.record}"
        words = UNTIED.format(name=name or opening.person.name, url=url)
        await self._comment(opening.user, words, mark_of(f"untied:{opening.record}"))

    async def _comment(self, thread: str, words: str, mark: str) -> None:
        """Say something to employees once. Without leave to write there is nobody to tell it."""
        if not self.rest.config.may(COMMENTS):
            return
        async for said in self._said_in(thread):
            if said.type == COMMENT and said.text.rstrip().endswith(mark):
                return
        comment = {"type": COMMENT, "text": f"{words}\n{mark}", "attachments": []}
        there = path(INBOX, "threads", checked_id(thread, "conversation"), "messages")
        await self.rest.post(there, "comment", comment, gone="conversation")

    async def _thread_of(self, message: str) -> str:
        reply = await self.rest.get(self._path("messages", message), "message", gone="message")
        return only_of(Published, reply.value()).thread

    async def _likely(self, entry: Entry, floor: datetime) -> AsyncIterator[str]:
        """Yield the threads that an entry may be in, each once, the likeliest first."""
        seen: set[str] = set()
        if known := entry.conversation.user:
            seen.add(known)
            yield known
        of_contact = {"associatedContactId": checked_id(entry.record, "record")}
        async for thread in self._listed(of_contact):
            if thread.id not in seen:
                seen.add(thread.id)
                yield thread.id
        async for thread in self._newest(floor, is_new=True):
            if thread.id not in seen:
                seen.add(thread.id)
                yield thread.id

    async def _threads_of(self, known: str, ours: str, floor: datetime) -> AsyncIterator[str]:
        """Yield the threads of an exchange; one whose number nobody told is found by its words."""
        if known:
            yield known
            return
        async for thread in self._newest(floor):
            if await self._customer_in(thread.id) == ours:
                yield thread.id

    async def _customer_in(self, thread: str) -> str:
        """Return our name of the exchange that a thread is, as its first message tells it."""
        async for said in self._said_in(thread):
            if said.customer:
                return said.customer
        return ""

    async def _newest(self, floor: datetime, *, is_new: bool = False) -> AsyncIterator[Thread]:
        """Yield threads of our inbox in which something was said since then, or that are so new.

        Raises: `ProviderError` when there are more than anybody should look through.
        """
        if not self.rest.config.inbox_id:
            return
        window = {
            "inboxId": self.rest.config.inbox_id,
            "sort": "latestMessageTimestamp",
            "latestMessageTimestampAfter": floor.isoformat(timespec="milliseconds"),
        }
        count = 0
        async for thread in self._listed(window):
            began = moment(thread.created)
            if is_new and began is not None and began < floor:
                continue
            count += 1
            if count > MOST_THREADS:
                raise ProviderError(Ambiguous(code="hubspot.too_many_threads"))
            yield thread

    async def _listed(self, window: Mapping[str, str]) -> AsyncIterator[Thread]:
        ours = self.rest.config.channel_account_id
        asked: dict[str, Any] = {**window, "limit": THREADS_PAGE}
        for _ in range(MOST_PAGES):
            reply = await self.rest.get(path(INBOX, "threads"), "threads", asked)
            for thread in all_of(Thread, reply):
                if thread.account in ("", ours):
                    yield thread
            asked["after"] = after(reply)
            if not asked["after"]:
                return
        raise ProviderError(Ambiguous(code="hubspot.too_many_threads"))

    async def _said_in(self, thread: str) -> AsyncIterator[ThreadMessage]:
        """Yield what was said in a thread, in no order; nothing when it is not there.

        Raises: `ProviderError`, also when it is longer than anybody should read.
        """
        there = path(INBOX, "threads", checked_id(thread, "conversation"), "messages")
        asked: dict[str, Any] = {"limit": PAGE}
        for _ in range(MOST_PAGES):
            reply = await self.rest.keeping(404).get(there, "messages", asked)
            if reply.status == 404:
                return
            for said in _readable(reply.at("results")):
                yield said
            asked["after"] = after(reply)
            if not asked["after"]:
                return
        raise ProviderError(Ambiguous(code="hubspot.thread_too_long"))


def _readable(found: Any) -> list[ThreadMessage]:
    """Read a page of a thread. What cannot be read was not said by us, nor to a customer."""
    read: list[ThreadMessage] = []
    for raw in found if isinstance(found, list) else []:
        try:
            read.append(ThreadMessage.model_validate(raw))
        except ValidationError:
            continue
    return read
