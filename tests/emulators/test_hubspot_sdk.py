"""The emulated HubSpot under the SDK that HubSpot writes now, on dated paths.

It reads every answer strictly, so one that lacks what it should have fails. Association ids are
strings to it, as they are in the specification. It asks for tokens with JSON, which the token
endpoint, a form's, does not read: tokens are none of its tests.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hubspot_sdk import (
    AsyncHubSpot,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
)

from channel_clients.emulators.stage import serving
from tests.emulators.hubspot_scene import HOOK, Rig

KEY: Any = {
    "name": "mw_key",
    "label": "Key",
    "group_name": "contactinformation",
    "type": "string",
    "field_type": "text",
    "has_unique_value": True,
}
OURS: Any = {"type": "CHANNEL_SPECIFIC_OPAQUE_ID", "value": "tl:1"}
THEIRS: Any = {"type": "CHANNEL_SPECIFIC_OPAQUE_ID", "value": "tg:7"}
# The specification knows no null among properties, though it is what is told of unset ones.
WHOLE = {"firstname": "Anna", "lastname": "K", "email": "anna@example.com"}
TO_CONTACT: Any = {"association_category": "HUBSPOT_DEFINED", "association_type_id": 202}


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.switch("search_lag_s", 0.0)
    rig.switch("association_ids", "strings")
    return rig


@pytest.fixture
async def sdk(rig: Rig) -> AsyncIterator[AsyncHubSpot]:
    async with (
        serving(rig.emulator.app) as base,
        AsyncHubSpot(
            access_token=rig.token,
            developer_api_key=rig.app.developer_key,
            base_url=base,
            max_retries=0,
            _strict_response_validation=True,
        ) as sdk,
    ):
        yield sdk


async def test_it_makes_finds_and_merges_contacts(sdk: AsyncHubSpot) -> None:
    contacts = sdk.crm.objects.contacts
    made = await contacts.create(associations=[], properties=WHOLE)
    with pytest.raises(ConflictError) as known:
        await contacts.create(associations=[], properties=WHOLE)
    assert made.id in str(known.value)
    same: Any = {"propertyName": "email", "operator": "EQ", "value": "anna@example.com"}
    found = await contacts.search(
        after="0", filter_groups=[{"filters": [same]}], limit=10, properties=["email"], sorts=[]
    )
    assert [each.id for each in found.results] == [made.id]
    other = await contacts.create(associations=[], properties={**WHOLE, "email": "k@example.com"})
    left = await contacts.merge(primary_object_id=made.id, object_id_to_merge=other.id)
    assert (left.id, (await contacts.get(contact_id=other.id)).id) == (made.id, made.id)
    await contacts.delete(contact_id=made.id)
    with pytest.raises(NotFoundError):
        await contacts.get(contact_id=made.id)


async def test_it_upserts_by_a_property_that_it_makes(sdk: AsyncHubSpot) -> None:
    made = await sdk.crm.properties.create(object_type="contacts", **KEY)
    assert made.has_unique_value is True
    inputs: Any = [{"id": "k1", "id_property": "mw_key", "properties": WHOLE}]
    upsert = sdk.crm.objects.contacts.batch.upsert
    answers = [(await upsert(inputs=inputs)).results[0] for _ in range(2)]
    assert [each.new for each in answers] == [True, False]


async def test_it_writes_notes_with_ties_and_reads_them_back(rig: Rig, sdk: AsyncHubSpot) -> None:
    anna = str(rig.emulator.add_contact("acme", "Anna").id)
    note = await sdk.crm.objects.notes.create(
        properties={"hs_timestamp": "1772366400000", "hs_note_body": "Hi"},
        associations=[{"to": {"id": anna}, "types": [TO_CONTACT]}],
    )
    ties = sdk.crm.associations
    tied = await ties.list(object_type="contacts", object_id=anna, to_object_type="notes")
    assert [each.to_object_id for each in tied.results] == [note.id]
    read = await sdk.crm.objects.notes.batch.get(
        inputs=[{"id": note.id}], properties=["hs_note_body"], properties_with_history=[]
    )
    assert read.results[0].properties["hs_note_body"] == "Hi"
    pair: Any = {"from": {"id": note.id}, "to": {"id": anna}, "types": [TO_CONTACT]}
    made = await ties.batch.create(
        inputs=[pair], from_object_type="notes", to_object_type="contacts"
    )
    assert made.results[0].to_object_id == anna


async def test_it_reads_owners_pipelines_and_the_account(rig: Rig, sdk: AsyncHubSpot) -> None:
    owners = await sdk.crm.owners.list()
    assert [each.user_id for each in owners.results] == [2001, 2002]
    pipelines = await sdk.crm.pipelines.list(object_type="tickets")
    assert pipelines.results[0].stages[-1].metadata["ticketState"] == "CLOSED"
    assert (await sdk.account.get()).portal_id == rig.portal.hub_id


async def test_it_lays_files_down(sdk: AsyncHubSpot) -> None:
    made = await sdk.files.file_assets.upload(
        file=("invoice.pdf", b"%PDF"), folder_path="/threadline", options='{"access": "PRIVATE"}'
    )
    assert (made.name, made.size, made.type) == ("invoice", 4, "DOCUMENT")
    signed = await sdk.files.file_assets.get_signed_url(file_id=made.id)
    assert "signature=" in signed.url


async def test_it_knows_what_it_is_refused_for(rig: Rig, sdk: AsyncHubSpot) -> None:
    refusals: Any = {
        "ten_secondly_limit": RateLimitError,
        "expired_token": AuthenticationError,
        "scopes_missing": PermissionDeniedError,
        "rule_of_the_admin": BadRequestError,
        "no_answer_in_100_s_before": InternalServerError,
    }
    for fault, kind in refusals.items():
        rig.emulator.stage.arm(fault)
        with pytest.raises(kind):
            await sdk.account.get()


async def test_it_registers_a_channel_and_publishes(rig: Rig, sdk: AsyncHubSpot) -> None:
    inbox = rig.emulator.add_inbox("acme", "Support")
    channel = await sdk.conversations.custom_channels.create(
        name="Telegram",
        webhook_url=HOOK,
        capabilities={
            "threadingModel": "INTEGRATION_THREAD_ID",
            "deliveryIdentifierTypes": ["CHANNEL_SPECIFIC_OPAQUE_ID"],
        },
    )
    number: Any = int(channel.id)
    account = await sdk.conversations.custom_channels.channel_accounts.create(
        channel_id=number,
        inbox_id=str(inbox.id),
        name="bot",
        authorized=True,
        delivery_identifier=OURS,
    )
    said = await sdk.conversations.custom_channels.messages.create(
        channel_id=number,
        text="Hi",
        message_direction="INCOMING",
        channel_account_id=account.id,
        integration_thread_id="tg-7",
        timestamp="2026-03-01T12:00:00.000Z",
        senders=[{"delivery_identifier": THEIRS, "name": "Anna"}],
        recipients=[{"delivery_identifier": OURS}],
        attachments=[],
    )
    assert (said.text, said.direction) == ("Hi", "INCOMING")
