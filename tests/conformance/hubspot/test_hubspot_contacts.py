"""Contacts of HubSpot: whose an address is, who was merged into whom, and what holds our key."""

from dataclasses import replace
from typing import Any

import pytest

from crm_clients.emulators.hubspot import HubSpotEmulator
from crm_clients.hubspot import HubSpot
from crm_clients.hubspot.markers import MARKER, keep_markers
from crm_clients.hubspot.rest import Rest
from mappers.vocabulary import Blocked, Identity, IdentityKind, RecordDraft
from tests.conformance.crm_bench import DRAFT, EMAIL, PHONE, Bench, refusal
from tests.conformance.hubspot_scene import ACME, CONTACT, adapter_of, parts_of, with_config


def by(kind: IdentityKind, value: str) -> Identity:
    return Identity(kind=kind, value=value, evidence="typed")


async def found(crm: HubSpot, kind: IdentityKind, value: str) -> set[str]:
    return {each.id for each in await crm.find_records(by(kind, value))}


@pytest.mark.parametrize("words", ["with_id", "without_id"])
async def test_whose_an_address_is_is_who_is_meant(
    emulator: HubSpotEmulator, crm: HubSpot, words: str
) -> None:
    emulator.switches.set("email_conflict", words)
    there = emulator.add_contact(ACME, "Пётр", email=EMAIL)
    assert await crm.create_record(DRAFT, key="record-1") == str(there.id)
    assert len(emulator.contacts(ACME)) == 1


async def test_a_second_address_of_somebodys_finds_them_and_is_nobody_elses(
    emulator: HubSpotEmulator, crm: HubSpot
) -> None:
    more = {"email": "first@example.com", "hs_additional_emails": EMAIL}
    there = emulator.add_record(ACME, CONTACT, more)
    assert await found(crm, IdentityKind.EMAIL, EMAIL) == {str(there.id)}
    assert await crm.create_record(DRAFT, key="record-1") == str(there.id)


@pytest.mark.parametrize("status", ["409", "400"])
async def test_an_address_of_somebody_elses_is_left_to_them_and_the_rest_is_added(
    emulator: HubSpotEmulator, crm: HubSpot, status: str
) -> None:
    emulator.switches.set("patched_email_conflict", status)
    emulator.add_contact(ACME, "Анна", email=EMAIL)
    record = await crm.create_record(RecordDraft(name="Пётр"), key="record-1")
    await crm.add_to_record(record, RecordDraft(name="", phones=(PHONE,), emails=(EMAIL,)))
    kept = await crm.get_record(record)
    assert kept is not None
    assert (kept.phones, kept.emails) == ((PHONE,), ())


async def test_where_other_addresses_may_not_be_written_the_first_one_is(
    emulator: HubSpotEmulator, crm: HubSpot
) -> None:
    emulator.switches.more_emails_writable = False
    two = replace(DRAFT, emails=(EMAIL, "q@example.com"))
    record = await crm.create_record(two, key="record-1")
    await crm.add_to_record(record, replace(two, phones=("+79160000000",)))
    kept = await crm.get_record(record)
    assert kept is not None
    assert (kept.phones, kept.emails) == ((PHONE, "+79160000000"), (EMAIL,))


async def test_somebody_without_a_name_is_called_by_their_phone(crm: HubSpot) -> None:
    for key, phones, name in (("r-1", (PHONE,), PHONE), ("r-2", (), "?")):
        kept = await crm.get_record(
            await crm.create_record(RecordDraft(name="", phones=phones), key=key)
        )
        assert kept is not None
        assert kept.name == name


async def test_an_address_that_is_none_keeps_nobody_from_being_made(crm: HubSpot) -> None:
    record = await crm.create_record(replace(DRAFT, emails=("not an address",)), key="record-1")
    kept = await crm.get_record(record)
    assert kept is not None
    assert kept.emails == ()


async def test_a_creation_that_is_repeated_is_the_same_contact(
    emulator: HubSpotEmulator, crm: HubSpot
) -> None:
    nameless = replace(DRAFT, emails=())
    first = await crm.create_record(nameless, key="record-1")
    assert await crm.create_record(replace(nameless, name="Другой"), key="record-1") == first
    (kept,) = emulator.contacts(ACME)
    assert kept["name"] == DRAFT.name
    assert await crm.create_record(nameless, key="record-2") != first


@pytest.mark.parametrize("spelt", ["+7 915 111-22-33", "8 (915) 111-22-33", "79151112233"])
async def test_a_phone_is_found_however_people_spelt_it(
    emulator: HubSpotEmulator, crm: HubSpot, spelt: str
) -> None:
    there = emulator.add_contact(ACME, "Пётр", phone=spelt)
    emulator.add_contact(ACME, "Анна", phone="+79150000000")
    assert await found(crm, IdentityKind.PHONE, PHONE) == {str(there.id)}


async def test_of_several_contacts_it_is_told_who_has_deals(
    emulator: HubSpotEmulator, crm: HubSpot
) -> None:
    one, two = (emulator.add_contact(ACME, name, phone=PHONE) for name in ("Пётр", "Анна"))
    of_deal = {"dealname": "Диван", "dealstage": "appointmentscheduled"}
    deal = emulator.add_record(ACME, "deals", of_deal, tied_to=((CONTACT, two.id),))
    records = await crm.find_records(by(IdentityKind.PHONE, PHONE))
    assert {each.id: each.deals for each in records} == {
        str(one.id): (),
        str(two.id): (str(deal.id),),
    }


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("anew", [True, False])
async def test_a_contact_that_was_merged_is_gone_and_lives_on_in_another(
    emulator: HubSpotEmulator, crm: HubSpot, answers: bool, anew: bool
) -> None:
    emulator.switches.set("merged_id_answers", answers)
    emulator.switches.set("merge_makes_new", anew)
    old = await crm.create_record(DRAFT, key="record-1")
    other = emulator.add_contact(ACME, "Пётр Старый")
    left = emulator.merge_records(ACME, other.id, int(old))
    assert await crm.get_record(old) is None
    assert await crm.find_survivor(old, ()) == str(left.id)
    assert await crm.find_survivor(str(left.id), ()) is None


async def test_a_contact_that_is_just_gone_lives_on_nowhere(
    emulator: HubSpotEmulator, crm: HubSpot
) -> None:
    record = await crm.create_record(DRAFT, key="record-1")
    emulator.delete_record(ACME, CONTACT, int(record))
    assert await crm.find_survivor(record, ()) is None


async def test_without_the_property_that_holds_our_key_nothing_is_made(
    emulator: HubSpotEmulator, bench: Bench
) -> None:
    crm = adapter_of(with_config(bench, record_marker=""))
    error = await refusal(crm.create_record(DRAFT, key="record-1"))
    assert error.failure == Blocked(code="hubspot.no_marker", by="provider")
    assert emulator.contacts(ACME) == ()


def markers_of(emulator: HubSpotEmulator, kind: str) -> list[str]:
    return [name for name in emulator.world.portal(ACME).crm.properties[kind] if name == MARKER]


async def kept_by(bench: Bench) -> dict[str, Any]:
    application, config = parts_of(bench)
    return dict(await keep_markers(Rest(config, application, bench.http)))


async def test_properties_of_ours_are_made_once_and_found_again(
    emulator: HubSpotEmulator, bench: Bench
) -> None:
    kept = await kept_by(bench)
    assert kept == await kept_by(bench)
    assert (kept["record_marker"], kept["deal_marker"]) == (MARKER, MARKER)
    assert ("closedwon", "won") in kept["closing_stages"]
    assert ("closedlost", "lost") in kept["closing_stages"]
    known = emulator.world.portal(ACME).crm.properties[CONTACT][MARKER]
    assert known.is_unique


async def test_a_property_of_our_name_that_is_not_unique_is_not_ours(
    emulator: HubSpotEmulator, bench: Bench
) -> None:
    del emulator.world.portal(ACME).crm.properties[CONTACT][MARKER]
    emulator.add_property(ACME, CONTACT, MARKER, "string", "text")
    kept = await kept_by(bench)
    assert (kept["record_marker"], kept["deal_marker"]) == ("", MARKER)


async def test_where_no_property_may_be_made_there_is_none(
    emulator: HubSpotEmulator, bench: Bench
) -> None:
    del emulator.world.portal(ACME).crm.properties[CONTACT][MARKER]
    emulator.switches.schemas_writable = False
    assert (await kept_by(bench))["record_marker"] == ""
