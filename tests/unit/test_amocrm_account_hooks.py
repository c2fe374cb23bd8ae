"""What the account's own hooks mean, in whatever number and order they come."""

from urllib.parse import urlencode

import pytest

from crm_clients.amocrm.oauth import Config
from crm_clients.amocrm.told_by_account import read_account
from crm_clients.amocrm.upkeep import EVENTS, UNLISTED_EVENTS
from crm_clients.forms import parse_form
from mappers.vocabulary import DealChanged, Event, RecordChanged

ACCOUNT = {"account[id]": "28805383", "account[subdomain]": "acme"}
CONFIG = Config.model_validate(
    {
        "base": "https://acme.amocrm.ru",
        "account_id": "28805383",
        "amojo_id": "52e591f7-c98f-4255-8495-827210138c81",
        "access_token": "REDACTED",
    }
)
UNSORTED = {
    "unsorted[delete][0][uid]": "40789acb",
    "unsorted[delete][0][category]": "chats",
}


def events(fields: dict[str, str]) -> tuple[Event, ...]:
    return read_account(parse_form(urlencode({**fields, **ACCOUNT}).encode()), CONFIG).events


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        (
            {"contacts[delete][0][id]": "40401635", "contacts[delete][0][type]": "contact"},
            RecordChanged(record="40401635", change="deleted"),
        ),
        (
            {"leads[status][0][id]": "10185151", "leads[status][0][status_id]": "142"},
            DealChanged(deal="10185151", state="won"),
        ),
        (
            {"leads[status][0][id]": "10185151", "leads[status][0][status_id]": "32392159"},
            DealChanged(deal="10185151", state="open"),
        ),
        ({"leads[delete][0][id]": "10185151"}, DealChanged(deal="10185151", state="deleted")),
        (
            {"leads[restore][0][id]": "10185151", "leads[restore][0][status_id]": "143"},
            DealChanged(deal="10185151", state="lost"),
        ),
        (
            {
                **UNSORTED,
                "unsorted[delete][0][action]": "accept",
                "unsorted[delete][0][accept_result][leads][0]": "10185151",
                "unsorted[delete][0][accept_result][contacts][0]": "40401635",
            },
            DealChanged(deal="10185151", state="open"),
        ),
        (
            {
                **UNSORTED,
                "unsorted[delete][0][action]": "decline",
                "unsorted[delete][0][decline_result][leads][0]": "10185151",
            },
            DealChanged(deal="10185151", state="deleted"),
        ),
    ],
)
def test_each_hook_that_we_subscribe_to_means_something(
    fields: dict[str, str], event: Event
) -> None:
    assert events(fields) == (event,)


@pytest.mark.parametrize(
    "fields",
    [
        {**UNSORTED, "unsorted[delete][0][action]": "accept"},
        {**UNSORTED, "unsorted[delete][0][action]": "link"},
        {
            **UNSORTED,
            "unsorted[delete][0][action]": "accept",
            "unsorted[delete][0][accept_result][leads][0]": "x",
        },
        {
            **UNSORTED,
            "unsorted[delete][0][action]": "accept",
            "unsorted[delete][0][accept_result]": "10185151",
        },
    ],
)
def test_an_unsorted_item_without_a_deal_means_nothing(fields: dict[str, str]) -> None:
    assert events(fields) == ()


def test_what_is_subscribed_to_is_what_is_read() -> None:
    samples = {
        "delete_contact": {"contacts[delete][0][id]": "1"},
        "status_lead": {"leads[status][0][id]": "1", "leads[status][0][status_id]": "142"},
        "delete_lead": {"leads[delete][0][id]": "1"},
        "restore_lead": {"leads[restore][0][id]": "1", "leads[restore][0][status_id]": "2"},
        "delete_unsorted": {
            "unsorted[delete][0][action]": "accept",
            "unsorted[delete][0][accept_result][leads][0]": "1",
        },
    }
    assert samples.keys() == {*EVENTS, *UNLISTED_EVENTS}
    assert all(events(sample) for sample in samples.values())
