"""The emulated conversations against their documentation: channels, threads, replies, comments."""

import json
from typing import Any

import pytest

from crm_clients.emulators.hubspot import signing
from tests.emulators.hubspot_scene import HOOK, Rig

CHANNELS = "/conversations/custom-channels/2026-03"
INBOX = "/conversations/v3/conversations"
DATED_INBOX = "/conversations/conversations/2026-09"
WORDS = f"{HOOK}/channel"
OURS = {"type": "CHANNEL_SPECIFIC_OPAQUE_ID", "value": "ours"}
ANNA = {"type": "CHANNEL_SPECIFIC_OPAQUE_ID", "value": "tg-user:1"}
CAPABLE: dict[str, Any] = {
    "deliveryIdentifierTypes": ["CHANNEL_SPECIFIC_OPAQUE_ID"],
    "threadingModel": "INTEGRATION_THREAD_ID",
    "richText": ["HYPERLINK"],
    "allowConversationStart": False,
    "maxFileAttachmentCount": 10,
}
AT = "2026-11-21T15:59:58.077Z"


class Talking(Rig):
    """A channel of the application, and one account of it in the first inbox."""

    async def connects(self, **capabilities: Any) -> None:
        self.channel = await self.registers(capabilities=CAPABLE | capabilities)
        inbox = next(iter(self.portal.talks.inboxes))
        body = {"inboxId": str(inbox), "name": "@shop", "authorized": True}
        made = await self.do(
            "POST", f"{self.at}/channel-accounts", {**body, "deliveryIdentifier": OURS}
        )
        self.account = made["id"]
        await self.emulator.drain()
        self.hub.pushes.clear()

    @property
    def at(self) -> str:
        return f"{CHANNELS}/{self.channel}"

    @property
    def key(self) -> dict[str, Any]:
        return {"hapikey": self.app.developer_key, "appId": self.app.app_id}

    async def registers(self, **body: Any) -> str:
        made = {"name": "Telegram", "webhookUrl": WORDS, "capabilities": CAPABLE, **body}
        return str((await self.do("POST", CHANNELS, made, **self.key))["id"])

    def said(self, **changes: Any) -> dict[str, Any]:
        return {
            "text": "Hi",
            "messageDirection": "INCOMING",
            "channelAccountId": self.account,
            "integrationThreadId": "tg:1",
            "integrationIdempotencyId": "key-1",
            "timestamp": AT,
            "senders": [{"name": "Anna", "deliveryIdentifier": ANNA}],
            "recipients": [{"deliveryIdentifier": OURS}],
            "attachments": [],
            **changes,
        }

    async def publishes(self, **changes: Any) -> Any:
        return await self.do("POST", f"{self.at}/messages", self.said(**changes))

    def hooks(self) -> list[Any]:
        return [json.loads(push.body) for push in self.hub.pushes if push.body]


@pytest.fixture
async def rig() -> Talking:
    rig = Talking()
    await rig.connects()
    return rig


async def test_a_channel_is_registered_by_the_developer_and_found_again(rig: Talking) -> None:
    found = await rig.do("GET", CHANNELS, **rig.key)
    assert [each["webhookUrl"] for each in found["results"]] == [WORDS]
    changed = await rig.do("PATCH", rig.at, {"webhookUrl": HOOK}, **rig.key)
    assert changed["webhookUrl"] == HOOK
    assert (await rig.refused("GET", CHANNELS))[0] == 401
    assert (await rig.raw("DELETE", rig.at, **rig.key)).status == 204
    assert (await rig.refused("POST", f"{rig.at}/messages", rig.said()))[0] == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threadingModel", "DELIVERY_IDENTFIER_BASED_THREADING"),
        ("deliveryIdentifierTypes", ["TELEGRAM"]),
        ("allowConversationStart", "yes"),
        ("maxFileAttachmentCount", "10"),
        ("colour", "blue"),
    ],
)
async def test_a_wrong_capability_is_named(rig: Talking, name: str, value: Any) -> None:
    body = {"name": "X", "capabilities": CAPABLE | {name: value}}
    status, told = await rig.refused("POST", CHANNELS, body, **rig.key)
    assert status == 400
    assert told["subCategory"] == "CustomChannelsError.INVALID_CHANNEL_CAPABILITY_VALUES"
    assert name in told["context"]["capabilityKeysAndValues"][0]


async def test_only_its_own_application_sees_a_channel(rig: Talking) -> None:
    rig.token = rig.emulator.static_token("acme")
    status, told = await rig.refused("POST", f"{rig.at}/messages", rig.said())
    assert status == 404
    code = "ChannelIntegrationMessagePublishError.CHANNEL_DOES_NOT_EXIST"
    assert told["subCategory"] == code
    rig.switch("static_tokens_reach_channels", value=True)
    assert (await rig.publishes())["text"] == "Hi"


async def test_a_new_channel_appears_after_a_while(rig: Talking) -> None:
    rig.switch("channel_appears_s", value=5.0)
    rig.channel = await rig.registers(name="Another")
    assert (await rig.refused("GET", f"{rig.at}/channel-accounts"))[0] == 404
    await rig.clock.sleep(6)
    assert (await rig.do("GET", f"{rig.at}/channel-accounts"))["total"] == 0


async def test_an_account_is_found_by_its_delivery_identifier(rig: Talking) -> None:
    accounts = f"{rig.at}/channel-accounts"
    query = {"deliveryIdentifierType": OURS["type"], "deliveryIdentifierValue": "ours"}
    assert [each["id"] for each in (await rig.do("GET", accounts, **query))["results"]] == [
        rig.account
    ]
    assert (await rig.do("GET", accounts, deliveryIdentifierValue="theirs"))["total"] == 0
    status, told = await rig.refused("PATCH", f"{accounts}/{rig.account}", {"active": False})
    assert (status, told["subCategory"]) == (
        400,
        "CustomChannelsError.EMPTY_UPDATE_REQUEST_BODY",
    )
    changed = await rig.do("PATCH", f"{accounts}/{rig.account}", {"authorized": False})
    assert changed["authorized"] is False
    await rig.emulator.drain()
    (told,) = rig.hooks()
    assert (told["type"], told["portalId"], told["authorized"]) == (
        "CHANNEL_ACCOUNT_UPDATED",
        str(rig.portal.hub_id),
        False,
    )


async def test_a_message_begins_a_thread_and_the_next_one_joins_it(rig: Talking) -> None:
    first = await rig.publishes()
    second = await rig.publishes(text="And?", integrationIdempotencyId="key-2")
    assert first["conversationsThreadId"] == second["conversationsThreadId"]
    assert (first["createdAt"], first["status"]) == (AT, {"statusType": "RECEIVED"})
    assert first["client"] == {"clientType": "INTEGRATION", "integrationAppId": rig.app.app_id}
    (thread,) = rig.emulator.timeline("acme")
    assert (thread.client_id, thread.contact_id) == ("tg:1", None)
    assert [each.text for each in thread.messages] == ["Hi", "And?"]


@pytest.mark.parametrize("name", ["timestamp", "recipients", "attachments", "messageDirection"])
async def test_what_the_document_requires_is_required(rig: Talking, name: str) -> None:
    bare = {key: value for key, value in rig.said().items() if key != name}
    assert (await rig.refused("POST", f"{rig.at}/messages", bare))[0] == 400
    rig.switch("publish_needs", value="live")
    assert (await rig.raw("POST", f"{rig.at}/messages", bare)).status == 201


@pytest.mark.parametrize(
    ("how", "status", "entries"), [("twice", 201, 2), ("same", 200, 1), ("conflict", 409, 1)]
)
async def test_a_repeated_id_is_taken_in_three_ways(
    rig: Talking, how: str, status: int, entries: int
) -> None:
    rig.switch("repeated_publish", value=how)
    await rig.publishes()
    assert (await rig.raw("POST", f"{rig.at}/messages", rig.said())).status == status
    assert len(rig.emulator.timeline("acme")[0].messages) == entries


async def test_a_thread_is_told_in_the_order_of_what_was_said(rig: Talking) -> None:
    await rig.publishes(text="later", timestamp="2026-11-21T16:00:00.000Z")
    await rig.publishes(text="earlier")
    assert [each.text for each in rig.emulator.timeline("acme")[0].messages] == [
        "earlier",
        "later",
    ]
    rig.switch("messages_sorted_by", value="arrival")
    assert rig.emulator.timeline("acme")[0].messages[0].text == "later"


async def test_an_account_that_is_off_takes_nothing(rig: Talking) -> None:
    rig.emulator.set_account_active("acme", int(rig.account), active=False)
    assert (await rig.refused("POST", f"{rig.at}/messages", rig.said()))[0] == 400
    rig.switch("inactive_account_status", value="404")
    assert (await rig.refused("POST", f"{rig.at}/messages", rig.said()))[0] == 404


async def test_parties_name_the_thread_of_the_other_model() -> None:
    rig = Talking()
    await rig.connects(threadingModel="DELIVERY_IDENTIFIER")
    first = await rig.publishes(integrationThreadId=None)
    second = await rig.publishes(integrationThreadId=None)
    assert first["conversationsThreadId"] == second["conversationsThreadId"]


async def test_a_reply_is_told_once_and_signed(rig: Talking) -> None:
    await rig.publishes()
    rig.hub.statuses = [500]
    rig.emulator.reply("acme", "tg:1", "It ships\ntoday & soon")
    await rig.emulator.drain()
    ((push,), (told,)) = rig.hub.pushes, rig.hooks()
    assert told["type"] == "OUTGOING_CHANNEL_MESSAGE_CREATED"
    assert told["channelIntegrationThreadIds"] == ["tg:1"]
    said = told["message"]
    assert (said["text"], said["richText"]) == (
        "It ships\ntoday & soon",
        "<p>It ships</p><p>today &amp; soon</p>",
    )
    assert (said["senders"][0]["actorId"], said["direction"]) == (
        f"A-{rig.portal.user().id}",
        "OUTGOING",
    )
    assert said["recipients"][0]["deliveryIdentifier"] == ANNA
    at_ms = int(push.headers["x-hubspot-request-timestamp"])
    expected = signing.third(rig.app.client_secret, "POST", WORDS, push.body, at_ms)
    assert push.headers["x-hubspot-signature-v3"] == expected
    (reply,) = rig.emulator.replies
    assert (reply.hook_sent, reply.hook_status) == (True, 500)


async def test_what_became_of_a_reply_is_shown_to_its_author(rig: Talking) -> None:
    await rig.publishes()
    sent = rig.emulator.reply("acme", "tg:1", "Soon").message.id
    at = f"{rig.at}/messages/{sent}"
    await rig.do("PATCH", at, {"statusType": "SENT"})
    told = await rig.do("PATCH", at, {"statusType": "FAILED", "errorMessage": "blocked"})
    assert told["status"]["failureDetails"]["errorMessage"] == "blocked"
    assert (await rig.do("GET", at))["status"]["statusType"] == "FAILED"
    assert (await rig.refused("PATCH", at, {"statusType": "DELIVERED"}))[0] == 400
    (reply,) = rig.emulator.replies
    assert [(each.code, each.error) for each in reply.statuses] == [(1, None), (-1, "blocked")]


async def test_files_of_a_reply_are_named_and_lie_somewhere(rig: Talking) -> None:
    await rig.publishes()
    kept = rig.emulator.upload("acme", "price.pdf", b"pdf")
    rig.emulator.reply_with_files("acme", "tg:1", [kept], text="Here")
    await rig.emulator.drain()
    (file,) = rig.hooks()[0]["message"]["attachments"]
    assert (file["type"], file["fileId"], file["name"]) == ("FILE", kept["id"], "price.pdf")
    assert file["url"]
    (reply,) = rig.emulator.replies
    assert (reply.file_name, len(reply.sha256)) == ("price.pdf", 64)


async def test_a_file_that_is_published_has_to_be_there(rig: Talking) -> None:
    file = {"type": "FILE", "fileId": "404"}
    assert (await rig.refused("POST", f"{rig.at}/messages", rig.said(attachments=[file])))[0] == 400
    file["fileId"] = rig.emulator.upload("acme", "cat.png", b"png")["id"]
    await rig.publishes(attachments=[{**file, "fileUsageType": "IMAGE"}])
    assert rig.emulator.timeline("acme")[0].messages[0].file_name == "cat.png"


@pytest.mark.parametrize("inbox", [INBOX, DATED_INBOX])
async def test_a_thread_is_read_back(rig: Talking, inbox: str) -> None:
    thread = (await rig.publishes())["conversationsThreadId"]
    rig.emulator.reply("acme", thread, "Yes")
    rig.emulator.comment("acme", thread, "for us alone")
    messages = (await rig.do("GET", f"{inbox}/threads/{thread}/messages"))["results"]
    assert {each["type"] for each in messages} == {"MESSAGE", "COMMENT"}
    page = await rig.do("GET", f"{inbox}/threads/{thread}/messages", limit=2)
    rest = await rig.do(
        "GET", f"{inbox}/threads/{thread}/messages", after=page["paging"]["next"]["after"]
    )
    assert [each["id"] for each in (*page["results"], *rest["results"])] == [
        each["id"] for each in messages
    ]
    where = next(iter(rig.portal.talks.inboxes))
    (found,) = (await rig.do("GET", f"{inbox}/threads", inboxId=where))["results"]
    assert (found["id"], found["status"], found["assignedTo"]) == (
        thread,
        "OPEN",
        f"A-{rig.portal.user().id}",
    )


async def test_threads_are_asked_for_in_the_documented_ways_alone(rig: Talking) -> None:
    await rig.publishes()
    assert (await rig.refused("GET", f"{INBOX}/threads", sort="latestMessageTimestamp"))[0] == 400
    assert (await rig.refused("GET", f"{INBOX}/threads", threadStatus="OPEN"))[0] == 400
    asked = {"sort": "latestMessageTimestamp", "latestMessageTimestampAfter": AT}
    assert (await rig.do("GET", f"{INBOX}/threads", **asked))["results"] == []
    asked["latestMessageTimestampAfter"] = "2026-11-21T15:00:00Z"
    assert len((await rig.do("GET", f"{INBOX}/threads", **asked))["results"]) == 1
    assert (await rig.raw("GET", "/conversations/conversations/2026-03/threads")).status == 404


async def test_a_comment_is_told_to_no_channel(rig: Talking) -> None:
    thread = (await rig.publishes())["conversationsThreadId"]
    body = {"type": "COMMENT", "text": "look", "attachments": []}
    made = await rig.do("POST", f"{INBOX}/threads/{thread}/messages", body)
    assert made["type"] == "COMMENT"
    await rig.emulator.drain()
    assert rig.hooks() == []
    (thread,) = rig.emulator.timeline("acme")
    assert [each.text for each in thread.messages if each.is_system] == ["look"]


async def test_a_message_of_the_inbox_needs_an_agent(rig: Talking) -> None:
    thread = (await rig.publishes())["conversationsThreadId"]
    at = f"{INBOX}/threads/{thread}/messages"
    body = {
        "type": "MESSAGE",
        "text": "Yes",
        "recipients": [],
        "channelId": rig.channel,
        "channelAccountId": rig.account,
        "attachments": [],
    }
    assert (await rig.refused("POST", at, {**body, "senderActorId": "V-1"}))[0] == 400
    status, told = await rig.refused("POST", at, {**body, "senderActorId": "A-404"})
    assert (status, told["subCategory"]) == (400, "ConversationsApiError.SENDER_AGENT_NOT_FOUND")
    await rig.do("POST", at, {**body, "senderActorId": rig.portal.user().actor})
    await rig.emulator.drain()
    assert [each["type"] for each in rig.hooks()] == ["OUTGOING_CHANNEL_MESSAGE_CREATED"]


async def test_people_are_known_by_their_actors(rig: Talking) -> None:
    user = rig.portal.user()
    asked = {"inputs": [user.actor, "V-900001", "A-404", "I-7"]}
    found = (await rig.do("POST", f"{INBOX}/actors/batch/read", asked))["results"]
    assert [each["type"] for each in found] == ["AGENT", "VISITOR", "INTEGRATOR"]
    assert (await rig.do("GET", f"{INBOX}/actors/{user.actor}"))["name"] == "Olga Petrova"


async def test_a_staged_account_is_finished_once_by_the_page_of_the_channel(rig: Talking) -> None:
    await rig.do("PATCH", rig.at, {"channelAccountConnectionRedirectUrl": HOOK}, **rig.key)
    await rig.emulator.connect_account("acme", int(rig.channel))
    (token,) = rig.portal.talks.staging
    assert f"accountToken={token}" in rig.hub.pushes[-1].url
    at = f"{rig.at}/channel-account-staging-tokens/{token}"
    with pytest.raises(LookupError):
        rig.emulator.return_from_channel("acme", token)
    await rig.do("PATCH", at, {"accountName": "@two", "deliveryIdentifier": OURS})
    assert (await rig.refused("PATCH", at, {"accountName": "@two"}))[0] == 409
    made = rig.emulator.return_from_channel("acme", token)
    await rig.emulator.drain()
    assert (made.name, rig.hooks()[-1]["type"]) == ("@two", "CHANNEL_ACCOUNT_CREATED")


async def test_a_closed_thread_opens_again_and_a_deleted_one_does_not(rig: Talking) -> None:
    first = (await rig.publishes())["conversationsThreadId"]
    rig.emulator.close_thread("acme", first)
    assert (await rig.publishes())["conversationsThreadId"] == first
    rig.emulator.delete_thread("acme", first)
    assert (await rig.publishes())["conversationsThreadId"] != first
    status, told = await rig.refused("GET", f"{INBOX}/threads/{first}")
    code = "ConversationsResourceNotFoundError.THREAD_NOT_FOUND"
    assert (status, told["subCategory"]) == (404, code)


async def test_a_thread_of_a_help_desk_is_a_ticket(rig: Talking) -> None:
    desk = rig.emulator.add_inbox("acme", "Support", kind="HELP_DESK")
    contact = rig.emulator.add_contact("acme", "Anna", phone="+79161234567")
    made = {"inboxId": str(desk.id), "name": "@desk", "authorized": True}
    account = await rig.do("POST", f"{rig.at}/channel-accounts", made)
    said = await rig.publishes(channelAccountId=account["id"], associateWithContactId=contact.id)
    thread = said["conversationsThreadId"]
    told = await rig.do("GET", f"{INBOX}/threads/{thread}", association="TICKET")
    (ticket,) = rig.emulator.tickets("acme")
    assert told["threadAssociations"] == {"associatedTicketId": str(ticket["id"])}
    assert ticket["tied"]["contacts"] == [contact.id]
    assert told["associatedContactId"] == str(contact.id)


@pytest.mark.parametrize(
    ("how", "first", "later"),
    [("new_thread", True, False), ("any_thread", True, True), ("never", False, False)],
)
async def test_what_ties_a_thread_to_a_contact_is_a_switch(
    rig: Talking, how: str, first: bool, later: bool
) -> None:
    rig.switch("contact_association", value=how)
    contact = rig.emulator.add_contact("acme", "Anna")
    await rig.publishes(associateWithContactId=contact.id)
    await rig.publishes(integrationThreadId="tg:2")
    await rig.publishes(integrationThreadId="tg:2", associateWithContactId=contact.id)
    tied = [each.contact_id == contact.id for each in rig.emulator.timeline("acme")]
    assert tied == [first, later]
