"""The properties and pipelines that every portal is born with, as far as a hub meets them.

A line is a name, a label, a type, a kind of field, and flags: `r` is read-only, `c` calculated,
`u` unique, `o` an owner, `p` a pipeline or its stage; after them, the values of a list.
"""

from collections.abc import Iterator
from typing import Any

from .crm_model import Json, Pipeline, Property, Stage
from .kinds import CALL, COMMUNICATION, COMPANY, CONTACT, DEAL, EMAIL, MEETING, NOTE, TASK, TICKET
from .kinds import KINDS as EVERY_KIND
from .model import Portal

COMMON = """
hs_object_id|Record ID|number|number|r
hs_object_source|Record source|string|text|r
hs_object_source_id|Record source ID|string|text|r
hs_object_source_label|Record source label|string|text|r
hs_object_source_user_id|Record source user|number|number|r
hs_created_by_user_id|Created by user ID|number|number|r
hs_updated_by_user_id|Updated by user ID|number|number|r
hs_merged_object_ids|Merged object IDs|string|text|r
hs_unique_creation_key|Unique creation key|string|text|ru
hubspot_owner_id|Owner|enumeration|select|o
hubspot_owner_assigneddate|Owner assigned date|datetime|date|r
"""
OF_ENGAGEMENTS = """
hs_timestamp|Activity date|datetime|date|
hs_createdate|Create date|datetime|date|r
hs_lastmodifieddate|Last modified date|datetime|date|r
hs_attachment_ids|Attached file IDs|string|text|
hs_body_preview|Body preview|string|text|r
hs_unique_id|Unique ID|string|text|r
"""
OWN = {
    CONTACT: """
createdate|Create date|datetime|date|r
lastmodifieddate|Last modified date|datetime|date|r
email|Email|string|text|
hs_additional_emails|Additional email addresses|enumeration|checkbox|
firstname|First name|string|text|
lastname|Last name|string|text|
phone|Phone number|phone_number|phonenumber|
mobilephone|Mobile phone number|phone_number|phonenumber|
hs_whatsapp_phone_number|WhatsApp phone number|phone_number|phonenumber|
fax|Fax number|string|text|
company|Company name|string|text|
jobtitle|Job title|string|text|
website|Website URL|string|text|
address|Street address|string|text|
city|City|string|text|
state|State|string|text|
zip|Postal code|string|text|
country|Country|string|text|
message|Message|string|textarea|
date_of_birth|Date of birth|string|text|
annualrevenue|Annual revenue|string|text|
numemployees|Number of employees|enumeration|radio||1-5,5-25,25-50,50-100,100-500,500-1000,1000+
hs_language|Preferred language|enumeration|select||en,de,es,fr,pt,ru
lifecyclestage|Lifecycle stage|enumeration|radio||subscriber,lead,marketingqualifiedlead,\
salesqualifiedlead,opportunity,customer,evangelist,other
hs_lead_status|Lead status|enumeration|radio||NEW,OPEN,IN_PROGRESS,OPEN_DEAL,UNQUALIFIED,\
ATTEMPTED_TO_CONTACT,CONNECTED,BAD_TIMING
hs_buying_role|Buying role|enumeration|checkbox||BLOCKER,BUDGET_HOLDER,CHAMPION,DECISION_MAKER,\
END_USER,INFLUENCER
hs_calculated_phone_number|Calculated phone number|string|text|c
hs_calculated_mobile_number|Calculated mobile number|string|text|c
hs_searchable_calculated_phone_number|Searchable phone number|string|text|c
hs_searchable_calculated_mobile_number|Searchable mobile number|string|text|c
hs_searchable_calculated_international_phone_number|Searchable phone, whole|string|text|c
hs_searchable_calculated_international_mobile_number|Searchable mobile, whole|string|text|c
""",
    COMPANY: """
createdate|Create date|datetime|date|r
hs_lastmodifieddate|Last modified date|datetime|date|r
name|Company name|string|text|
domain|Company domain name|string|text|
phone|Phone number|string|phonenumber|
website|Website URL|string|text|
city|City|string|text|
country|Country|string|text|
description|Description|string|textarea|
""",
    DEAL: """
createdate|Create date|datetime|date|r
hs_lastmodifieddate|Last modified date|datetime|date|r
dealname|Deal name|string|text|
pipeline|Pipeline|enumeration|select|p
dealstage|Deal stage|enumeration|radio|p
amount|Amount|number|number|
closedate|Close date|datetime|date|
description|Deal description|string|textarea|
dealtype|Deal type|enumeration|radio||newbusiness,existingbusiness
hs_priority|Priority|enumeration|select||low,medium,high
closed_lost_reason|Closed lost reason|string|textarea|
hs_next_step|Next step|string|text|
hs_is_closed|Is closed|bool|booleancheckbox|c
hs_is_closed_won|Is closed won|bool|booleancheckbox|c
""",
    TICKET: """
createdate|Create date|datetime|date|r
hs_lastmodifieddate|Last modified date|datetime|date|r
subject|Ticket name|string|text|
content|Ticket description|string|textarea|
hs_pipeline|Pipeline|enumeration|select|p
hs_pipeline_stage|Ticket status|enumeration|radio|p
hs_ticket_priority|Priority|enumeration|select||LOW,MEDIUM,HIGH,URGENT
hs_ticket_category|Category|enumeration|checkbox||PRODUCT_ISSUE,BILLING_ISSUE,FEATURE_REQUEST,\
GENERAL_INQUIRY
source_type|Source|enumeration|radio||CHAT,EMAIL,FORM,PHONE
hs_resolution|Resolution|enumeration|checkbox||ISSUE_FIXED,NO_ACTION
closed_date|Close date|datetime|date|r
""",
    COMMUNICATION: """
hs_communication_channel_type|Channel type|enumeration|select||WHATS_APP,LINKEDIN_MESSAGE,SMS,\
CUSTOM_CHANNEL_CONVERSATION
hs_communication_logged_from|Logged from|enumeration|select||CRM
hs_communication_body|Body|string|html|
""",
    TASK: """
hs_task_subject|Task title|string|text|
hs_task_body|Task notes|string|html|
hs_task_status|Task status|enumeration|select||NOT_STARTED,IN_PROGRESS,WAITING,DEFERRED,COMPLETED
hs_task_priority|Priority|enumeration|select||NONE,LOW,MEDIUM,HIGH
hs_task_type|Task type|enumeration|select||CALL,EMAIL,LINKED_IN_MESSAGE,TO\
DO
hs_task_completion_date|Completed at|datetime|date|
hs_task_reminders|Reminders|string|text|
""",
    NOTE: """
hs_note_body|Note body|string|html|
""",
    MEETING: """
hs_meeting_title|Meeting name|string|text|
hs_meeting_body|Meeting description|string|html|
hs_meeting_start_time|Start time|datetime|date|
hs_meeting_end_time|End time|datetime|date|
""",
    CALL: """
hs_call_title|Call title|string|text|
hs_call_body|Call notes|string|html|
hs_call_direction|Direction|enumeration|select||INBOUND,OUTBOUND
hs_call_status|Status|enumeration|select||BUSY,CALLING_CRM_USER,CANCELED,COMPLETED,CONNECTING,\
FAILED,IN_PROGRESS,NO_ANSWER,QUEUED,RINGING
hs_call_duration|Duration|number|number|
hs_call_from_number|From number|string|text|
hs_call_to_number|To number|string|text|
hs_call_recording_url|Recording URL|string|text|
hs_call_source|Source|enumeration|select||INTEGRATIONS_PLATFORM
hs_call_callee_object_id|Callee object ID|number|number|
hs_call_callee_object_type_id|Callee object type|string|text|
hs_activity_type|Call type|enumeration|select|
hs_call_disposition|Outcome|enumeration|select||9d9162e7-6cf3-4944-bf63-4dff82258764,\
f240bbac-87c9-4f6e-bf70-924b57d47db7,a4c4c377-d246-4b32-a13b-75a56a4cd0ff,\
b2cf5968-551e-4856-9783-52b3da59a7d0,73a0d17f-1163-4015-bdd5-ec830791da20,\
17b47fee-58de-441e-a44c-c6300d46f273
""",
    EMAIL: """
hs_email_direction|Direction|enumeration|select||EMAIL,INCOMING_EMAIL,FORWARDED_EMAIL
hs_email_status|Send status|enumeration|select||BOUNCED,FAILED,SCHEDULED,SENDING,SENT
hs_email_subject|Subject|string|text|
hs_email_text|Body|string|textarea|
hs_email_html|HTML|string|html|
hs_email_headers|Headers|string|text|
hs_email_from_email|From|string|text|r
hs_email_to_email|To|string|text|r
""",
}
DEAL_STAGES = (
    ("appointmentscheduled", "Appointment scheduled", "0.2"),
    ("qualifiedtobuy", "Qualified to buy", "0.4"),
    ("presentationscheduled", "Presentation scheduled", "0.6"),
    ("decisionmakerboughtin", "Decision maker bought-in", "0.8"),
    ("contractsent", "Contract sent", "0.9"),
    ("closedwon", "Closed won", "1.0"),
    ("closedlost", "Closed lost", "0.0"),
)
TICKET_STAGES = (
    ("1", "New", "OPEN"),
    ("2", "Waiting on contact", "OPEN"),
    ("3", "Waiting on us", "OPEN"),
    ("4", "Closed", "CLOSED"),
)


def furnish(portal: Portal, now: float) -> None:
    """Give a new portal its properties, groups and pipelines."""
    for kind in EVERY_KIND:
        beside = OF_ENGAGEMENTS if kind.is_engagement else ""
        made = _properties(f"{COMMON}{beside}{OWN[kind.id]}", kind.group, now)
        portal.crm.properties[kind.id] = {each.name: each for each in made}
        group = {"name": kind.group, "label": kind.group.capitalize(), "displayOrder": 0}
        portal.crm.groups[kind.id] = {kind.group: {**group, "archived": False}}
    portal.crm.pipelines = {
        DEAL: [deal_pipeline("default", "Sales Pipeline", DEAL_STAGES, 0)],
        TICKET: [ticket_pipeline("0", "Support Pipeline", TICKET_STAGES, 0)],
    }


def _properties(lines: str, group: str, now: float) -> Iterator[Property]:
    for line in lines.split("\n"):
        if not line:
            continue
        name, label, kind, field, flags, *values = line.split("|")
        yield Property(
            name=name,
            label=label,
            type=kind,
            field_type=field,
            group=group,
            is_unique="u" in flags,
            is_read_only="r" in flags or "c" in flags,
            is_calculated="c" in flags,
            is_ours=True,
            options=choices(values[0].split(",")) if values else [],
            body=_owner() if "o" in flags else {},
            created=now,
            updated=now,
        )


def _owner() -> Json:
    return {"externalOptions": True, "referencedObjectType": "OWNER"}


def choices(values: list[str]) -> list[Json]:
    return [
        {
            "label": value.replace("_", " ").capitalize(),
            "value": value,
            "displayOrder": order,
            "hidden": False,
        }
        for order, value in enumerate(values)
    ]


def deal_pipeline(name: str, label: str, stages: Any, order: int) -> Pipeline:
    """Stages are an id, a label and a probability; 1.0 and 0.0 are closed."""
    made = [
        Stage(
            id=stage,
            label=title,
            order=number,
            metadata={
                "isClosed": "true" if chance in {"0.0", "1.0"} else "false",
                "probability": chance,
            },
        )
        for number, (stage, title, chance) in enumerate(stages)
    ]
    return Pipeline(id=name, label=label, order=order, stages=made)


def ticket_pipeline(name: str, label: str, stages: Any, order: int) -> Pipeline:
    """Stages are an id, a label and a state, OPEN or CLOSED."""
    made = [
        Stage(
            id=stage,
            label=title,
            order=number,
            metadata={
                "ticketState": state,
                "isClosed": "true" if state == "CLOSED" else "false",
            },
        )
        for number, (stage, title, state) in enumerate(stages)
    ]
    return Pipeline(id=name, label=label, order=order, stages=made)


def made(names: tuple[str, str], types: tuple[str, str], now: float, **body: Any) -> Property:
    """A property that an administrator added.

    `names` are its own and its group's, `types` that of its values and that of its field;
    `values` among the rest are those of its list.
    """
    name, group = names
    values = [str(each) for each in body.pop("values", [])]
    return Property(
        name=name,
        label=str(body.get("label") or name),
        type=types[0],
        field_type=types[1],
        group=group,
        is_unique=bool(body.get("hasUniqueValue")),
        options=list(body.get("options") or choices(values)),
        body=dict(body),
        created=now,
        updated=now,
    )
