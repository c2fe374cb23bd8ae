"""amoCRM on the test bench: the promises, and what is peculiar to writing there."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from channel_clients.emulators.loopback import lifespan, read_request, respond
from channel_clients.emulators.stage import Receive, Response, Scope, Send, serving
from crm_clients.amocrm import AmoCrm
from crm_clients.amocrm.doors import ApplicationDoor
from crm_clients.emulators.amocrm import AmoCrmEmulator
from mappers.vocabulary import (
    AccessRevoked,
    Blocked,
    ForgedWebhook,
    OpenedConversation,
    Operator,
    OperatorReplied,
    Parcel,
    Permanent,
    RecordChanged,
    Status,
    StatusReport,
    Webhook,
)
from tests.conformance.amocrm_scene import (
    ACME,
    adapter_of,
    an_emulator,
    on_the_bench,
    parts_of,
    reply_hook,
)
from tests.conformance.crm_bench import (
    DRAFT,
    OURS,
    Bench,
    an_opening,
    refusal,
)
from tests.conformance.crms import CrmPromises


@pytest.fixture
async def emulator() -> AsyncIterator[AmoCrmEmulator]:
    async with an_emulator() as emulator:
        yield emulator


@pytest.fixture
async def bench(emulator: AmoCrmEmulator) -> AsyncIterator[Bench]:
    async with on_the_bench(emulator) as bench:
        yield bench


@pytest.fixture
def crm(bench: Bench) -> AmoCrm:
    return adapter_of(bench)


class TestAmoCrm(CrmPromises):
    """Inherits every promise."""


class TestWriting:
    @pytest.mark.parametrize("answer", ["same_ids", "error"])
    async def test_a_repeated_key_gives_the_first_receipt(
        self, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator, answer: str
    ) -> None:
        emulator.switches.set("duplicate_msgid", answer)
        entry = await bench.entry()
        assert await crm.write(entry) == await crm.write(entry)
        assert len(bench.timeline(OURS)) == 1

    @pytest.mark.parametrize("body", ["json", "empty"])
    async def test_a_refusal_that_is_no_repeat_stays_a_refusal(
        self, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator, body: str
    ) -> None:
        emulator.switches.set("amojo_error_body", body)
        entry = await bench.entry()
        emulator.switches.text_limit = 3
        error = await refusal(crm.write(entry))
        assert error.failure == Permanent(code="amocrm.invalid", detail=error.failure.detail)

    async def test_a_refusal_that_cannot_be_checked_is_doubt(
        self, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        emulator.switches.duplicate_msgid = "error"
        entry = await bench.entry()
        await crm.write(entry)
        emulator.stage.arm("cut_before", match="/history")
        error = await refusal(crm.write(entry))
        assert (error.failure.kind, error.failure.code) == (
            "ambiguous",
            "amocrm.refused_or_repeated",
        )

    @pytest.mark.parametrize("ids", ["client", "amojo", "omit"])
    async def test_a_receipt_names_amocrms_id_whatever_else_it_says(
        self, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator, ids: str
    ) -> None:
        emulator.switches.set("message_ids", ids)
        receipt = await crm.write(await bench.entry())
        (chat,) = emulator.timeline(ACME)
        assert receipt.provider_ids == (chat.messages[0].amojo_id,)

    async def test_strict_types_and_unknown_keys_are_respected(
        self, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        emulator.switches.unknown_keys = "refuse"
        entry = await bench.entry()
        first = await crm.write(entry)
        quoting = replace(entry, key="entry-2", quoted=first.provider_ids[0])
        await crm.write(quoting)
        await crm.write(replace(entry, key="entry-3", author=Operator(id="o-1", name="Олег")))
        await crm.edit_entry(entry)
        (chat,) = emulator.timeline(ACME)
        assert [each.direction for each in chat.messages] == ["incoming", "incoming", "outgoing"]

    async def test_what_an_employee_wrote_raises_no_hook(
        self, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        emulator.switches.hooks_for_imported = True
        entry = await bench.entry()
        await crm.write(replace(entry, author=Operator(id="o-1", name="Олег")))
        await emulator.drain()
        assert not [line for line in emulator.stage.log if line.path.startswith("/hooks")]

    async def test_a_known_customer_gets_no_second_card(
        self, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        entry = await bench.entry()
        await crm.write(entry)
        await emulator.drain()
        (contact,) = emulator.contacts(ACME)
        assert contact["id"] == int(entry.record)

    async def test_a_quiet_entry_opens_no_deal(
        self, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        entry = await bench.entry()
        await crm.write(replace(entry, quiet=True))
        await emulator.drain()
        assert emulator.leads(ACME) == ()
        await crm.write(replace(entry, key="entry-2"))
        await emulator.drain()
        assert len(emulator.leads(ACME)) == 1

    async def test_an_account_without_a_channel_says_so_instead_of_calling(
        self, crm: AmoCrm, bench: Bench
    ) -> None:
        entry = await bench.entry()
        bare = replace(crm, application=crm.application.model_copy(update={"channel_id": ""}))
        bench.http.calls.clear()
        error = await refusal(bare.write(entry))
        assert error.failure == Blocked(code="amocrm.no_channel", by="provider")
        assert not bench.http.calls

    async def test_a_wrong_channel_secret_spends_no_token(self, crm: AmoCrm, bench: Bench) -> None:
        spoiled = crm.application.model_copy(update={"channel_secret": SecretStr("0" * 40)})
        wrong = replace(crm, application=spoiled)
        error = await refusal(wrong.open_conversation(an_opening("1")))
        assert error.failure.code == "amocrm.channel_refused"
        assert error.failure.kind == "blocked"

    async def test_binding_to_a_record_that_is_gone_says_so(
        self, crm: AmoCrm, bench: Bench
    ) -> None:
        record = await crm.create_record(DRAFT, key="record-1")
        bench.delete_record(record)
        error = await refusal(crm.open_conversation(an_opening(record)))
        assert error.failure.kind == "permanent"
        assert getattr(error.failure, "gone", "") == "record"


class TestStatuses:
    @pytest.mark.parametrize("dialect", ["any", "delivery_status", "status_code"])
    async def test_a_status_arrives_in_either_dialect(
        self, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator, dialect: str
    ) -> None:
        emulator.switches.set("delivery_status_key", dialect)
        entry = await bench.entry()
        reply = bench.reply(OURS, "Завтра")
        for status, words in ((Status.SENT, ""), (Status.READ, ""), (Status.FAILED, "Закрыто")):
            said = StatusReport(
                reply=reply, conversation=entry.conversation, status=status, words=words
            )
            await crm.report(said)
        told = emulator.replies[0].statuses
        assert [(each.code, each.error_code, each.error) for each in told] == [
            (1, None, None),
            (2, None, None),
            (-1, 905, "Закрыто"),
        ]

    @pytest.mark.parametrize(
        ("said", "told"),
        [
            (("telegram.blocked_by_user", "Закрыто"), (905, "Закрыто")),
            (("telegram.button_refused", ""), (903, "telegram.button_refused")),
            (("telegram.not_started", "Не писал"), (904, "Не писал")),
            (("hub.nobody_to_write_to", ""), (904, "hub.nobody_to_write_to")),
        ],
    )
    async def test_each_failure_has_its_code(
        self, bench: Bench, emulator: AmoCrmEmulator, said: tuple[str, str], told: tuple[int, str]
    ) -> None:
        entry = await bench.entry()
        report = StatusReport(
            reply=bench.reply(OURS, "Завтра"),
            conversation=entry.conversation,
            status=Status.FAILED,
            code=said[0],
            words=said[1],
        )
        await bench.crm.report(report)
        (status,) = emulator.replies[0].statuses
        assert (status.error_code, status.error) == told

    async def test_a_status_of_nothing_is_gone_and_queued_is_not_told(
        self, crm: AmoCrm, bench: Bench
    ) -> None:
        opened = OpenedConversation(id="x")
        lost = StatusReport(reply="nothing", conversation=opened, status=Status.READ)
        error = await refusal(crm.report(lost))
        assert getattr(error.failure, "gone", "") == "message"
        bench.http.calls.clear()
        await crm.report(replace(lost, status=Status.QUEUED))
        assert not bench.http.calls


class TestTheDoors:
    def test_an_empty_secret_opens_nothing(self, bench: Bench) -> None:
        application, _ = parts_of(bench)
        bare = application.model_copy(update={"channel_secret": SecretStr("")})
        body = json.dumps(reply_hook("a")).encode()
        signature = hmac.new(b"", body, hashlib.sha1).hexdigest()
        hook = Webhook(
            method="POST",
            body=body,
            headers={"x-signature": signature},
            tail=f"{application.channel_id}_a",
        )
        for headers in ({}, {"x-signature": ""}, hook.headers):
            with pytest.raises(ForgedWebhook):
                ApplicationDoor(bare).receive(replace(hook, headers=headers))

    def test_a_removal_is_believed_only_when_signed(self, crm: AmoCrm, bench: Bench) -> None:
        account, client = crm.config.account_id, crm.application.client_id
        secret = crm.application.client_secret.get_secret_value().encode()
        signature = hmac.new(secret, f"{client}|{account}".encode(), hashlib.sha256).hexdigest()
        door = ApplicationDoor(crm.application)
        for name in ("client_uuid", "client_id"):
            query = {"account_id": account, name: client, "signature": signature}
            (parcel,) = door.receive(Webhook(method="GET", query=query)).parcels
            assert parcel.account == bench.manifest.accounts(bench.config)[0]
            for spoiled in query:
                with pytest.raises(ForgedWebhook):
                    door.receive(Webhook(method="GET", query={**query, spoiled: "0"}))

    async def test_what_the_emulator_sends_comes_in_and_is_read(
        self, crm: AmoCrm, bench: Bench, emulator: AmoCrmEmulator
    ) -> None:
        doors = {"application": ApplicationDoor(crm.application), "0192": bench.entrances[1].door}
        heard: list[Parcel] = []

        async def hub(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await lifespan(receive, send)
                return
            call = await read_request(scope, receive)
            name, _, tail = call.path.strip("/").partition("/")
            hook = Webhook(
                method=call.method,
                body=call.body,
                headers=call.headers,
                query=dict(call.query),
                tail=tail,
            )
            heard.extend(doors[name].receive(hook).parcels)
            await respond(send, Response())

        entry = await bench.entry()
        async with serving(hub) as base:
            channel = emulator.world.channels[crm.application.channel_id]
            channel.hook_url = f"{base}/application/:scope_id"
            integration = emulator.world.integrations[crm.application.client_id]
            integration.uninstall_url = f"{base}/application"
            await crm.set_up(f"{base}/0192", take_over=False)
            emulator.reply(ACME, OURS, "Курьер выехал")
            await emulator.drain()
            emulator.delete_contact(ACME, int(entry.record))
            await emulator.drain()
            emulator.uninstall(crm.application.client_id, ACME)
            await emulator.drain()
        events = [event for parcel in heard for event in bench.read(parcel).events]
        reply, deleted, revoked = events
        assert isinstance(reply, OperatorReplied)
        assert (reply.message.text, reply.ours) == ("Курьер выехал", OURS)
        assert deleted == RecordChanged(record=entry.record, change="deleted")
        assert isinstance(revoked, AccessRevoked)
