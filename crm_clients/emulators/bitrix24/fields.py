"""Which fields the cards of a CRM have, by their old names, and how new methods call them."""

import re
from collections.abc import Mapping
from typing import Any

from . import values
from .crm_model import COMPANY, CONTACT, DEAL, LEAD, MULTI_TYPES, Card, Crm, Json

PERSON = {
    "HONORIFIC": "crm_status",
    "NAME": "string",
    "SECOND_NAME": "string",
    "LAST_NAME": "string",
    "BIRTHDATE": "date",
    "POST": "string",
}
COMMON = {
    "ID": "integer",
    "SOURCE_ID": "crm_status",
    "SOURCE_DESCRIPTION": "string",
    "COMMENTS": "string",
    "OPENED": "char",
    "ASSIGNED_BY_ID": "user",
    "CREATED_BY_ID": "user",
    "MODIFY_BY_ID": "user",
    "DATE_CREATE": "datetime",
    "DATE_MODIFY": "datetime",
    "ORIGINATOR_ID": "string",
    "ORIGIN_ID": "string",
    "UTM_SOURCE": "string",
    "UTM_MEDIUM": "string",
    "UTM_CAMPAIGN": "string",
    "UTM_CONTENT": "string",
    "UTM_TERM": "string",
    "LAST_ACTIVITY_TIME": "datetime",
}
PHONES = {"HAS_PHONE": "char", "HAS_EMAIL": "char", "HAS_IMOL": "char"}
MONEY = {
    "CURRENCY_ID": "crm_currency",
    "OPPORTUNITY": "double",
    "IS_MANUAL_OPPORTUNITY": "char",
}
FIELDS: Mapping[int, Mapping[str, str]] = {
    LEAD: {
        **COMMON,
        **PERSON,
        **PHONES,
        **MONEY,
        "TITLE": "string",
        "STATUS_ID": "crm_status",
        "STATUS_DESCRIPTION": "string",
        "STATUS_SEMANTIC_ID": "string",
        "COMPANY_TITLE": "string",
        "COMPANY_ID": "crm_company",
        "CONTACT_ID": "crm_contact",
        "DATE_CLOSED": "datetime",
    },
    DEAL: {
        **COMMON,
        **MONEY,
        "TITLE": "string",
        "TYPE_ID": "crm_status",
        "CATEGORY_ID": "crm_category",
        "STAGE_ID": "crm_status",
        "STAGE_SEMANTIC_ID": "string",
        "PROBABILITY": "integer",
        "TAX_VALUE": "double",
        "COMPANY_ID": "crm_company",
        "CONTACT_ID": "crm_contact",
        "LEAD_ID": "crm_lead",
        "QUOTE_ID": "crm_quote",
        "BEGINDATE": "date",
        "CLOSEDATE": "date",
        "CLOSED": "char",
        "ADDITIONAL_INFO": "string",
        "LOCATION_ID": "location",
        "ORIGIN_VERSION": "string",
    },
    CONTACT: {
        **COMMON,
        **PERSON,
        **PHONES,
        "TYPE_ID": "crm_status",
        "EXPORT": "char",
        "COMPANY_ID": "crm_company",
        "LEAD_ID": "crm_lead",
        "ORIGIN_VERSION": "string",
    },
    COMPANY: {
        **COMMON,
        **MONEY,
        **PHONES,
        "TITLE": "string",
        "COMPANY_TYPE": "crm_status",
        "INDUSTRY": "crm_status",
        "LEAD_ID": "crm_lead",
        "ORIGIN_VERSION": "string",
    },
}
# Lists of cards that a card names; old rows do not tell them, new ones do.
LISTS = {LEAD: ("CONTACT_IDS",), DEAL: ("CONTACT_IDS",), CONTACT: ("COMPANY_IDS",), COMPANY: ()}
WITH_MULTI = {LEAD, CONTACT, COMPANY}
# Which multifields a flag counts, and how those begin.
COUNTED = {"HAS_PHONE": ("PHONE", ""), "HAS_EMAIL": ("EMAIL", ""), "HAS_IMOL": ("IM", "imol|")}
READ_ONLY = {
    *("ID", "CREATED_BY_ID", "MODIFY_BY_ID", "DATE_CREATE", "DATE_MODIFY", "CLOSED"),
    *("LAST_ACTIVITY_TIME", "STATUS_SEMANTIC_ID", "STAGE_SEMANTIC_ID", "DATE_CLOSED"),
    *COUNTED,
}
NUMBERS = {
    *("integer", "user", "crm_contact", "crm_company", "crm_lead", "crm_quote", "crm_category"),
}
# From which lists of the portal fields take their values; `TYPE_ID` has one of each kind of card.
DICTIONARIES = {
    "SOURCE_ID": "SOURCE",
    "HONORIFIC": "HONORIFIC",
    "STATUS_ID": "STATUS",
    "STAGE_ID": "DEAL_STAGE",
    "COMPANY_TYPE": "COMPANY_TYPE",
    "INDUSTRY": "INDUSTRY",
}
TYPE_LISTS = {DEAL: "DEAL_TYPE", CONTACT: "CONTACT_TYPE"}
# New methods have names of their own for these.
RENAMED = {
    "ID": "id",
    "DATE_CREATE": "createdTime",
    "DATE_MODIFY": "updatedTime",
    "CREATED_BY_ID": "createdBy",
    "MODIFY_BY_ID": "updatedBy",
    "CONTACT_IDS": "contactIds",
    "DATE_CLOSED": "closedTime",
}


def camel(name: str) -> str:
    """Return how `crm.item` methods call a field."""
    if name in RENAMED:
        return RENAMED[name]
    if name.startswith("UF_CRM_"):
        rest = name.removeprefix("UF_CRM_").lower()
        return "ufCrm_" + rest if rest[:1].isdigit() else "ufCrm" + _joined(f"_{rest}")
    return _joined(name.lower())


def _joined(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def by_camel(crm: Crm, entity: int) -> dict[str, str]:
    """Return the old name of each field by its new one."""
    return {camel(name): name for name in (*known(crm, entity), *LISTS[entity])}


def known(crm: Crm, entity: int) -> dict[str, str]:
    """Return every field of a kind of cards with its type, custom ones included."""
    custom = {each.name: each.type_id for each in crm.fields_of(entity)}
    return {**FIELDS[entity], **custom}


def described(crm: Crm, entity: int) -> Json:
    """Describe the fields as `crm.*.fields` does."""
    shown = {name: _described(name, kind) for name, kind in FIELDS[entity].items()}
    if "TYPE_ID" in shown:
        shown["TYPE_ID"]["statusType"] = TYPE_LISTS[entity]
    if entity in WITH_MULTI:
        for name in MULTI_TYPES:
            shown[name] = {**_described(name, "crm_multifield"), "isMultiple": True}
    for each in crm.fields_of(entity):
        shown[each.name] = {**_described(each.name, each.type_id), **values.described(each)}
    return shown


def _described(name: str, kind: str) -> Json:
    return {
        "type": kind,
        "isRequired": False,
        "isReadOnly": name in READ_ONLY,
        "isImmutable": False,
        "isMultiple": False,
        "isDynamic": False,
        "title": name.replace("_", " ").capitalize(),
        **({"statusType": DICTIONARIES[name]} if name in DICTIONARIES else {}),
    }


def row(crm: Crm, card: Card) -> Json:
    """Tell a card as old methods do: strings, null where nothing is, without multifields."""
    shown: Json = {}
    for name in known(crm, card.entity):
        shown[name] = _told(card.fields.get(name))
    for name, (type_id, start) in COUNTED.items():
        if name in shown:
            has_any = any(value.startswith(start) for value in card.values_of(type_id))
            shown[name] = "Y" if has_any else "N"
    return {**shown, "ID": str(card.id)}


def _told(value: Any) -> Any:
    if isinstance(value, list):
        return [str(each) for each in value]
    return None if value is None else str(value)


def typed(kind: str, value: Any) -> Any:
    """Tell a value as new methods do: numbers are numbers."""
    if value in (None, ""):
        return 0 if kind in NUMBERS - {"integer"} else value
    if kind in NUMBERS and str(value).lstrip("-").isdigit():
        return int(value)
    return float(value) if kind == "double" else value
