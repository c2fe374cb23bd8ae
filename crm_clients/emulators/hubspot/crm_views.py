"""What is really on the records, for those who judge the hub from outside of it."""

from hashlib import sha256

from .crm_model import Json, Record
from .kinds import BY_ID, CONTACT, DEAL, TICKET, named
from .model import Portal
from .world import World


class CrmViews:
    """The part of the emulator that shows records; everything it returns is a copy."""

    world: World

    def records(self, account: str | int, kind: str) -> tuple[Json, ...]:
        """Every record of a type, deleted and merged ones included, by id."""
        portal = self.world.portal(account)
        held = portal.crm.of(named(kind).id)
        return tuple(record_view(portal, record) for _, record in sorted(held.items()))

    def contacts(self, account: str | int) -> tuple[Json, ...]:
        return self.records(account, CONTACT)

    def deals(self, account: str | int) -> tuple[Json, ...]:
        return self.records(account, DEAL)

    def tickets(self, account: str | int) -> tuple[Json, ...]:
        return self.records(account, TICKET)

    def entries(self, account: str | int) -> tuple[Json, ...]:
        """Every note, message, call, e-mail and task, in the order in which they were made."""
        portal = self.world.portal(account)
        kinds = [kind for kind, each in BY_ID.items() if each.is_engagement]
        held = [record for kind in kinds for record in portal.crm.of(kind).values()]
        return tuple(record_view(portal, each) for each in sorted(held, key=lambda one: one.id))

    def changes(self, account: str | int) -> tuple[Json, ...]:
        """What happened to records, oldest first."""
        told = self.world.portal(account).changes
        return tuple(
            {
                "event": each.event,
                "kind": each.kind,
                "id": each.record_id,
                "at": each.at,
                "source": each.source,
                "details": dict(each.details),
            }
            for each in told
        )


def record_view(portal: Portal, record: Record) -> Json:
    """A record with all that is set, and the ids of what it is tied to, by type."""
    tied: dict[str, list[int]] = {}
    for (kind, number), links in portal.crm.links.get(record.ref, {}).items():
        if links:
            tied.setdefault(BY_ID[kind].name, []).append(number)
    return {
        "id": record.id,
        "kind": BY_ID[record.kind].name,
        "name": record.name,
        "phones": [value for key in ("phone", "mobilephone") if (value := record.value(key))],
        "emails": [
            value
            for value in (
                record.value("email"),
                *record.value("hs_additional_emails").split(";"),
            )
            if value
        ],
        "properties": dict(record.properties),
        "files": _files(portal, record),
        "tied": {kind: sorted(numbers) for kind, numbers in tied.items()},
        "created_at": record.created,
        "updated_at": record.updated,
        "is_deleted": record.archived,
        "merged_into": record.merged_into,
    }


def _files(portal: Portal, record: Record) -> list[Json]:
    """What is attached to an entry; a file that is not there has no digest."""
    numbers = filter(str.isdigit, record.value("hs_attachment_ids").split(";"))
    held = (portal.files.get(int(number)) for number in numbers)
    return [
        {"name": each.file_name, "sha256": sha256(each.body).hexdigest()}
        if each
        else {"name": "", "sha256": ""}
        for each in held
    ]
