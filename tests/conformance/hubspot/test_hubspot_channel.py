"""What is peculiar to HubSpot's custom channels: threads, comments, files, and how they begin."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from crm_clients.emulators.hubspot import HubSpotEmulator
from crm_clients.hubspot.adapter import HubSpot
from mappers.vocabulary import (
    Ambiguous,
    Attachment,
    AttachmentKind,
    Blocked,
    MediaFile,
    Operator,
    OperatorReplied,
    Permanent,
    RecordDraft,
    Remark,
    Status,
    StatusReport,
    Transient,
)
from tests.conformance.crm_bench import OURS, WORDS, Bench, an_opening, arrival_of, refusal
from tests.conformance.hubspot_scene import ACME, ADDRESS, parts_of, signed_in, with_config

MEGABYTE = 1024 * 1024
OTHER = RecordDraft(name="Другой Человек", emails=("other@example.com",))
PICTURE = b"\x89PNG\r\n\x1a\n and so on"


def a_file(name: str = "cat.png") -> MediaFile:
    async def read() -> bytes:
        return PICTURE

    return MediaFile(
        kind=AttachmentKind.IMAGE,
        name=name,
        mime="image/png",
        size_bytes=len(PICTURE),
        url="https://hub.example.com/files/1",
        read=read,
    )


class TestWriting:
    async def test_a_thread_belongs_to_the_contact_and_tells_its_number(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = await bench.entry()
        receipt = await crm.write(entry)
        (thread,) = emulator.timeline(ACME)
        assert (thread.client_id, receipt.user) == (OURS, thread.chat_id)
        assert str(thread.contact_id) == entry.record
        assert receipt.provider_ids == (thread.messages[0].message_id,)

    async def test_what_an_employee_wrote_elsewhere_is_told_back_to_nobody(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = await bench.entry()
        await crm.write(entry)
        await crm.write(replace(entry, key="mirrored", author=Operator(id="")))
        (thread,) = emulator.timeline(ACME)
        assert {each.direction for each in thread.messages} == {"INCOMING", "OUTGOING"}
        (page,) = await crm.read_history(entry.conversation, OURS, bench.recently())
        assert len(bench.read(page).events) == 1

    async def test_files_lie_in_the_portal_once_whoever_repeats_it(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = replace(await bench.entry(), file=a_file())
        emulator.stage.arm("cut_after", match="/messages")
        assert (await refusal(crm.write(entry))).failure.kind == "ambiguous"
        found = await crm.find_entry(entry, bench.recently())
        (thread,) = emulator.timeline(ACME)
        (message,) = thread.messages
        assert found is not None
        assert found.provider_ids == (message.message_id,)
        assert [each["name"] for each in message.files] == ["cat.png"]
        assert len(emulator.world.portal(ACME).files) == 1
        other = replace(entry, key="another")
        assert await crm.find_entry(other, bench.recently()) is None

    async def test_a_file_is_a_link_where_the_portal_takes_none(
        self, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = replace(await bench.entry(), file=a_file())
        without = with_config(bench, scopes=("oauth", "conversations.read"))
        receipt = await without.crm.write(entry)
        assert bench.timeline(OURS) == [f"{WORDS}\ncat.png\nhttps://hub.example.com/files/1"]
        assert await without.crm.find_entry(entry, bench.recently()) == receipt

    @pytest.mark.parametrize("repeated", ["same", "conflict"])
    async def test_a_message_that_hubspot_knows_is_that_message(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator, repeated: str
    ) -> None:
        emulator.switches.set("repeated_publish", repeated)
        entry = await bench.entry()
        receipt = await crm.write(entry)
        assert await crm.write(entry) == receipt
        assert bench.timeline(OURS) == [WORDS]

    async def test_a_conflict_about_a_message_that_is_nowhere_is_doubt(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        emulator.switches.set("repeated_publish", "conflict")
        entry = await bench.entry()
        await crm.write(entry)
        emulator.delete_thread(ACME, OURS)
        error = await refusal(crm.write(entry))
        assert error.failure == Ambiguous(code="hubspot.refused_or_repeated")

    async def test_a_thread_in_the_bin_is_followed_by_another(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = await bench.entry()
        first = await crm.write(entry)
        emulator.delete_thread(ACME, OURS)
        known = replace(entry.conversation, user=first.user)
        second = replace(entry, key="second", conversation=known)
        receipt = await crm.write(second)
        assert receipt.user != first.user
        assert await crm.find_entry(second, bench.recently()) == receipt

    @pytest.mark.parametrize("association", ["never", "any_thread"])
    async def test_a_first_message_is_found_whoever_its_thread_belongs_to(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator, association: str
    ) -> None:
        emulator.switches.set("contact_association", association)
        entry = await bench.entry()
        emulator.stage.arm("cut_after", match="/messages")
        assert (await refusal(crm.write(entry))).failure.kind == "ambiguous"
        assert await crm.find_entry(entry, bench.recently()) is not None

    async def test_a_refusal_says_what_is_missing(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = await bench.entry()
        _, config = parts_of(bench)
        account = int(config.channel_account_id)
        for status in ("400", "404"):
            emulator.switches.set("inactive_account_status", status)
            emulator.set_account_active(ACME, account, active=False)
            error = await refusal(crm.write(entry))
            assert error.failure == Blocked(code="hubspot.channel_off", by="provider")
            assert not await crm.has_passed("hubspot.channel_off")
        emulator.set_account_active(ACME, account, active=True)
        assert await crm.has_passed("hubspot.channel_off")
        emulator.purge_account(ACME, account)
        error = await refusal(crm.write(entry))
        assert error.failure == Blocked(code="hubspot.no_channel", by="provider")

    async def test_without_a_channel_nothing_is_tried(self, bench: Bench) -> None:
        entry = await bench.entry()
        crm = with_config(bench, channel_account_id="").crm
        error = await refusal(crm.write(entry))
        assert error.failure == Blocked(code="hubspot.no_channel", by="provider")


class TestTying:
    async def test_a_gone_contact_is_noticed_before_anything_is_said(
        self, crm: HubSpot, bench: Bench
    ) -> None:
        entry = await bench.entry()
        bench.delete_record(entry.record)
        error = await refusal(crm.open_conversation(an_opening(entry.record)))
        assert getattr(error.failure, "gone", "") == "record"

    async def test_employees_are_told_once_that_a_thread_is_nobodys(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        emulator.switches.set("contact_association", "never")
        entry = await bench.entry()
        receipt = await crm.write(entry)
        opening = replace(an_opening(entry.record), user=receipt.user)
        opened = [await crm.open_conversation(opening) for _ in range(2)]
        assert {each.user for each in opened} == {receipt.user}
        (thread,) = emulator.timeline(ACME)
        (word,) = [each.text for each in thread.messages if each.is_system]
        assert f"/record/0-1/{entry.record}" in word

    @pytest.mark.parametrize("who", ["ours", "another"])
    async def test_nothing_is_said_of_a_thread_that_is_somebodys(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator, who: str
    ) -> None:
        entry = await bench.entry()
        receipt = await crm.write(entry)
        if who == "another":
            made = await crm.create_record(OTHER, key="record-2")
            emulator.associate(ACME, OURS, int(made))
        await crm.open_conversation(replace(an_opening(entry.record), user=receipt.user))
        (thread,) = emulator.timeline(ACME)
        assert not [each for each in thread.messages if each.is_system]

    async def test_without_leave_to_write_nobody_is_told(
        self, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        emulator.switches.set("contact_association", "never")
        entry = await bench.entry()
        receipt = await bench.crm.write(entry)
        silent = with_config(bench, scopes=("oauth", "conversations.read"))
        await silent.crm.open_conversation(replace(an_opening(entry.record), user=receipt.user))
        (thread,) = emulator.timeline(ACME)
        assert len(thread.messages) == 1


class TestReplies:
    async def test_statuses_are_shown_on_the_reply(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = await bench.entry()
        await crm.write(entry)
        reply = bench.reply(OURS, "Завтра")
        for status, words in (
            (Status.SENT, ""),
            (Status.READ, ""),
            (Status.DELIVERED, ""),
            (Status.FAILED, "Заблокировал бота"),
        ):
            report = StatusReport(
                reply=reply, conversation=entry.conversation, status=status, words=words
            )
            await crm.report(report)
        (seen,) = emulator.replies
        assert [(mark.status, mark.error) for mark in seen.statuses] == [
            ("SENT", None),
            ("READ", None),
            ("FAILED", "Заблокировал бота"),
        ]
        lost = StatusReport(reply="nothing", conversation=entry.conversation, status=Status.SENT)
        assert getattr((await refusal(crm.report(lost))).failure, "gone", "") == "message"

    @pytest.mark.parametrize("is_known", [True, False])
    async def test_a_remark_is_a_comment_and_said_once(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator, is_known: bool
    ) -> None:
        entry = await bench.entry()
        receipt = await crm.write(entry)
        reply = bench.reply(OURS, "Завтра")
        user = receipt.user if is_known else ""
        remark = Remark(
            key="r1",
            reply=reply,
            conversation=replace(entry.conversation, user=user),
            words="Клиент не увидит правку",
        )
        for each in (remark, remark, replace(remark, key="r2")):
            await crm.remark(each)
        (thread,) = emulator.timeline(ACME)
        words = [each.text.partition("\n")[0] for each in thread.messages if each.is_system]
        assert words == ["Клиент не увидит правку"] * 2
        (page,) = await crm.read_history(entry.conversation, OURS, bench.recently())
        events = bench.read(page).events
        assert len([each for each in events if isinstance(each, OperatorReplied)]) == 1

    @pytest.mark.parametrize("links", ["open", "private", "left_out"])
    async def test_an_employees_file_is_brought(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator, links: str
    ) -> None:
        emulator.switches.set("reply_file_links", links)
        entry = await bench.entry()
        await crm.write(entry)
        held = emulator.upload(ACME, "price.png", PICTURE, kind="picture")
        emulator.reply_with_files(ACME, OURS, [held], text="Прайс")
        (page,) = await crm.read_history(entry.conversation, OURS, bench.recently())
        reply = bench.read(page).events[0]
        assert isinstance(reply, OperatorReplied)
        (shown,) = reply.message.attachments
        assert shown.kind is AttachmentKind.IMAGE
        assert (await crm.fetch(shown, MEGABYTE)).body == PICTURE
        assert bench.http.calls[-1].most_bytes == MEGABYTE

    async def test_a_file_elsewhere_and_one_that_is_gone_are_not_fetched(
        self, crm: HubSpot
    ) -> None:
        elsewhere = Attachment(kind=AttachmentKind.FILE, handle="https://evil.example/1")
        error = await refusal(crm.fetch(elsewhere, MEGABYTE))
        assert error.failure == Permanent(code="hubspot.foreign_file")
        gone = Attachment(kind=AttachmentKind.FILE, handle="999")
        error = await refusal(crm.fetch(gone, MEGABYTE))
        assert error.failure == Permanent(code="hubspot.no_such_file")

    async def test_what_a_hook_tells_is_what_is_read_back(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        entry = await bench.entry()
        await crm.write(entry)
        emulator.reply_richly(ACME, OURS, "Да, завтра", "<p>Да, <b>завтра</b></p>")
        (page,) = await crm.read_history(entry.conversation, OURS, bench.recently())
        reply = crm.read(arrival_of(page)).events[0]
        assert isinstance(reply, OperatorReplied)
        assert (reply.message.text, len(reply.message.spans)) == ("Да, завтра", 1)
        assert reply.operator.id.startswith("A-")


class TestSetUp:
    async def test_the_channel_is_made_once_for_all_portals(
        self, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        application, config = parts_of(bench)
        (channel,) = emulator.world.channels.values()
        assert (str(channel.id), channel.webhook_url) == (config.channel_id, ADDRESS)
        forgetful = with_config(bench, channel_id="", channel_account_id="", inbox_id="")
        done = await set_up(forgetful)
        assert done["channel_id"] == config.channel_id
        assert done["channel_account_id"] == config.channel_account_id
        moved = replace(
            bench, application=application.model_copy(update={"hook_address": f"{ADDRESS}/new"})
        )
        await set_up(moved)
        assert channel.webhook_url == f"{ADDRESS}/new"
        assert len(emulator.world.channels) == 1

    async def test_a_lost_channel_and_a_lost_account_are_noticed_and_mended(
        self, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        _, config = parts_of(bench)
        crm = bench.crm
        assert isinstance(crm, HubSpot)
        assert await crm.is_set_up(ADDRESS)
        (channel,) = emulator.world.channels.values()
        channel.webhook_url = "https://elsewhere.example.com"
        assert not await crm.is_set_up(ADDRESS)
        await set_up(bench)
        assert await crm.is_set_up(ADDRESS)
        emulator.purge_account(ACME, int(config.channel_account_id))
        assert not await crm.is_set_up(ADDRESS)
        done = await set_up(bench)
        assert done["channel_account_id"] != config.channel_account_id

    async def test_an_inbox_is_chosen_by_name_and_the_account_before_given_up(
        self, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        other = emulator.add_inbox(ACME, "Support", kind="HELP_DESK")
        _, config = parts_of(bench)
        done = await set_up(with_config(bench, inbox=" support "))
        assert (done["inbox_id"], done["inbox_opens_tickets"]) == (str(other.id), True)
        tickets = with_config(bench, inbox_opens_tickets=True, case="tickets")
        assert (tickets.can.opens_own_deals, bench.can.opens_own_deals) == (True, False)
        accounts = emulator.world.portal(ACME).talks.accounts
        assert not accounts[int(config.channel_account_id)].is_authorized
        assert accounts[int(done["channel_account_id"])].is_authorized
        error = await refusal(set_up(with_config(bench, inbox="Nowhere")))
        assert error.failure == Blocked(code="hubspot.no_such_inbox", by="provider")

    async def test_tearing_down_leaves_the_account_to_be_connected_again(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        _, config = parts_of(bench)
        for _ in range(2):
            await crm.tear_down()
        number = int(config.channel_account_id)
        accounts = emulator.world.portal(ACME).talks.accounts
        assert not accounts[number].is_authorized
        assert not await crm.is_set_up(ADDRESS)
        assert (await set_up(bench))["channel_account_id"] == config.channel_account_id
        assert accounts[number].is_authorized
        emulator.purge_account(ACME, number)
        await crm.tear_down()

    async def test_an_account_that_somebody_connects_in_its_place_is_taken_up(
        self, crm: HubSpot, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        _, config = parts_of(bench)
        emulator.purge_account(ACME, int(config.channel_account_id))
        assert not await crm.has_passed("hubspot.account_purged")
        await emulator.connect_account(ACME, int(config.channel_id), inbox=int(config.inbox_id))
        (staged,) = emulator.world.portal(ACME).talks.staging.values()
        told = {
            "accountToken": staged.token,
            "channelId": config.channel_id,
            "inboxId": config.inbox_id,
            "redirectUrl": "https://app.hubspot.com/live-messages-settings/4411",
        }
        with pytest.raises(ValueError, match="another inbox"):
            await crm.finish_joining({**told, "inboxId": "1"})
        assert await crm.finish_joining(told) == told["redirectUrl"]
        made = emulator.return_from_channel(ACME, staged.token)
        assert await crm.has_passed("hubspot.account_purged")
        assert (await set_up(bench))["channel_account_id"] == str(made.id)

    async def test_without_an_address_nothing_is_made(
        self, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        async with signed_in(emulator) as (application, config, http):
            nowhere = application.model_copy(update={"hook_address": ""})
            done = await HubSpot(config, nowhere, http).set_up("", take_over=False)
        assert "channel_id" not in done.changes
        assert done.notes

    async def test_a_portal_whose_plan_has_no_channels_is_told_so(self, bench: Bench) -> None:
        poor = with_config(bench, scopes=("oauth", "crm.objects.contacts.read"))
        error = await refusal(set_up(poor))
        assert error.failure == Blocked(code="hubspot.channel_not_granted", by="provider")
        account = await poor.crm.check()
        assert "--cards" in " ".join(account.warnings)

    async def test_a_channel_that_only_its_number_is_known_of_is_used(
        self, bench: Bench, emulator: HubSpotEmulator
    ) -> None:
        application, config = parts_of(bench)
        keyless = application.model_copy(
            update={"developer_key": SecretStr(""), "channel_id": config.channel_id}
        )
        done = await set_up(replace(bench, application=keyless))
        assert done["channel_account_id"] == config.channel_account_id
        wrong = application.model_copy(update={"channel_id": "999"})
        error = await refusal(set_up(replace(bench, application=wrong)))
        assert error.failure == Blocked(code="hubspot.no_such_channel", by="provider")

    async def test_a_channel_that_is_not_known_yet_is_asked_for_again(
        self, emulator: HubSpotEmulator
    ) -> None:
        emulator.switches.set("channel_appears_s", 3600.0)
        async with signed_in(emulator) as (application, config, http):
            crm = HubSpot(config, application, http)
            for _ in range(2):
                error = await refusal(crm.set_up(ADDRESS, take_over=False))
                assert error.failure == Transient(code="hubspot.channel_unknown")
        assert len(emulator.world.channels) == 1


async def set_up(bench: Bench) -> Any:
    crm = bench.crm
    assert isinstance(crm, HubSpot)
    return (await crm.set_up(ADDRESS, take_over=False)).changes
