"""What a CRM owes the hub. Read this first.

The hub decides (who a person is, which deal, what to write); a CRM finds, creates and writes what
it is told. Nothing here retries, sleeps, logs or chooses. Every creation carries a `key` of ours
and has a `find_…` beside it, because an answer may be lost: the hub asks before it repeats.
A failure is raised as `ProviderError`; a record that is no longer there is `Permanent(gone=…)`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias, runtime_checkable

from mappers.vocabulary import (
    AttachmentKind,
    CallDraft,
    Catalogue,
    Deal,
    DealDraft,
    EmailDraft,
    Entry,
    Failure,
    Identity,
    OpenedConversation,
    Opening,
    Parcel,
    Reaction,
    Receipt,
    Record,
    RecordDraft,
    Remark,
    Source,
    Status,
    StatusReport,
    TaskDraft,
)
from mappers.vocabulary.adapters import Adapter, Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Can:
    """Abilities the hub must know before it calls. The docs table is printed from this.

    `statuses` are those that the CRM can show on an operator's reply. `replies_told_once` means
    that a reply's hook is never repeated, or comes again long after later ones, so what we missed
    must be read back first. `settles_after` is how long a call may still take effect after its
    answer was lost: only then is "not found" a proof. `attachments` are what the timeline can
    show as itself; anything else becomes a line of text. `bulk` is how many entries of different
    conversations one call may carry. `keeps_quiet` means that one which opens deals by itself can
    be kept from it, entry by entry. `notifies` means that a new message draws the operators'
    attention by itself. `polled` means that the account is asked for news as well, since hooks
    may be lost, or not be had.
    """

    text_limit: int
    statuses: frozenset[Status] = frozenset()
    attachments: frozenset[AttachmentKind] = frozenset()
    file_limit_bytes: int = 0
    replies_told_once: bool = False
    edits: bool = False
    deletes: bool = False
    quotes: bool = False
    reactions: bool = False
    sources: bool = False
    opens_own_deals: bool = False
    notifies: bool = False
    polled: bool = False
    tasks: bool = False
    keeps_quiet: bool = False
    bulk: int = 1
    settles_after: timedelta = timedelta(seconds=30)


class Crm(Adapter, Protocol):
    """One connected account of one CRM."""

    async def find_records(self, identity: Identity) -> tuple[Record, ...]:
        """Return every candidate for a phone or e-mail; the hub verifies and chooses."""
        ...

    async def get_record(self, record: str) -> Record | None:
        """Return the record, or None when it was deleted or merged away."""
        ...

    async def find_survivor(self, record: str, conversations: Sequence[str]) -> str | None:
        """Return where a vanished record lives on, judging by the CRM's own conversations."""
        ...

    async def create_record(self, draft: RecordDraft, *, key: str) -> str:
        """Create a contact that `find_created_record(key)` finds again; return its id."""
        ...

    async def find_created_record(self, key: str, since: datetime) -> str | None:
        """Return the record that an earlier, possibly lost, `create_record(key)` made."""
        ...

    async def add_to_record(self, record: str, draft: RecordDraft) -> None:
        """Append phones and e-mails that the record lacks. Never replaces, never removes."""
        ...

    async def find_deals(self, record: str) -> tuple[Deal, ...]:
        """Return the record's deals, newest first."""
        ...

    async def get_deal(self, deal: str) -> Deal | None: ...

    async def create_deal(self, draft: DealDraft, *, key: str) -> str:
        """Open a deal tied to its record in the same call; return its id."""
        ...

    async def find_created_deal(self, draft: DealDraft, key: str, since: datetime) -> str | None:
        """Return the deal that an earlier, possibly lost, `create_deal(key)` opened."""
        ...

    async def open_conversation(self, opening: Opening) -> OpenedConversation:
        """Make the conversation known and tie it to the record. Must be safe to repeat."""
        ...

    async def write(self, entry: Entry) -> Receipt:
        """Put one message on the timeline."""
        ...

    async def find_entry(self, entry: Entry, since: datetime) -> Receipt | None:
        """Return the receipt of an earlier, possibly lost, `write` of this very entry."""
        ...

    async def report(self, report: StatusReport) -> None:
        """Show the operator how far a reply got. Must be safe to repeat."""
        ...


@runtime_checkable
class EditsEntries(Protocol):
    async def edit_entry(self, entry: Entry) -> None:
        """Replace the text of the entry written under `entry.key`. Must be safe to repeat."""
        ...


@runtime_checkable
class ShowsReactions(Protocol):
    async def react(self, reaction: Reaction) -> None:
        """Let this be what the customer feels about the message. Must be safe to repeat."""
        ...


@runtime_checkable
class MarksDeletions(Protocol):
    async def mark_deleted(self, entry: Entry) -> None:
        """Show on the entry written under `entry.key` that its author took it back.

        `entry.text` says so, and what was said. Must be safe to repeat.
        """
        ...


@runtime_checkable
class TakesRemarks(Protocol):
    """Operators can be told something beside a reply of theirs that customers do not see."""

    async def remark(self, remark: Remark) -> None:
        """Show the words once, whoever repeats it under the same key."""
        ...


@runtime_checkable
class WritesInBulk(Protocol):
    """One call carries as many entries as `Can.bulk` says."""

    def may_join(self, entry: Entry) -> bool:
        """Say whether an entry may be written beside others: it can be looked for by itself, and
        keeps the others waiting for no longer than words do.
        """
        ...

    async def write_many(self, entries: Sequence[Entry]) -> tuple[Receipt | Failure, ...]:
        """Write entries of different conversations in one call; one result each, in order.

        Raises: `ProviderError` when the envelope as a whole was refused or is in doubt.
        """
        ...


@runtime_checkable
class ReadsHistory(Protocol):
    """Replies that we were not told of can be read back."""

    async def read_history(
        self, conversation: OpenedConversation, ours: str, since: datetime
    ) -> tuple[Parcel, ...]:
        """Return parcels which `read` turns into the replies since then, then `HistoryRead`."""
        ...


@runtime_checkable
class KnowsSources(Protocol):
    """The CRM lists the channels that lead to it, and sorts what comes in by them."""

    async def keep_source(self, source: Source) -> bool:
        """List a source, or change it to be so; False where the account takes none. Repeatable."""
        ...

    async def drop_source(self, source: str) -> bool:
        """Take the source with this id of ours off the list; False as above. Repeatable."""
        ...


@runtime_checkable
class HasCatalogue(Protocol):
    async def catalogue(self) -> Catalogue:
        """Read pipelines, operators, fields and tags. Slow; the hub caches it."""
        ...


@runtime_checkable
class HoldsFields(Protocol):
    """Fields of a record and of its deal can be read and filled, under the keys of mappings.

    Keys are those of `mappers.mapping.targets`: `contact:<field id>`, `deal:<field id>`,
    `pipeline`, `stage`, `tags`, `responsible`. Values are canonical: ids of choices and users,
    ISO dates, ISO moments in UTC, plain numbers; a field that holds nothing has no values.
    `catalogue` is the account's as it was read lately: it says what each field holds. `deal` may
    be empty; then only the record is meant.
    Raises: `ProviderError`; `Permanent` without `gone` when a field is not there, or holds
    something else by now.
    """

    async def read_fields(
        self, record: str, deal: str, keys: Collection[str], catalogue: Catalogue
    ) -> Mapping[str, tuple[str, ...]]:
        """Return what is there now, in as few calls as it takes.

        `responsible` has several values when record and deal differ.
        """
        ...

    async def write_fields(
        self, record: str, deal: str, values: Mapping[str, tuple[str, ...]], catalogue: Catalogue
    ) -> None:
        """Let each place hold these values; one writing call for each card. Repeatable.

        A list only grows: what somebody added meanwhile stays. Nothing is ever cleared.
        """
        ...


@runtime_checkable
class CreatesTasks(Protocol):
    async def create_task(self, draft: TaskDraft, *, key: str) -> str:
        """Give an employee something to do; return the task's id.

        Raises: `ProviderError`, which says what is gone: the record, the deal, or the responsible.
        """
        ...

    async def find_created_task(self, draft: TaskDraft, key: str, since: datetime) -> str | None:
        """Return the task that an earlier, possibly lost, `create_task(key)` made.

        Where a task has no place for a key, it is known by its text, its due time, and when and
        about whom it was made: about the record, or any deal of the record's.
        """
        ...


@runtime_checkable
class TagsDeals(Protocol):
    async def add_tags(self, deal: str, tags: Sequence[str]) -> None:
        """Put tags on a deal beside those that it has. Safe to repeat."""
        ...


@runtime_checkable
class WritesCalls(Protocol):
    async def write_call(self, draft: CallDraft, *, key: str) -> Receipt:
        """Put a call on its record's card or, where none is named, on that of its phone.

        Raises: `ProviderError`; `Permanent` when nobody has the phone.
        """
        ...

    async def find_call(self, draft: CallDraft, key: str, since: datetime) -> Receipt | None:
        """Return the receipt of an earlier, possibly lost, `write_call(key)`."""
        ...


@runtime_checkable
class WritesEmails(Protocol):
    async def write_email(self, draft: EmailDraft, *, key: str) -> Receipt:
        """Put an e-mail on its record's card."""
        ...

    async def find_email(self, draft: EmailDraft, key: str, since: datetime) -> Receipt | None:
        """Return the receipt of an earlier, possibly lost, `write_email(key)`."""
        ...


CrmManifest: TypeAlias = Manifest[Any, Any, Crm, Can]
