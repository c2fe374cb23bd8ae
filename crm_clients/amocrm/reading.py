"""Reading a parcel, whatever its form."""

from crm_clients.amocrm.oauth import Config
from crm_clients.amocrm.told_by_account import read_account
from crm_clients.amocrm.told_by_chats import read_chat, read_history
from crm_clients.amocrm.told_by_notes import read_answers, read_polled
from crm_clients.amocrm.wire import (
    HistoryPage,
    NotesRead,
    PolledNote,
    parse_json,
)
from crm_clients.forms import parse_form
from mappers.vocabulary import (
    AccessRevoked,
    Arrival,
    Reading,
)

CHAT, UNINSTALL, ACCOUNT, HISTORY = "chat", "uninstall", "account", "history"


def read(arrival: Arrival, config: Config) -> Reading:
    """Read a parcel of any form."""
    match arrival.form:
        case "chat":
            return read_chat(parse_json(arrival.body), config.amojo_id)
        case "history":
            page = HistoryPage.model_validate(parse_json(arrival.body))
            return read_history(page, config.amojo_id)
        case "account":
            return read_account(parse_form(arrival.body), config)
        case "note":
            note = PolledNote.model_validate(parse_json(arrival.body))
            return read_polled(note, config)
        case "notes":
            answers = NotesRead.model_validate(parse_json(arrival.body))
            return read_answers(answers, config)
        case "uninstall":
            return Reading(events=(AccessRevoked(reason="amocrm.uninstalled"),))
        case _:
            return Reading(ignored=("amocrm.unknown_form",))
