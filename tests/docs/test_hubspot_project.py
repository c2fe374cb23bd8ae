"""The project that describes our app to HubSpot says what the adapter asks for and understands."""

import json
from typing import Any

import pytest

from crm_clients.hubspot import Config
from crm_clients.hubspot.oauth import OPTIONAL_SCOPES, REQUIRED_SCOPES
from crm_clients.hubspot.objects import NUMBERS
from crm_clients.hubspot.told_by_account import read_event
from tests.docs.pages import DOCS

PROJECT = DOCS / "crms/hubspot-project"
APP = json.loads((PROJECT / "src/app/app-hsmeta.json").read_text("utf-8"))["config"]
HOOKS = json.loads((PROJECT / "src/app/webhooks/webhooks-hsmeta.json").read_text("utf-8"))["config"]
EVENTS = [each for listed in HOOKS["subscriptions"].values() for each in listed]


def test_consent_asks_for_the_scopes_that_the_app_has() -> None:
    """HubSpot refuses consent where a scope is required on one side and optional on the other."""
    assert tuple(APP["auth"]["requiredScopes"]) == REQUIRED_SCOPES
    assert tuple(APP["auth"]["optionalScopes"]) == OPTIONAL_SCOPES


def test_addresses_are_those_of_one_installation() -> None:
    (redirect,) = APP["auth"]["redirectUrls"]
    assert redirect.endswith("/oauth/hubspot/callback")
    host = redirect.removesuffix("/oauth/hubspot/callback")
    assert HOOKS["settings"]["targetUrl"].startswith(f"{host}/hooks/")


def test_the_project_is_one() -> None:
    told = json.loads((PROJECT / "hsproject.json").read_text("utf-8"))
    assert (PROJECT / told["srcDir"] / "app").is_dir()


@pytest.mark.parametrize("told", EVENTS, ids=json.dumps)
def test_what_is_subscribed_to_is_understood(told: dict[str, Any]) -> None:
    kind = f"{told.get('objectType', 'contact')}s"
    event = {
        "subscriptionType": told["subscriptionType"],
        "objectTypeId": NUMBERS[kind],
        "portalId": 4411,
        "objectId": 7,
        "occurredAt": 1_763_740_800_123,
        "propertyName": told.get("propertyName", ""),
        "propertyValue": "closedwon",
        "primaryObjectId": 7,
        "mergedObjectIds": [8],
        "newObjectId": 9,
    }
    case = kind if kind in {"deals", "tickets"} else "deals"
    config = Config.model_validate(
        {"portal_id": "4411", "access_token": "pat-x", "timeline": "cards", "case": case}
    )
    assert read_event(event, config).events
    assert told["active"]
