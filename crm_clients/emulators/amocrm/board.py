"""What people do with cards: contacts, leads and what is unsorted."""

from . import cards, intake, webhooks
from .model import (
    LOST,
    WON,
    Account,
    Contact,
    Json,
    Lead,
    Unsorted,
    User,
)
from .world import World


def acting(account: Account, user_id: int | None) -> User:
    if user_id is None:
        return next(iter(account.users.values()))
    return account.users[user_id]


class Board:
    """Acts of the stage upon cards. `user_id` is who acts; the account's first user if nobody."""

    world: World

    def close_lead(self, account: str | int, lead_id: int, *, won: bool = True) -> Lead:
        where = self.world.account(account)
        lead = where.leads.get(lead_id)
        if lead is None or lead.is_deleted:
            raise LookupError(f"no lead has the id {lead_id}")
        item = next((each for each in where.unsorted.values() if each.lead_id == lead_id), None)
        user = acting(where, None).id
        if item is not None:
            intake.accept(self.world, where, item, user_id=user, status_id=None)
        status = WON if won else LOST
        cards.update(self.world, where, lead, {"status_id": status}, by=user)
        return lead

    def delete_lead(self, account: str | int, lead_id: int) -> None:
        where = self.world.account(account)
        cards.delete_lead(self.world, where, where.leads[lead_id])

    def restore_lead(self, account: str | int, lead_id: int) -> None:
        """Take a lead out of the bin."""
        where = self.world.account(account)
        lead = where.leads[lead_id]
        lead.is_deleted = False
        webhooks.card_changed(self.world, where, "restore", lead)

    def restore_contact(self, account: str | int, contact_id: int) -> None:
        """Take a contact out of the bin; its chats and leads do not come back with it."""
        where = self.world.account(account)
        contact = where.contacts[contact_id]
        contact.is_deleted = False
        webhooks.card_changed(self.world, where, "restore", contact)

    def move_lead(self, account: str | int, lead_id: int, *, status: int, pipeline: int) -> Lead:
        """Put a lead elsewhere, as one does on the board; a closed one is open again by that."""
        return self.edit_lead(account, lead_id, {"status_id": status, "pipeline_id": pipeline})

    def edit_contact(
        self,
        account: str | int,
        contact_id: int,
        changes: Json,
        *,
        user_id: int | None = None,
    ) -> Contact:
        """Change a contact; `changes` look like the body of a REST PATCH."""
        contact = self.contact(account, contact_id)
        self._edit(account, contact, changes, user_id)
        return contact

    def edit_lead(
        self, account: str | int, lead_id: int, changes: Json, *, user_id: int | None = None
    ) -> Lead:
        """Change a lead; `changes` look like the body of a REST PATCH."""
        lead = self.world.account(account).leads.get(lead_id)
        if lead is None or lead.is_deleted:
            raise LookupError(f"no lead has the id {lead_id}")
        self._edit(account, lead, changes, user_id)
        return lead

    def _edit(
        self, account: str | int, card: Contact | Lead, changes: Json, user_id: int | None
    ) -> None:
        where = self.world.account(account)
        wrong = list(cards.mistakes(self.world, where, card.entity, changes))
        if wrong:
            raise ValueError(str(wrong))
        cards.update(self.world, where, card, changes, by=acting(where, user_id).id)

    def delete_contact(self, account: str | int, contact_id: int) -> None:
        contact = self.contact(account, contact_id)
        cards.delete_contact(self.world, self.world.account(account), contact)

    def merge_contacts(self, account: str | int, survivor_id: int, deleted_id: int) -> Contact:
        survivor, gone = self.contact(account, survivor_id), self.contact(account, deleted_id)
        if survivor is gone:
            raise ValueError("a contact cannot be merged with itself")
        cards.merge_contacts(self.world, self.world.account(account), survivor, gone)
        return survivor

    def accept_unsorted(
        self,
        account: str | int,
        uid: str | None = None,
        *,
        user_id: int | None = None,
        status_id: int | None = None,
    ) -> Lead:
        """Accept an unsorted item, the oldest one if it is not named."""
        where = self.world.account(account)
        user = acting(where, user_id).id
        item = _unsorted(where, uid)
        return intake.accept(self.world, where, item, user_id=user, status_id=status_id)

    def decline_unsorted(self, account: str | int, uid: str | None = None) -> None:
        where = self.world.account(account)
        intake.decline(self.world, where, _unsorted(where, uid))

    def contact(self, account: str | int, contact_id: int) -> Contact:
        contact = self.world.account(account).contacts.get(contact_id)
        if contact is None or contact.is_deleted:
            raise LookupError(f"no contact has the id {contact_id}")
        return contact


def _unsorted(account: Account, uid: str | None) -> Unsorted:
    if uid is not None:
        return account.unsorted[uid]
    if not account.unsorted:
        raise LookupError("nothing is unsorted")
    return next(iter(account.unsorted.values()))
