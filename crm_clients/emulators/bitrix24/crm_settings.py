"""The lists of a CRM: stages, sources and categories, as a new portal has them."""

from collections.abc import Iterable
from typing import Any

from .crm_model import ENTITY_IDS, Json, UserField
from .model import Portal

LEAD_STATUSES = (
    ("NEW", "Не обработан", None),
    ("IN_PROCESS", "В работе", None),
    ("PROCESSED", "Обработан", None),
    ("JUNK", "Некачественный лид", "F"),
    ("CONVERTED", "Качественный лид", "S"),
)
STAGES = (
    ("NEW", "Новая", None),
    ("PREPARATION", "Подготовка документов", None),
    ("EXECUTING", "В работе", None),
    ("WON", "Сделка успешна", "S"),
    ("LOSE", "Сделка провалена", "F"),
)
SOURCES = (
    *("CALL", "EMAIL", "WEB", "ADVERTISING", "PARTNER", "RECOMMENDATION", "TRADE_SHOW"),
    *("WEBFORM", "CALLBACK", "RC_GENERATOR", "STORE", "OTHER"),
)
OTHER_LISTS = {
    "CONTACT_TYPE": ("CLIENT", "SUPPLIER", "PARTNER", "OTHER"),
    "COMPANY_TYPE": ("CUSTOMER", "SUPPLIER", "COMPETITOR", "PARTNER", "OTHER"),
    "DEAL_TYPE": ("SALE", "COMPLEX", "GOODS", "SERVICES", "SERVICE"),
    "HONORIFIC": ("HNR_RU_1", "HNR_RU_2"),
}


def furnish(portal: Portal) -> None:
    """Give a portal the lists it comes with, and its one category of deals."""
    add_list(portal, "STATUS", LEAD_STATUSES)
    add_list(portal, "DEAL_STAGE", STAGES)
    add_list(portal, "SOURCE", [(name, name.capitalize(), None) for name in SOURCES])
    for entity_id, names in OTHER_LISTS.items():
        add_list(portal, entity_id, [(name, name.capitalize(), None) for name in names])
    portal.crm.categories[0] = {"id": 0, "name": "Общее", "sort": 300, "isDefault": "Y"}


def add_category(portal: Portal, name: str) -> int:
    """Add a pipeline of deals with the usual stages; their ids name it."""
    number = max(portal.crm.categories) + 1
    portal.crm.categories[number] = {
        "id": number,
        "name": name,
        "sort": 300 + number,
        "isDefault": "N",
    }
    stages = [(f"C{number}:{stage}", title, meaning) for stage, title, meaning in STAGES]
    add_list(portal, f"DEAL_STAGE_{number}", stages)
    return number


def add_list(portal: Portal, entity_id: str, rows: Iterable[tuple[str, str, str | None]]) -> None:
    category = entity_id.removeprefix("DEAL_STAGE_")
    for place, (status_id, name, meaning) in enumerate(rows, 1):
        row: Json = {
            "ID": str(portal.number("status")),
            "ENTITY_ID": entity_id,
            "STATUS_ID": status_id,
            "NAME": name,
            "NAME_INIT": name,
            "SORT": str(10 * place),
            "SYSTEM": "Y",
            "CATEGORY_ID": category if category.isdigit() else None,
            "COLOR": "#47E4C2",
            "SEMANTICS": meaning,
            "EXTRA": {"SEMANTICS": meaning or "process", "COLOR": "#47E4C2"},
        }
        portal.crm.statuses.append(row)


def add_user_field(portal: Portal, entity: str, name: str, type_id: str, **body: Any) -> UserField:
    """Add a custom field, as an administrator does in the settings; `LIST` holds its choices."""
    choices = [
        {"SORT": "500", "DEF": "N", **each, "ID": str(portal.number("choice"))}
        for each in body.pop("LIST", ())
    ]
    field = UserField(
        id=portal.number("user_field"),
        entity=ENTITY_IDS[entity.upper()],
        name=f"UF_CRM_{name.upper()}",
        type_id=type_id,
        body=body,
        choices=choices,
    )
    portal.crm.user_fields[field.id] = field
    return field
