"""Setting an account up, taking it down, and saying what stands in the way.

Set-up makes two technical fields, a subscription to the account's hooks, and switches our channel
on. Each step may be repeated, and uninstalling the integration on amoCRM's side undoes the last.
The fields stay when a connection goes: they hold the keys by which we know what we created.

Source: amocrm.ru/developers/content/crm_platform/{webhooks-api, custom-fields},
…/chats/chat-start (what a channel's registration asks for).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from crm_clients.amocrm.chats import Chats
from crm_clients.amocrm.fields import MARKER_CODE
from crm_clients.amocrm.oauth import Application, Config
from crm_clients.amocrm.rest import Rest, all_of, created_id, only_of
from crm_clients.amocrm.sources import Sources
from crm_clients.amocrm.wire import AccountInfo, FieldOfAccount
from mappers.vocabulary import (
    Account,
    AuthExpired,
    Blocked,
    Failure,
    Http,
    Permanent,
    ProviderError,
)
from mappers.vocabulary.adapters import SetUp

# What we act on, and no more: an account tells every subscriber of our own writes, too.
EVENTS = ("delete_contact", "status_lead", "delete_lead", "restore_lead")
NOTE_EVENTS = ("note_contact", "note_lead")
# Offered by the interface, and not among those that the documentation lists.
UNLISTED_EVENTS = ("delete_unsorted",)
FIELD_PAGES = 40  # ten thousand fields: whoever has more has a loop of `next` links
NO_HOOKS = {
    "chats": "amoCRM refused to tell us of changes in the account: webhooks need a paid plan"
    " (Extended or Professional) and an administrator's consent. Messages and replies work;"
    " deleted contacts and closed deals are noticed when they are next needed.",
    "notes": "amoCRM refused to tell us of changes in the account: webhooks need a paid plan"
    " (Extended or Professional) and an administrator's consent. Replies are asked for every few"
    " seconds instead; deleted contacts and closed deals are noticed when they are next needed.",
}
NO_ADDRESS = {
    "chats": "There is no public address: neither replies nor changes reach us.",
    "notes": "There is no public address: replies are asked for every few seconds, files stay"
    " behind, and changes are noticed when they are next needed.",
}
NO_FIELD = (
    "amoCRM refused us the technical field {entity}: connect the account again as an"
    " administrator. Until then nothing can be created there, because what a lost answer made"
    " could not be found again."
)


@dataclass(frozen=True, slots=True)
class Upkeep:
    config: Config
    application: Application | None
    http: Http = field(repr=False)
    rest: Rest = field(repr=False)

    @property
    def chats(self) -> Chats | None:
        """Our channel in this account; None where none is registered, or notes serve instead."""
        ours = self.application
        if self.config.timeline == "notes" or ours is None or not ours.has_channel:
            return None
        return Chats(self.config, ours, self.http)

    @property
    def sources(self) -> Sources | None:
        """The account's list of our channels; chats alone have one."""
        if self.config.timeline == "notes" or self.application is None:
            return None
        return Sources(self.application, self.rest)

    @property
    def events(self) -> tuple[str, ...]:
        return (*EVENTS, *NOTE_EVENTS) if self.config.timeline == "notes" else EVENTS

    async def read_account(self) -> AccountInfo:
        reply = await self.rest.get("account", "account", {"with": "amojo_id"})
        return only_of(AccountInfo, reply.value())

    async def check(self) -> Account:
        account = await self.read_account()
        return Account(
            id=str(account.id),
            title=account.name or account.subdomain,
            url=self.config.base,
            warnings=tuple(self.warnings(account)),
        )

    def warnings(self, account: AccountInfo) -> Iterator[str]:
        if str(account.id) != self.config.account_id:
            yield "The token belongs to another account than this connection: connect it again."
        elif account.amojo_id and account.amojo_id != self.config.amojo_id:
            yield "The account's chat id has changed: connect it again."
        if self.chats is None and self.config.timeline == "chats":
            yield "No chat channel is registered: messages cannot be written. Run the diagnosis."

    async def set_up(self, address: str) -> SetUp:
        changes: dict[str, Any] = {}
        notes: list[str] = []
        for entity, name in (("contacts", "record_marker_field"), ("leads", "deal_marker_field")):
            found = await self._marker_field(entity)
            changes[name] = found
            if found is None:
                notes.append(NO_FIELD.format(entity=entity))
        if self.chats is not None:
            await self.chats.connect()
        elif self.config.timeline == "chats":
            notes.append("No chat channel is registered; the diagnosis prints the request for it.")
        await self._forget_old_address(address)
        changes["hook_address"] = ""
        if not address:
            notes.append(NO_ADDRESS[self.config.timeline])
        elif await self._subscribe(destination_of(address)):
            changes["hook_address"] = destination_of(address)
        else:
            notes.append(NO_HOOKS[self.config.timeline])
        return SetUp(changes=changes, notes=tuple(notes))

    async def tear_down(self) -> None:
        """Undo what set-up did. Each step is tried, whatever became of those before it.

        Whoever revoked our token has removed us in amoCRM, and with us what it would undo; the
        channel needs none.
        """
        refusals: list[ProviderError] = []
        for step in (self._leave_chats, self._leave_hooks, self._leave_sources):
            try:
                await step()
            except ProviderError as refused:
                if not isinstance(refused.failure, AuthExpired):
                    refusals.append(refused)
        if refusals:
            raise refusals[0]

    async def _leave_chats(self) -> None:
        if self.chats is not None:
            await self.chats.disconnect()

    async def _leave_hooks(self) -> None:
        if address := self.config.hook_address.get_secret_value():
            await self._unsubscribe(address)

    async def _leave_sources(self) -> None:
        if self.sources is not None:
            await self.sources.drop_all()

    async def _marker_field(self, entity: str) -> int | None:
        """Find our field or make it; None when the account does not let us."""
        if (known := await self._find_marker_field(entity)) is not None:
            return known
        wanted = {"type": "text", "name": "Threadline key", "code": MARKER_CODE}
        body = [{**wanted, "is_api_only": True}]
        try:
            reply = await self.rest.post(f"{entity}/custom_fields", "fields.create", body)
        except ProviderError as refused:
            if not _is_refusal(refused.failure):
                raise
            # Somebody may have made it this moment: codes are unique.
            return await self._find_marker_field(entity)
        return int(created_id(reply, "custom_fields"))

    async def _find_marker_field(self, entity: str) -> int | None:
        for page in range(1, FIELD_PAGES + 1):
            window = {"page": page, "limit": 250}
            reply = await self.rest.get(f"{entity}/custom_fields", "fields", window)
            for each in all_of(FieldOfAccount, reply, "custom_fields"):
                if each.code == MARKER_CODE:
                    return each.id
            if reply.at("_links", "next") is None:
                break
        return None

    async def _subscribe(self, destination: str) -> bool:
        """Subscribe, or change the subscription that is there; False when we may not."""
        try:
            await self._subscribe_to(destination, (*self.events, *UNLISTED_EVENTS))
        except ProviderError as refused:
            match refused.failure:
                case Blocked(code="amocrm.payment_required" | "amocrm.forbidden"):
                    return False
                case Permanent():
                    await self._subscribe_to(destination, self.events)
                case _:
                    raise
        return True

    async def _subscribe_to(self, destination: str, events: Sequence[str]) -> None:
        wanted = {"destination": destination, "settings": list(events)}
        await self.rest.post("webhooks", "webhooks.subscribe", wanted, repeatable=True)

    async def _unsubscribe(self, destination: str) -> None:
        try:
            await self.rest.delete("webhooks", "webhooks.delete", {"destination": destination})
        except ProviderError as refused:
            if not isinstance(refused.failure, Permanent):
                raise

    async def _forget_old_address(self, address: str) -> None:
        old = self.config.hook_address.get_secret_value()
        if old and old != destination_of(address):
            await self._unsubscribe(old)


def destination_of(address: str) -> str:
    """Kommo has been seen to refuse an address without the slash at its end."""
    return f"{address.rstrip('/')}/" if address else ""


def _is_refusal(failure: Failure) -> bool:
    match failure:
        case Permanent() | Blocked(code="amocrm.payment_required" | "amocrm.forbidden"):
            return True
        case _:
            return False
