"""The types of objects: their names and ids, what they need, what is told, who may see them."""

from dataclasses import dataclass

from .problems import Refused, invalid

CONTACT, COMPANY, DEAL, TICKET = "0-1", "0-2", "0-3", "0-5"
COMMUNICATION, TASK, NOTE, MEETING, CALL, EMAIL = "0-18", "0-27", "0-46", "0-47", "0-48", "0-49"
OF_CONTACTS = "crm.objects.contacts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`needs` at its creation, `shows` unless somebody asks for more, `words` it is searched by."""

    id: str
    name: str
    singular: str
    created: str
    modified: str
    needs: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    reads: frozenset[str] = frozenset({f"{OF_CONTACTS}.read"})
    writes: frozenset[str] = frozenset({f"{OF_CONTACTS}.write"})

    @property
    def is_engagement(self) -> bool:
        return self.created == "hs_createdate"

    @property
    def has_merges(self) -> bool:
        return not self.is_engagement

    @property
    def schema_scopes(self) -> frozenset[str]:
        """What lets an application make properties; none is written down for engagements."""
        named = "contacts" if self.is_engagement else self.name
        beside = {"tickets"} if self.id == TICKET else set()
        return frozenset({f"crm.schemas.{named}.write", *beside})

    @property
    def always(self) -> tuple[str, ...]:
        """What an answer tells in any case."""
        return self.created, self.modified, "hs_object_id"

    @property
    def group(self) -> str:
        return f"{self.name if self.is_engagement else self.singular}information"


def _engagement(kind: str, name: str, singular: str, *needs: str, words: str = "") -> Kind:
    return Kind(
        id=kind,
        name=name,
        singular=singular,
        needs=("hs_timestamp", *needs),
        created="hs_createdate",
        modified="hs_lastmodifieddate",
        words=(words,) if words else (),
    )


KINDS = (
    Kind(
        id=CONTACT,
        name="contacts",
        singular="contact",
        created="createdate",
        modified="lastmodifieddate",
        shows=("email", "firstname", "lastname"),
        words=(
            *("firstname", "lastname", "email", "phone", "mobilephone"),
            *("hs_additional_emails", "company", "fax"),
        ),
    ),
    Kind(
        id=COMPANY,
        name="companies",
        singular="company",
        created="createdate",
        modified="hs_lastmodifieddate",
        shows=("name", "domain"),
        words=("name", "domain", "phone", "website"),
        reads=frozenset({"crm.objects.companies.read"}),
        writes=frozenset({"crm.objects.companies.write"}),
    ),
    Kind(
        id=DEAL,
        name="deals",
        singular="deal",
        created="createdate",
        modified="hs_lastmodifieddate",
        needs=("dealname", "dealstage"),
        shows=("amount", "closedate", "dealname", "dealstage", "pipeline"),
        words=("dealname", "description"),
        reads=frozenset({"crm.objects.deals.read"}),
        writes=frozenset({"crm.objects.deals.write"}),
    ),
    Kind(
        id=TICKET,
        name="tickets",
        singular="ticket",
        created="createdate",
        modified="hs_lastmodifieddate",
        needs=("subject", "hs_pipeline_stage"),
        shows=(
            *("content", "hs_pipeline", "hs_pipeline_stage", "hs_ticket_category"),
            *("hs_ticket_priority", "subject"),
        ),
        words=("subject", "content"),
        reads=frozenset({"tickets"}),
        writes=frozenset({"tickets"}),
    ),
    _engagement(
        *(COMMUNICATION, "communications", "communication"),
        *("hs_communication_channel_type", "hs_communication_logged_from"),
        words="hs_communication_body",
    ),
    _engagement(TASK, "tasks", "task", words="hs_task_body"),
    _engagement(NOTE, "notes", "note", words="hs_note_body"),
    _engagement(MEETING, "meetings", "meeting", words="hs_meeting_title"),
    _engagement(CALL, "calls", "call", words="hs_call_title"),
    _engagement(EMAIL, "emails", "email", "hs_email_direction", words="hs_email_subject"),
)
BY_ID = {kind.id: kind for kind in KINDS}
NAMES = {name: kind for kind in KINDS for name in (kind.id, kind.name, kind.singular)}
DEFINED = "|".join(sorted(NAMES, key=len, reverse=True))


def named(name: str) -> Kind:
    """Find a type by its id or by either of its names, or refuse."""
    kind = NAMES.get(name.lower())
    if kind is None:
        raise invalid(f"Unable to infer object type from: {name}")
    return kind


def record_id(value: object) -> int:
    """Read the id of a record, or refuse what is none."""
    text = str(value)
    if not text.isdigit():
        raise Refused(400, f"The id {text!r} is not valid", "VALIDATION_ERROR")
    return int(text)
