"""What people do on records: they add, edit, delete, restore and merge them."""

from collections.abc import Mapping, Sequence
from typing import Any

from . import authors, built_in, links, merging, records
from .crm_model import Record
from .kinds import CONTACT, DEAL, Kind, named
from .model import Portal
from .world import World


class People:
    """The part of the emulator that stands for whoever works on records by hand.

    A portal is named by its id or its name, a type of objects by its id or name. Unknown ones
    raise `LookupError`; what HubSpot would not accept raises `Refused`.
    """

    world: World

    def add_record(
        self,
        account: str | int,
        kind: str,
        properties: Mapping[str, Any],
        *,
        tied_to: Sequence[Sequence[Any]] = (),
        user_id: int | None = None,
    ) -> Record:
        """Make a record by hand; `tied_to` are pairs of a type and an id."""
        portal, of = self._objects(account, kind)
        made = records.draft(self.world, portal, records.Asked(of, properties))
        made.ties = [
            links.default_tie(of.id, (named(str(there)).id, int(number)))
            for there, number in tied_to
        ]
        author = authors.person(portal.user(user_id))
        return records.commit(self.world, portal, made, author)

    def add_contact(
        self, account: str | int, name: str, *, phone: str = "", email: str = ""
    ) -> Record:
        first, _, last = name.partition(" ")
        written = {"firstname": first, "lastname": last, "phone": phone, "email": email}
        return self.add_record(account, CONTACT, written)

    def edit_record(
        self,
        account: str | int,
        kind: str,
        record_id: int,
        changes: Mapping[str, Any],
        *,
        user_id: int | None = None,
    ) -> Record:
        portal, of = self._objects(account, kind)
        record = self._of_portal(portal, of, record_id)
        made = records.draft(self.world, portal, records.Asked(of, changes, record))
        return records.commit(self.world, portal, made, authors.person(portal.user(user_id)))

    def delete_record(self, account: str | int, kind: str, record_id: int) -> None:
        portal, of = self._objects(account, kind)
        author = authors.person(portal.user())
        records.archive(self.world, portal, self._of_portal(portal, of, record_id), author)

    def restore_record(self, account: str | int, kind: str, record_id: int) -> None:
        portal, of = self._objects(account, kind)
        record = portal.crm.record(of.id, int(record_id), archived=True)
        if record is None or record.merged_into:
            raise LookupError(f"{of.name} has no deleted record {record_id}")
        records.restore(self.world, portal, record, authors.person(portal.user()))

    def merge_records(
        self, account: str | int, survivor_id: int, deleted_id: int, *, kind: str = CONTACT
    ) -> Record:
        """Merge the second record into the first; return what is left."""
        portal, of = self._objects(account, kind)
        pair = (self._of_portal(portal, of, survivor_id), self._of_portal(portal, of, deleted_id))
        return merging.merge(self.world, portal, pair, authors.person(portal.user()))

    def add_property(
        self, account: str | int, kind: str, name: str, type_id: str, field_type: str, **body: Any
    ) -> str:
        """Add a property as an administrator does; `body` as on the wire, or `values` of a list."""
        portal, of = self._objects(account, kind)
        portal.crm.properties[of.id][name] = built_in.made(
            (name, of.group), (type_id, field_type), self.world.now(), **body
        )
        return name

    def add_pipeline(
        self, account: str | int, kind: str, name: str, stages: Sequence[Sequence[str]]
    ) -> str:
        """Add a pipeline; its stages are an id, a label, and a probability or a state."""
        portal, of = self._objects(account, kind)
        held = portal.crm.pipelines[of.id]
        make = built_in.deal_pipeline if of.id == DEAL else built_in.ticket_pipeline
        held.append(make(name, name.capitalize(), stages, len(held)))
        return name

    def _objects(self, account: str | int, kind: str) -> tuple[Portal, Kind]:
        return self.world.portal(account), named(kind)

    def _of_portal(self, portal: Portal, kind: Kind, record_id: int) -> Record:
        record = portal.crm.record(kind.id, int(record_id))
        if record is None:
            raise LookupError(f"{kind.name} has no record {record_id}")
        return record
