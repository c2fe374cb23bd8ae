"""The stub counts what it must: texts once, their order within a chat, calls over the limit."""

import json
from dataclasses import replace

from middleware.bench.marks import Mark, text_of
from middleware.bench.stub import Pace, Provider, bench_of

CHAT = "/amojo/v2/origin/custom/11111111-1111-4111-8111-111111111111_a"


def written(mark: Mark, key: str = "key") -> bytes:
    said = {"msgid": key, "conversation_id": f"chat {mark.chat}", "msec_timestamp": 1700000000123}
    return json.dumps({"payload": {**said, "text": text_of(mark).decode()}}).encode()


def provider_after(*marks: Mark) -> Provider:
    provider = Provider()
    for mark in marks:
        assert provider.take("POST", CHAT, written(mark)).status == 200
    return provider


def test_a_text_that_comes_twice_is_doubled() -> None:
    ledger = provider_after(Mark(1, 1, 1, 0), Mark(1, 1, 1, 0)).ledger
    assert (len(ledger.written), ledger.doubled, ledger.disordered) == (1, 1, 0)


def test_order_is_kept_within_a_chat_only() -> None:
    ledger = provider_after(
        Mark(1, 1, 2, 0), Mark(1, 2, 1, 0), Mark(2, 1, 1, 0), Mark(1, 1, 1, 0)
    ).ledger
    assert ledger.disordered == 1


def test_the_digest_is_of_what_arrived_and_not_of_when() -> None:
    one, other = Mark(1, 1, 1, 0), Mark(1, 2, 1, 0)
    assert provider_after(one, other).ledger.digest == provider_after(other, one).ledger.digest
    assert provider_after(one).ledger.digest != provider_after(other).ledger.digest


def test_calls_over_the_limit_are_refused_and_counted() -> None:
    provider = provider_after()
    provider.pace = Pace(limit=2)
    given = [provider.take("GET", "/acc1/api/v4/account", b"").status for _ in range(3)]
    assert given == [200, 200, 429]
    assert (provider.ledger.rejected, sum(provider.ledger.calls.values())) == (1, 2)


def test_two_accounts_have_a_limit_each() -> None:
    provider = provider_after()
    provider.pace = Pace(limit=1)
    given = [provider.take("GET", f"/acc{n}/api/v4/account", b"").status for n in (1, 2, 1)]
    assert given == [200, 200, 429]


def test_what_was_written_is_found_again_by_its_key() -> None:
    provider = provider_after(Mark(1, 2, 1, 0))
    opened = provider.take("POST", f"{CHAT}/chats", b'{"conversation_id": "chat 2"}')
    chat = json.loads(opened.body)["id"]
    page = provider.take("GET", f"{CHAT}/chats/{chat}/history", b"")
    found = json.loads(page.body)["messages"]
    assert [(each["message"]["client_id"], each["msec_timestamp"]) for each in found] == [
        ("key", 1700000000123)
    ]
    other = provider.take("POST", f"{CHAT}/chats", b'{"conversation_id": "chat 3"}')
    empty = json.loads(other.body)["id"]
    assert provider.take("GET", f"{CHAT}/chats/{empty}/history", b"").status == 204


def test_a_limit_may_be_counted_over_seconds() -> None:
    provider = Provider(bench=replace(bench_of("amocrm"), window_s=10))
    provider.pace = Pace(limit=2)
    given = [provider.take("GET", "/acc1/api/v4/account", b"").status for _ in range(21)]
    assert given == [200] * 20 + [429]


HUB, TALK = "/acc1/crm/objects/2026-03", "/acc1/conversations/conversations/2026-09/threads"
SAID = {
    "text": "hello",
    "integrationThreadId": "chat 1",
    "channelAccountId": "77",
    "timestamp": "2026-11-21T15:59:58.077Z",
    "messageDirection": "INCOMING",
    "senders": [],
    "recipients": [],
    "attachments": [],
    "associateWithContactId": 7,
}


def test_what_was_published_and_opened_at_hubspots_stub_is_found_again() -> None:
    provider = Provider(bench=bench_of("hubspot"))
    tied = {"associations": [{"to": {"id": "7"}, "types": []}]}
    deal = json.loads(provider.take("POST", f"{HUB}/deals", json.dumps(tied).encode()).body)["id"]
    found = provider.take("GET", f"{HUB}/contacts/7/associations/deals", b"")
    assert [str(each["toObjectId"]) for each in json.loads(found.body)["results"]] == [deal]
    channel = "/acc1/conversations/custom-channels/2026-03/1001/messages"
    told = json.loads(provider.take("POST", channel, json.dumps(SAID).encode()).body)
    thread = json.loads(provider.take("GET", f"{TALK}/{told['conversationsThreadId']}", b"").body)
    assert thread["associatedContactId"] == "7"
    page = provider.take("GET", f"{TALK}/{thread['id']}/messages", b"")
    (kept,) = json.loads(page.body)["results"]
    assert (kept["text"], kept["createdAt"]) == ("hello", SAID["timestamp"])
