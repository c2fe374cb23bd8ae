"""The emulated HubSpot under a client that others wrote: hubspot-api-client, on the old paths."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hubspot import HubSpot
from hubspot.crm import associations, contacts, properties
from hubspot.crm.associations.v4 import AssociationSpec
from hubspot.crm.objects import notes
from hubspot.oauth.exceptions import ApiException as OAuthException

from channel_clients.emulators.stage import serving
from tests.emulators.hubspot_scene import CALLBACK, Rig

TO_CONTACT = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def driven(rig: Rig, drive: Callable[[HubSpot], None]) -> None:
    """Let a client that blocks talk to the emulator in the application's name."""
    async with serving(rig.emulator.app) as base:
        await asyncio.to_thread(drive, HubSpot(access_token=rig.token, host=base))


async def test_the_client_makes_finds_and_changes_contacts(rig: Rig) -> None:
    rig.switch("search_lag_s", 0.0)

    def drive(client: HubSpot) -> None:
        api = client.crm.contacts
        sent = {"properties": {"firstname": "Anna", "email": "anna@example.com"}}
        made = api.basic_api.create(contacts.SimplePublicObjectInputForCreate(**sent))
        assert made.properties["hs_object_id"] == made.id
        with pytest.raises(contacts.ApiException) as known:
            api.basic_api.create(contacts.SimplePublicObjectInputForCreate(**sent))
        assert (known.value.status, made.id in str(known.value.body)) == (409, True)
        changed = contacts.SimplePublicObjectInput(properties={"city": "Riga"})
        api.basic_api.update("anna@example.com", changed, id_property="email")
        told = api.basic_api.get_by_id(made.id, properties=["city"])
        assert (told.properties["city"], told.archived) == ("Riga", False)
        assert told.created_at.year == 2026
        same = {"propertyName": "email", "operator": "EQ", "value": "anna@example.com"}
        asked = contacts.PublicObjectSearchRequest(filter_groups=[{"filters": [same]}])
        assert [each.id for each in api.search_api.do_search(asked).results] == [made.id]
        api.basic_api.archive(made.id)
        with pytest.raises(contacts.ApiException) as gone:
            api.basic_api.get_by_id(made.id)
        assert gone.value.status == 404

    await driven(rig, drive)


async def test_the_client_reads_every_page(rig: Rig) -> None:
    for number in range(205):
        rig.emulator.add_contact("acme", f"Anna {number}")

    def drive(client: HubSpot) -> None:
        assert len(client.crm.contacts.get_all()) == 205

    await driven(rig, drive)


async def test_the_client_upserts_by_a_property_that_it_makes(rig: Rig) -> None:
    def drive(client: HubSpot) -> None:
        definition = properties.PropertyCreate(
            name="mw_key",
            label="Key",
            group_name="contactinformation",
            type="string",
            field_type="text",
            has_unique_value=True,
        )
        made = client.crm.properties.core_api.create("contacts", definition)
        assert (made.has_unique_value, made.modification_metadata.read_only_value) == (True, False)
        one = contacts.SimplePublicObjectBatchInputUpsert(
            id="k1", id_property="mw_key", properties={"firstname": "Anna"}
        )
        batch = contacts.BatchInputSimplePublicObjectBatchInputUpsert(inputs=[one])
        answers = [client.crm.contacts.batch_api.upsert(batch).results[0] for _ in range(2)]
        assert [each.new for each in answers] == [True, False]
        assert answers[0].id == answers[1].id

    await driven(rig, drive)


async def test_the_client_writes_notes_with_ties_and_reads_them_back(rig: Rig) -> None:
    anna = str(rig.emulator.add_contact("acme", "Anna").id)
    deal = {"dealname": "X", "dealstage": "closedwon"}
    other = str(rig.emulator.add_record("acme", "deals", deal).id)

    def drive(client: HubSpot) -> None:
        made = client.crm.objects.notes.basic_api.create(
            notes.SimplePublicObjectInputForCreate(
                properties={"hs_timestamp": "1772366400000", "hs_note_body": "Hi"},
                associations=[{"to": {"id": anna}, "types": [TO_CONTACT]}],
            )
        )
        api = client.crm.associations.v4
        (row,) = api.basic_api.get_page("contacts", anna, "notes").results
        assert (str(row.to_object_id), row.association_types[0].type_id) == (made.id, 201)
        spec = AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=3)
        api.basic_api.create("deals", other, "contacts", anna, [spec])
        asked = associations.v4.BatchInputPublicFetchAssociationsBatchRequest(
            inputs=[{"id": other}]
        )
        (found,) = api.batch_api.get_page("deals", "contacts", asked).results
        assert [str(each.to_object_id) for each in found.to] == [anna]
        api.basic_api.archive("deals", other, "contacts", anna)
        assert api.basic_api.get_page("deals", other, "contacts").results == []

    await driven(rig, drive)


async def test_the_client_reads_owners_pipelines_and_the_account(rig: Rig) -> None:
    def drive(client: HubSpot) -> None:
        olga, _ = client.crm.owners.owners_api.get_page().results
        assert (olga.id, olga.user_id, olga.first_name) == ("7001", 2001, "Olga")
        (pipeline,) = client.crm.pipelines.pipelines_api.get_all("deals").results
        assert pipeline.stages[-1].metadata["isClosed"] == "true"
        listed = client.crm.properties.core_api.get_all("contacts").results
        assert "email" in [each.name for each in listed]

    await driven(rig, drive)


async def test_the_client_lays_files_down(rig: Rig, tmp_path: Path) -> None:
    sent = tmp_path / "invoice.pdf"
    sent.write_bytes(b"%PDF \r\n--b")

    def drive(client: HubSpot) -> None:
        options = '{"access": "PRIVATE"}'
        api = client.files.files_api
        made = api.upload(file=str(sent), folder_path="/threadline", options=options)
        assert (made.name, made.size, made.type) == ("invoice", 10, "DOCUMENT")
        assert api.get_signed_url(made.id).url.startswith("https://hubspot.example/hubfs/")

    await driven(rig, drive)


async def test_the_client_trades_a_code_and_renews(rig: Rig) -> None:
    code = rig.emulator.consent("acme", rig.app.client_id)
    ours = {"client_id": rig.app.client_id, "client_secret": rig.app.client_secret}

    def drive(client: HubSpot) -> None:
        api = client.oauth.tokens_api
        first = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        pair = api.create(**first, **ours)
        assert pair.expires_in == 1800
        told = client.oauth.access_tokens_api.get(pair.access_token)
        assert (told.hub_id, told.app_id) == (rig.portal.hub_id, rig.app.app_id)
        again = {"grant_type": "refresh_token", "refresh_token": pair.refresh_token}
        assert api.create(**again, **ours).access_token != pair.access_token
        with pytest.raises(OAuthException) as spent:
            api.create(**first, **ours)
        assert "BAD_AUTH_CODE" in str(spent.value.body)

    await driven(rig, drive)
