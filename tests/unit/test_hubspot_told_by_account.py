"""What the events of a portal's CRM mean."""

from typing import Any

import pytest
from pydantic import SecretStr

from crm_clients.hubspot.field_wire import Pipeline
from crm_clients.hubspot.oauth import Config
from crm_clients.hubspot.stages import beginning, closing_stages
from crm_clients.hubspot.told_by_account import read_event
from mappers.vocabulary import DealChanged, MalformedWebhook, RecordChanged

CONFIG = Config(
    portal_id="4411",
    access_token=SecretStr("t"),
    timeline="cards",
    closing_stages=(("closedwon", "won"), ("closedlost", "lost"), ("4", "won")),
)
OF_TICKETS = CONFIG.model_copy(update={"case": "tickets"})


def told(kind: str, config: Config = CONFIG, **details: Any) -> Any:
    event = {"portalId": 4411, "subscriptionType": kind, "eventId": 1, "objectId": 901, **details}
    return read_event(event, config)


@pytest.mark.parametrize(
    ("kind", "details", "change"),
    [
        ("contact.deletion", {}, "deleted"),
        ("contact.privacyDeletion", {}, "deleted"),
        ("contact.restore", {}, "restored"),
        ("object.deletion", {"objectTypeId": "0-1"}, "deleted"),
    ],
)
def test_a_contact_that_goes_or_comes_back(kind: str, details: dict[str, Any], change: str) -> None:
    (event,) = told(kind, **details).events
    assert event == RecordChanged(record="901", change=change)  # type: ignore[arg-type]


def test_a_merge_into_a_new_number_ends_all_the_old_ones() -> None:
    merge: Any = {
        "objectId": None,
        "primaryObjectId": 7,
        "mergedObjectIds": [8, 9],
        "newObjectId": 10,
    }
    gone = [(each.record, each.survivor) for each in told("contact.merge", **merge).events]
    assert gone == [("7", "10"), ("8", "10"), ("9", "10")]


def test_a_merge_that_keeps_a_number_ends_the_others() -> None:
    merge: Any = {"primaryObjectId": 7, "mergedObjectIds": [8], "newObjectId": 7}
    for details in (merge, {**merge, "newObjectId": None}):
        assert told("object.merge", objectTypeId="0-1", **details).events == (
            RecordChanged(record="8", change="merged", survivor="7"),
        )


@pytest.mark.parametrize(
    ("config", "kind", "name", "stage", "state"),
    [
        (CONFIG, "deal", "dealstage", "closedwon", "won"),
        (CONFIG, "deal", "dealstage", "closedlost", "lost"),
        (CONFIG, "deal", "dealstage", "contractsent", "open"),
        (OF_TICKETS, "ticket", "hs_pipeline_stage", "4", "won"),
    ],
)
def test_a_deal_closes_by_its_stage(
    config: Config, kind: str, name: str, stage: str, state: str
) -> None:
    moved = {"propertyName": name, "propertyValue": stage}
    (event,) = told(f"{kind}.propertyChange", config, **moved).events
    assert event == DealChanged(deal="901", state=state)  # type: ignore[arg-type]


def test_a_deal_is_deleted_and_so_is_a_ticket_where_tickets_are_deals() -> None:
    assert told("deal.deletion").events == (DealChanged(deal="901", state="deleted"),)
    assert told("object.deletion", OF_TICKETS, objectTypeId="0-5").events
    assert told("ticket.deletion").ignored == ("account.ticket.deletion",)
    assert told("deal.deletion", OF_TICKETS).ignored == ("account.deal.deletion",)


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("contact.creation", {}),
        ("contact.propertyChange", {"propertyName": "phone", "propertyValue": "+7"}),
        ("deal.propertyChange", {"propertyName": "amount", "propertyValue": "5"}),
        ("company.deletion", {}),
        ("object.deletion", {"objectTypeId": "2-77"}),
        ("contact.deletion", {"objectId": "not a number"}),
    ],
)
def test_what_concerns_nobody_is_named(kind: str, details: dict[str, Any]) -> None:
    reading = told(kind, **details)
    assert (reading.events, reading.ignored) == ((), (f"account.{kind}",))


def test_an_older_hook_names_its_type_otherwise_and_an_odd_one_is_not_repeated() -> None:
    older = {"portalId": 4411, "eventType": "contact.deletion", "objectId": 5}
    assert read_event(older, CONFIG).events
    assert told("a secret\nword").ignored == ("account.unknown",)
    with pytest.raises(MalformedWebhook):
        read_event({}, CONFIG)


WON = {"isClosed": "true", "probability": "1.0"}
LOST = {"isClosed": "true", "probability": "0.0"}
PIPELINES = tuple(
    Pipeline.model_validate(each)
    for each in (
        {
            "id": "default",
            "stages": [
                {"id": "b", "displayOrder": 1, "metadata": {"isClosed": "false"}},
                {"id": "a", "displayOrder": 0, "metadata": {"probability": "0.2"}},
                {
                    "id": "w",
                    "displayOrder": 2,
                    "metadata": {"isClosed": "true", "probability": "1.0"},
                },
                {
                    "id": "l",
                    "displayOrder": 3,
                    "metadata": {"isClosed": "true", "probability": "0.0"},
                },
            ],
        },
        {
            "id": "0",
            "displayOrder": 1,
            "stages": [
                {"id": "1", "metadata": {"ticketState": "OPEN", "isClosed": None}},
                {"id": "4", "metadata": {"ticketState": "CLOSED"}},
            ],
        },
    )
)


def test_which_stages_are_an_end_is_told_by_what_a_pipeline_says_of_them() -> None:
    assert closing_stages(PIPELINES) == (("4", "won"), ("l", "lost"), ("w", "won"))


@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        (("", ""), ("default", "a")),
        (("0", ""), ("0", "1")),
        (("", "4"), ("0", "4")),
        (("0", "4"), ("0", "4")),
        (("gone", ""), ("gone", "")),
        (("", "gone"), ("", "gone")),
    ],
)
def test_a_deal_begins_where_it_is_told_or_first(
    asked: tuple[str, str], begins: tuple[str, str]
) -> None:
    assert beginning(PIPELINES, *asked) == begins
