"""Reading a parcel, whatever its form."""

from crm_clients.hubspot.doors import CHANNEL, CRM
from crm_clients.hubspot.oauth import Config
from crm_clients.hubspot.told_by_account import read_event
from crm_clients.hubspot.told_by_channel import read_channel, read_history
from crm_clients.hubspot.told_by_notes import read_answers, read_found
from crm_clients.hubspot.wire import parse_object
from mappers.vocabulary import Arrival, Reading

HISTORY, NOTE, NOTES = "history", "note", "notes"


def read(arrival: Arrival, config: Config) -> Reading:
    """Read a parcel of any form."""
    match arrival.form:
        case form if form == CRM:
            return read_event(parse_object(arrival.body), config)
        case form if form == CHANNEL:
            return read_channel(parse_object(arrival.body), config)
        case form if form == HISTORY:
            return read_history(parse_object(arrival.body), config)
        case form if form == NOTE:
            return read_found(parse_object(arrival.body), config)
        case form if form == NOTES:
            return read_answers(parse_object(arrival.body), config)
        case _:
            return Reading(ignored=("hubspot.unknown_form",))
