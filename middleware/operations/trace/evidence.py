"""Why something is believed, in words. The phrases are those of docs/explanation/identity.md."""

from collections.abc import Mapping

from mappers.text import Language
from middleware.registry import told_by_adapters

EVIDENCE: Mapping[str, Mapping[Language, str]] = {
    "phone.verified": {
        "ru": "найден в CRM по телефону, номер сверен",
        "en": "found in the CRM by phone, and the number compared",
    },
    "email.verified": {
        "ru": "найден в CRM по почте, адрес сверен",
        "en": "found in the CRM by e-mail, and the address compared",
    },
    "crm.merged_into": {
        "ru": "в него в CRM влили прежнюю карточку",
        "en": "the record before was merged into it in the CRM",
    },
    "hub.mapped": {
        "ru": "так решило сопоставление полей, это лишь намёк",
        "en": "a mapping took it from what was said, which is only a hint",
    },
    "hub.created": {
        "ru": "создано хабом",
        "en": "made by the hub",
    },
    "hub.linked": {
        "ru": "было связано раньше, причина не записана",
        "en": "linked before, and nobody wrote down why",
    },
    "crm.open_deal": {
        "ru": "уже была открыта",
        "en": "it was open already",
    },
    "crm.resting_deal": {
        "ru": "закрыта недавно, маршрут ещё использует её",
        "en": "closed so lately that the route still uses it",
    },
    "hub.same_exchange": {
        "ru": "о ней клиент только что писал в другом канале",
        "en": "the customer was writing about it on another channel",
    },
    "crm.opened_none": {
        "ru": "CRM должна была открыть сделку и не открыла",
        "en": "the CRM was expected to open one and did not",
    },
}


def in_words(evidence: str, language: Language) -> str:
    """Explain a phrase, and name it; one that nobody has explained is only named."""
    said = EVIDENCE.get(evidence) or told_by_adapters().get(evidence)
    return evidence if said is None else f"{said[language]} ({evidence})"
