"""HubSpot's signatures, of both versions that are believed, and what they are believed of."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from pydantic import SecretStr

from crm_clients.hubspot.doors import CHANNEL, CRM, ApplicationDoor, ConnectionDoor, signature
from crm_clients.hubspot.oauth import Application, Config
from mappers.vocabulary import ForgedWebhook, MalformedWebhook, Webhook

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
B1 = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
    b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM",'
    b'"changeFlag":"NEW","appId":54321}]'
)
STAMP = "1764000000000"
AT = datetime.fromtimestamp(1764000000, UTC)
ADDRESS = "https://hub.example.com/hooks/abc"
REPLY = {
    "type": "OUTGOING_CHANNEL_MESSAGE_CREATED",
    "portalId": "62515",
    "channelId": "1001234",
    "eventId": "0f4d7f1e",
    "message": {"id": "c1c2", "createdAt": "2026-11-21T16:03:09.500Z", "text": "Едет"},
}


def the_door(secret: str = SECRET) -> ApplicationDoor:
    ours = Application(client_id="c", client_secret=SecretStr(secret), hook_address=ADDRESS)
    return ApplicationDoor(ours)


def signed(body: bytes, *, uri: str = ADDRESS, **details: Any) -> Webhook:
    shown = signature(SECRET, "POST", uri, body, STAMP)
    headers = {"x-hubspot-signature-v3": shown, "x-hubspot-request-timestamp": STAMP}
    return Webhook(method="POST", body=body, headers=headers, **{"received_at": AT, **details})


def with_older(body: bytes, digest: str, version: str = "v1") -> Webhook:
    headers = {"x-hubspot-signature": digest, "x-hubspot-signature-version": version}
    return Webhook(method="POST", body=body, headers=headers, received_at=AT)


@pytest.mark.parametrize(
    ("uri", "body", "expected"),
    [
        (
            "https://www.example.com/webhook_uri?x=a:b",
            B1,
            "1PAEba4Ru2Kvs+VdGPhn+bogZ/qYnZh89QxNGBc+THE=",
        ),
        (
            "https://www.example.com/webhook_uri?x=a%3ab",
            B1,
            "1PAEba4Ru2Kvs+VdGPhn+bogZ/qYnZh89QxNGBc+THE=",
        ),
        (
            "https://www.example.com/webhook_uri",
            '{"text":"Привет"}'.encode(),
            "LCGy6tF+NTR1xCL5m5JZZSnxQNxDbqB0sg7Y87Fow1Y=",
        ),
    ],
)
def test_the_newer_signature_is_the_known_one(uri: str, body: bytes, expected: str) -> None:
    assert signature(SECRET, "POST", uri, body, STAMP) == expected


def test_only_what_is_listed_is_decoded_before_signing() -> None:
    one = signature(SECRET, "POST", "https://x/y?a=%20%26%3D%25", b"", STAMP)
    assert one != signature(SECRET, "POST", "https://x/y?a= &=%", b"", STAMP)
    assert one == signature(SECRET, "POST", "https%3A%2F%2Fx%2fy%3Fa=%20%26%3D%25", b"", STAMP)


def test_the_older_signature_is_the_documented_one_and_is_believed_of_the_crm_alone() -> None:
    door = the_door()
    digest = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"
    (parcel,) = door.receive(with_older(B1, digest)).parcels
    assert (parcel.account, parcel.form) == ("62515", CRM)
    for hook in (
        with_older(B1, digest, "v2"),
        with_older(B1 + b" ", digest),
        with_older(B1, ""),
        replace(with_older(B1, digest), method="GET"),
    ):
        with pytest.raises(ForgedWebhook):
            door.receive(hook)
    of_channel = json.dumps(REPLY).encode()
    with pytest.raises(MalformedWebhook):
        door.receive(with_older(of_channel, older(of_channel)))


def older(body: bytes) -> str:
    return sha256(SECRET.encode() + body).hexdigest()


def test_an_older_signature_does_not_help_a_newer_one_that_is_wrong() -> None:
    digest = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"
    hook = with_older(B1, digest)
    shown = {**hook.headers, "x-hubspot-signature-v3": "AAAA", "x-hubspot-request-timestamp": STAMP}
    with pytest.raises(ForgedWebhook):
        the_door().receive(replace(hook, headers=shown))


def test_the_address_that_was_signed_is_ours_with_its_query_as_it_came() -> None:
    uri = f"{ADDRESS}/more?a=1%2C2&b=%20"
    hook = signed(B1, uri=uri, tail="more", raw_query="a=1%2C2&b=%20")
    assert the_door().receive(hook).parcels
    for other in (replace(hook, raw_query="a=1,2&b=+"), replace(hook, tail="")):
        with pytest.raises(ForgedWebhook):
            the_door().receive(other)


@pytest.mark.parametrize("apart", [timedelta(minutes=-6), timedelta(minutes=6)])
def test_a_signature_of_another_time_is_not_believed(apart: timedelta) -> None:
    door = the_door()
    assert door.receive(signed(B1, received_at=AT + apart / 2)).parcels
    for at in (AT + apart, None):
        with pytest.raises(ForgedWebhook):
            door.receive(signed(B1, received_at=at))


def test_a_door_without_its_secret_stays_shut() -> None:
    for hook in (signed(B1), with_older(B1, older(B1))):
        with pytest.raises(ForgedWebhook):
            the_door("").receive(hook)


def test_a_call_of_several_portals_becomes_parcels_of_each() -> None:
    events = [
        {"portalId": portal, "subscriptionType": "contact.deletion", "objectId": at, "eventId": at}
        for at, portal in enumerate((62515, 4411, 62515))
    ]
    parcels = the_door().receive(signed(json.dumps(events).encode())).parcels
    assert [each.account for each in parcels] == ["62515", "4411", "62515"]
    assert len({each.key for each in parcels}) == 3


def test_a_repeat_counts_its_attempts_and_is_the_same_event() -> None:
    (told,) = json.loads(B1)
    keys = set()
    for attempt in range(3):
        body = json.dumps([{**told, "attemptNumber": attempt}]).encode()
        (parcel,) = the_door().receive(signed(body)).parcels
        keys.add(parcel.key)
        assert parcel.said_at == datetime(2019, 7, 26, 4, 0, tzinfo=UTC)
    assert len(keys) == 1
    body = json.dumps([{**told, "objectId": 124}]).encode()
    assert the_door().receive(signed(body)).parcels[0].key not in keys


def test_a_message_of_a_channel_is_named_by_its_own_id() -> None:
    (one,) = the_door().receive(signed(json.dumps(REPLY).encode())).parcels
    again = {**REPLY, "eventId": "another", "eventTimestamp": "later"}
    (two,) = the_door().receive(signed(json.dumps(again).encode())).parcels
    assert (one.key, one.form, one.account) == ("channel:62515:message:c1c2", CHANNEL, "62515")
    assert two.key == one.key
    without = {key: value for key, value in REPLY.items() if key != "message"}
    (three,) = the_door().receive(signed(json.dumps(without).encode())).parcels
    assert three.key == "channel:62515:event:0f4d7f1e"


@pytest.mark.parametrize("told", [[], [1], [{}], {}, {"portalId": "x"}, "text", 5])
def test_what_tells_of_no_portal_is_refused(told: Any) -> None:
    with pytest.raises(MalformedWebhook):
        the_door().receive(signed(json.dumps(told).encode()))


def test_a_portal_has_no_address_of_its_own() -> None:
    config = Config(portal_id="62515", access_token=SecretStr("t"), timeline="cards")
    with pytest.raises(ForgedWebhook):
        ConnectionDoor(config).receive(signed(B1))
