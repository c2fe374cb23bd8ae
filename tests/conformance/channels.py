"""The promises that every channel keeps.

A channel's test module supplies a `Bench` and inherits `ChannelPromises`. A mistake of one adapter
that another could make becomes a promise here.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from pydantic import BaseModel

from channel_clients.contract import (
    Channel,
    ChannelManifest,
    Deletes,
    Edits,
    Probing,
    Reacts,
    ShowsTyping,
)
from mappers.vocabulary import (
    Arrival,
    ForgedWebhook,
    MalformedWebhook,
    MessageArrived,
    Outgoing,
    Parcel,
    ProviderError,
    Reading,
    Receipt,
    Webhook,
)
from mappers.vocabulary.adapters import (
    Diagnoses,
    Door,
    Polls,
    SetsUp,
    TakenBySomeoneElse,
)
from tests.conformance.bench import bodies, forgeries, on_a_bench, secrets_of
from tests.port import NOON, LoopbackHttp

OTHERS = "https://crm.example.com/telegram/hook?key=sesame"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One provider on the test bench: adapter, emulator, and specimens of its traffic.

    `sign` makes of a body what the provider would send; `proofs` names the headers that prove it.
    `faults` maps each way a send can fail, in the emulator's words, to the kind of failure that it
    must become, in ours; `elsewhere` names the faults that no send can meet.
    `speak` lets a customer say something; `occupy` gives the account's events to another address,
    and `receiver` tells whose they are.
    """

    manifest: ChannelManifest
    config: BaseModel
    application: BaseModel | None = None
    http: LoopbackHttp
    sign: Callable[[bytes], Webhook]
    proofs: tuple[str, ...]
    told: bytes
    told_unknown: bytes
    outgoing: Outgoing
    faults: Mapping[str, str]
    elsewhere: frozenset[str]
    known_faults: frozenset[str]
    arm: Callable[[str], None]
    speak: Callable[[str], object]
    address: str
    occupy: Callable[[str], Awaitable[object]]
    receiver: Callable[[], str]

    @property
    def channel(self) -> Channel:
        return self.manifest.build(self.config, self.application, self.http)

    @property
    def door(self) -> Door:
        return self.manifest.door(self.config, self.application)

    def parcels(self, body: bytes) -> tuple[Parcel, ...]:
        return self.door.receive(self.sign(body)).parcels

    def read(self, parcel: Parcel) -> Reading:
        return self.channel.read(arrival_of(parcel))

    def with_changes(self, changes: Mapping[str, Any]) -> "Bench":
        """The bench as it is once the hub has stored what `set_up` asked it to keep."""
        config = self.manifest.config.model_validate({**self.config.model_dump(), **changes})
        return replace(self, config=config)


def arrival_of(parcel: Parcel) -> Arrival:
    return Arrival(body=parcel.body, form=parcel.form, received_at=NOON)


async def refusal(attempt: Awaitable[object]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await attempt
    return caught.value


class ChannelPromises:
    # The door

    def test_a_forged_webhook_is_refused(self, bench: Bench) -> None:
        signed = bench.sign(bench.told)
        assert bench.door.receive(signed).parcels
        for headers in forgeries(signed.headers, bench.proofs):
            with pytest.raises(ForgedWebhook):
                bench.door.receive(replace(signed, headers=headers, query={}))

    def test_a_door_without_its_secrets_stays_shut(self, bench: Bench) -> None:
        required = {
            name
            for name, field in bench.manifest.config.model_fields.items()
            if field.is_required()
        }
        kept = {name: value for name, value in bench.config if name in required}
        door = bench.manifest.door(bench.manifest.config(**kept), bench.application)
        spoken = bench.sign(bench.told)
        empty = replace(spoken, headers=dict.fromkeys(bench.proofs, ""))
        for hook in (spoken, replace(spoken, headers={}), empty):
            with pytest.raises(ForgedWebhook):
                door.receive(hook)

    def test_the_same_event_has_the_same_key_and_another_event_another(self, bench: Bench) -> None:
        first, again = bench.parcels(bench.told), bench.parcels(bench.told)
        other = bench.parcels(bench.told_unknown)
        assert [parcel.key for parcel in first] == [parcel.key for parcel in again]
        assert not {parcel.key for parcel in first} & {parcel.key for parcel in other}

    @given(body=bodies())
    @on_a_bench
    def test_garbage_at_the_door_is_refused_and_nothing_worse(
        self, bench: Bench, body: bytes
    ) -> None:
        try:
            received = bench.door.receive(bench.sign(body))
        except (ForgedWebhook, MalformedWebhook):
            return
        assert all(parcel.key for parcel in received.parcels)

    # Reading

    def test_reading_twice_gives_the_same_events(self, bench: Bench) -> None:
        for parcel in bench.parcels(bench.told):
            first, second = bench.read(parcel), bench.read(parcel)
            assert first == second
            assert first.events

    def test_origins_do_not_collide(self, bench: Bench) -> None:
        readings = [bench.read(parcel) for parcel in bench.parcels(bench.told)]
        events = [event for reading in readings for event in reading.events]
        origins = [event.message.origin for event in events if isinstance(event, MessageArrived)]
        assert origins
        assert len(origins) == len(set(origins))
        assert {origin.provider for origin in origins} == {bench.manifest.name}
        assert {origin.account for origin in origins} <= set(bench.manifest.accounts(bench.config))

    def test_an_unknown_event_is_named_not_raised(self, bench: Bench) -> None:
        (parcel,) = bench.parcels(bench.told_unknown)
        reading = bench.read(parcel)
        assert reading.ignored
        assert not reading.events

    # What Hypothesis says of a body too large to show is no failure of the reading.
    @pytest.mark.filterwarnings("ignore:Generating overly large repr")
    @given(body=bodies())
    @on_a_bench
    def test_reading_anything_ends_in_a_reading_or_a_refusal(
        self, bench: Bench, body: bytes
    ) -> None:
        for form in {"", *(parcel.form for parcel in bench.parcels(bench.told))}:
            try:
                reading = bench.channel.read(Arrival(body=body, form=form, received_at=NOON))
            except ValueError:
                continue
            assert isinstance(reading, Reading)

    # Sending

    async def test_an_accepted_message_comes_back_with_an_id(self, bench: Bench) -> None:
        receipt = await bench.channel.send(bench.outgoing)
        assert receipt.provider_ids
        assert all(receipt.provider_ids)
        assert receipt.status == bench.manifest.can.accepted

    async def test_two_messages_have_two_ids(self, bench: Bench) -> None:
        first = await bench.channel.send(bench.outgoing)
        second = await bench.channel.send(replace(bench.outgoing, key="another"))
        assert not set(first.provider_ids) & set(second.provider_ids)

    async def test_a_text_of_exactly_the_limit_is_accepted(
        self, bench: Bench, subtests: pytest.Subtests
    ) -> None:
        can = bench.manifest.can
        width = {"code_points": 1, "utf16": 2, "bytes": 4}[can.text_unit]
        for letter, units in (("x", 1), ("😀", width)):
            with subtests.test(letter=letter):
                text = letter * (can.text_limit // units)
                sent = await bench.channel.send(replace(bench.outgoing, text=text, key=letter))
                assert isinstance(sent, Receipt)

    async def test_every_fault_is_recognised(self, bench: Bench, subtests: pytest.Subtests) -> None:
        needed = {"permanent", "rate_limited", "auth_expired", "blocked"}
        doubt = "transient" if bench.manifest.can.repeatable else "ambiguous"
        assert set(bench.faults.values()) >= needed | {doubt}
        for fault, kind in bench.faults.items():
            with subtests.test(fault=fault):
                bench.arm(fault)
                error = await refusal(bench.channel.send(bench.outgoing))
                assert error.failure.kind == kind

    def test_no_fault_of_the_emulator_is_forgotten(self, bench: Bench) -> None:
        assert bench.known_faults == bench.faults.keys() | bench.elsewhere

    async def test_a_send_is_repeatable_only_if_the_manifest_says_so(self, bench: Bench) -> None:
        await bench.channel.send(bench.outgoing)
        assert {call.repeatable for call in bench.http.calls} == {bench.manifest.can.repeatable}

    async def test_repeating_an_edit_a_reaction_or_a_deletion_is_harmless(
        self, bench: Bench
    ) -> None:
        channel = bench.channel
        sent = (await channel.send(bench.outgoing)).provider_ids[0]
        if isinstance(channel, Edits):
            for _ in range(2):
                await channel.edit(sent, replace(bench.outgoing, text="исправлено"))
        if isinstance(channel, Reacts):
            for emoji in ("👍", "👍", "", ""):
                await channel.react(sent, emoji)
        if isinstance(channel, Deletes):
            for _ in range(2):
                await channel.delete(sent)

    async def test_typing_is_shown_as_often_as_wanted_and_is_no_message(self, bench: Bench) -> None:
        channel = bench.channel
        if isinstance(channel, ShowsTyping):
            for _ in range(2):
                await channel.show_typing(bench.outgoing.conversation)

    # Manners

    async def test_no_secret_is_ever_shown(self, bench: Bench) -> None:
        errors = []
        for fault in bench.faults:
            bench.arm(fault)
            errors.append(await refusal(bench.channel.send(bench.outgoing)))
        shown: list[object] = [
            bench.config,
            bench.application,
            bench.channel,
            bench.door,
            bench.http.calls,
            [call.label for call in bench.http.calls],
            bench.manifest.budgets(bench.config, bench.application),
            *errors,
            *(error.failure for error in errors),
            *(error.failure.detail for error in errors),
        ]
        words = " ".join(f"{thing!r} {thing}" for thing in shown)
        secrets = secrets_of(bench.config, bench.application)
        assert secrets
        assert not [secret for secret in secrets if secret in words]
        assert bench.outgoing.text not in words

    async def test_calls_stay_inside_the_declared_budgets_and_addresses(self, bench: Bench) -> None:
        await bench.channel.check()
        sent = await bench.channel.send(bench.outgoing)
        if isinstance(bench.channel, Deletes):
            await bench.channel.delete(sent.provider_ids[0])
        budgets = bench.manifest.budgets(bench.config, bench.application)
        names = {budget.name for budget in budgets}
        drawn = {name.partition(":")[0] for call in bench.http.calls for name in call.budgets}
        assert drawn == names
        assert len({budget.key for budget in budgets}) == len(budgets)
        bases = bench.manifest.bases(bench.config, bench.application)
        assert all(call.url.startswith(bases) for call in bench.http.calls)

    def test_the_manifest_tells_the_truth(self, bench: Bench) -> None:
        can, channel = bench.manifest.can, bench.channel
        assert can.probe == isinstance(channel, Probing)
        assert can.edits == isinstance(channel, Edits)
        assert can.deletes == isinstance(channel, Deletes)
        assert can.reactions == isinstance(channel, Reacts)
        assert can.typing == isinstance(channel, ShowsTyping)
        assert can.polls == isinstance(channel, Polls)
        assert can.text_limit > 0

    # The account

    async def test_check_proves_the_credentials(self, bench: Bench) -> None:
        account = await bench.channel.check()
        assert account.id == bench.manifest.accounts(bench.config)[0]
        assert account.title
        revoked = next(fault for fault, kind in bench.faults.items() if kind == "auth_expired")
        bench.arm(revoked)
        assert (await refusal(bench.channel.check())).failure.kind == "auth_expired"

    async def test_listening_brings_each_event_once(self, bench: Bench) -> None:
        channel = bench.channel
        if not isinstance(channel, Polls):
            return
        bench.speak("первое")
        first = await channel.poll("")
        bench.speak("второе")
        second = await channel.poll(first.cursor)
        assert first.parcels
        assert second.parcels
        assert first.cursor != second.cursor
        keys = [parcel.key for parcel in (*first.parcels, *second.parcels)]
        assert len(keys) == len(set(keys))
        assert all(bench.read(parcel).events for parcel in (*first.parcels, *second.parcels))

    async def test_setting_up_twice_is_the_same_as_once(self, bench: Bench) -> None:
        if not isinstance(bench.channel, SetsUp):
            return
        done = await bench.channel.set_up(bench.address, take_over=False)
        once = bench.receiver()
        later = bench.with_changes(done.changes)
        assert isinstance(later.channel, SetsUp)
        await later.channel.set_up(bench.address, take_over=False)
        assert bench.receiver() == once
        assert not [secret for secret in secrets_of(bench.config) if secret in repr(done)]

    async def test_somebody_elses_webhook_is_taken_only_when_asked_and_put_back(
        self, bench: Bench
    ) -> None:
        if not isinstance(bench.channel, SetsUp):
            return
        await bench.occupy(OTHERS)
        with pytest.raises(TakenBySomeoneElse) as caught:
            await bench.channel.set_up(bench.address, take_over=False)
        assert caught.value.holder == "crm.example.com"
        assert "sesame" not in str(caught.value)
        assert bench.receiver() == OTHERS
        done = await bench.channel.set_up(bench.address, take_over=True)
        assert bench.receiver() != OTHERS
        assert done.notes
        later = bench.with_changes(done.changes).channel
        assert isinstance(later, SetsUp)
        for _ in range(2):
            await later.tear_down()
            assert bench.receiver() == OTHERS

    async def test_tearing_down_leaves_nothing_of_ours(self, bench: Bench) -> None:
        if not isinstance(bench.channel, SetsUp):
            return
        done = await bench.channel.set_up(bench.address, take_over=False)
        later = bench.with_changes(done.changes).channel
        assert isinstance(later, SetsUp)
        for _ in range(2):
            await later.tear_down()
            assert not bench.receiver()

    async def test_a_diagnosis_names_what_is_wrong_and_changes_nothing(self, bench: Bench) -> None:
        channel = bench.channel
        if not isinstance(channel, Diagnoses) or not isinstance(channel, SetsUp):
            return
        done = await channel.set_up(bench.address, take_over=False)
        channel = bench.with_changes(done.changes).channel
        assert isinstance(channel, Diagnoses)
        healthy = await channel.diagnose(bench.address)
        assert {finding.level for finding in healthy} == {"ok"}
        await bench.occupy(OTHERS)
        stolen = await channel.diagnose(bench.address)
        assert [finding.advice for finding in stolen if finding.level == "problem"]
        assert "sesame" not in repr(stolen)
        assert bench.receiver() == OTHERS
        bench.arm(next(fault for fault, kind in bench.faults.items() if kind == "auth_expired"))
        assert [f.advice for f in await channel.diagnose(bench.address) if f.level == "problem"]
