"""Which record is this person? Values in, value out."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from mappers.phones import same_number
from mappers.vocabulary import Confidence, Identity, IdentityKind, Person, Record, RecordDraft

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def searchable(person: Person) -> tuple[Identity, ...]:
    """The ways a CRM can be searched for this person, the surest first. Weak ones never link."""
    strong = [i for i in person.identities if i.confidence is Confidence.STRONG]
    phones = [i for i in strong if i.kind is IdentityKind.PHONE]
    return (*phones, *(i for i in strong if i.kind is IdentityKind.EMAIL))


def as_met(identities: Sequence[Identity], provider: str, exchange: str) -> tuple[Identity, ...]:
    """Put the identity first that an exchange was brought by, so that it stays who wrote there."""
    brought_by = f"{provider}:{exchange}"
    return tuple(sorted(identities, key=lambda each: each.value != brought_by))


def is_really(record: Record, identity: Identity) -> bool:
    """Verify a search result: CRMs search fuzzily, and a wrong match overwrites a stranger."""
    match identity.kind:
        case IdentityKind.PHONE:
            return any(same_number(phone, identity.value) for phone in record.phones)
        case IdentityKind.EMAIL:
            return any(email.strip().lower() == identity.value for email in record.emails)
        case _:
            return False


def choose(candidates: Iterable[Record], identity: Identity) -> Record | None:
    """Pick one verified record, always the same: with deals before without, then the oldest."""
    verified = [record for record in candidates if is_really(record, identity)]
    if not verified:
        return None
    return min(verified, key=lambda r: (not r.deals, r.created_at or LONG_AGO, len(r.id), r.id))


def draft(person: Person, fallback: str) -> RecordDraft:
    """Describe the person to a CRM that has never seen them."""
    strong = [i for i in person.identities if i.confidence is Confidence.STRONG]
    return RecordDraft(
        name=person.name or person.username or fallback,
        phones=tuple(i.value for i in strong if i.kind is IdentityKind.PHONE),
        emails=tuple(i.value for i in strong if i.kind is IdentityKind.EMAIL),
    )


def lacks(record: Record, wanted: RecordDraft) -> RecordDraft | None:
    """What the record should have appended; None when it lacks nothing."""
    phones = tuple(
        phone for phone in wanted.phones if not any(same_number(phone, p) for p in record.phones)
    )
    known = {email.strip().lower() for email in record.emails}
    emails = tuple(email for email in wanted.emails if email not in known)
    return RecordDraft(name="", phones=phones, emails=emails) if phones or emails else None
