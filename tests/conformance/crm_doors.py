"""The promises about what comes through a CRM's doors, and what it means."""

import pytest
from hypothesis import given

from mappers.vocabulary import Arrival, ForgedWebhook, MalformedWebhook, Reading
from tests.conformance.bench import bodies, json_values, on_a_bench
from tests.conformance.crm_bench import Bench
from tests.port import NOON


class DoorPromises:
    def test_a_forged_webhook_is_refused(self, bench: Bench) -> None:
        assert any(entrance.forged for entrance in bench.entrances)
        for entrance in bench.entrances:
            assert entrance.parcels(entrance.told)
            for hook in entrance.forged:
                with pytest.raises(ForgedWebhook):
                    entrance.door.receive(hook)

    def test_the_same_event_has_the_same_key_and_another_event_another(self, bench: Bench) -> None:
        for entrance in bench.entrances:
            first, again = entrance.parcels(entrance.told), entrance.parcels(entrance.told)
            other = entrance.parcels(entrance.told_unknown)
            assert [parcel.key for parcel in first] == [parcel.key for parcel in again]
            assert not {parcel.key for parcel in first} & {parcel.key for parcel in other}

    @given(body=bodies())
    @on_a_bench
    def test_garbage_at_the_doors_is_refused_and_nothing_worse(
        self, bench: Bench, body: bytes
    ) -> None:
        for entrance in bench.entrances:
            try:
                parcels = entrance.parcels(body)
            except (ForgedWebhook, MalformedWebhook):
                continue
            assert all(parcel.key and "\0" not in parcel.key for parcel in parcels)

    def test_reading_twice_gives_the_same_events(self, bench: Bench) -> None:
        for entrance in bench.entrances:
            for parcel in entrance.parcels(entrance.told):
                first, second = bench.read(parcel), bench.read(parcel)
                assert first == second
                assert first.events

    def test_an_unknown_event_is_named_not_raised(self, bench: Bench) -> None:
        for entrance in bench.entrances:
            for parcel in entrance.parcels(entrance.told_unknown):
                reading = bench.read(parcel)
                assert reading.ignored
                assert not reading.events

    @given(body=bodies(), value=json_values())
    @on_a_bench
    def test_reading_anything_ends_in_a_reading_or_a_refusal(
        self, bench: Bench, body: bytes, value: object
    ) -> None:
        forms = {parcel.form for each in bench.entrances for parcel in each.parcels(each.told)}
        for form in {"", "history", *forms}:
            try:
                reading = bench.crm.read(Arrival(body=body, form=form, received_at=NOON))
            except (ValueError, MalformedWebhook) as error:
                told = str(error)
            else:
                assert isinstance(reading, Reading)
                told = ""
            assert len(told) < 1000  # it does not repeat what it could not read
