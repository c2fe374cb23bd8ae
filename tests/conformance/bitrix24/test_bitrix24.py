"""Bitrix24 on the test bench: the promises, and what is peculiar to it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from pydantic import SecretStr

from crm_clients.bitrix24 import Bitrix24, Config, authorize_url, exchange_code, install
from crm_clients.bitrix24.bbcode import GAP
from crm_clients.bitrix24.lines import external, internal
from crm_clients.bitrix24.upkeep import EVENTS
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from mappers.vocabulary import (
    Ambiguous,
    Attachment,
    AttachmentKind,
    AuthExpired,
    Blocked,
    OpenedConversation,
    Operator,
    OperatorReplied,
    Permanent,
    Status,
    StatusReport,
    Webhook,
)
from tests.conformance.bitrix24_scene import (
    ACME,
    ADDRESS,
    form,
)
from tests.conformance.crm_bench import OURS, PERSON, WORDS, Bench, an_opening, refusal
from tests.conformance.crms import CrmPromises


class TestBitrix24(CrmPromises):
    """Inherits every promise."""


class TestWriting:
    async def test_a_write_that_was_not_kept_is_doubt_and_is_not_found(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        emulator.switches.no_session_stores = False
        entry = await bench.entry()
        emulator.stage.arm("no_session", match="imconnector.send.messages")
        assert (await refusal(crm.write(entry))).failure == Ambiguous(code="bitrix24.no_session")
        assert await crm.find_entry(entry, bench.recently()) is None

    async def test_a_lone_digit_is_a_message_even_while_a_line_asks_for_a_vote(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        await crm.write(entry)
        emulator.start_vote(ACME, external(OURS))
        for number, words in enumerate(("1", "0 спасибо")):
            await crm.write(replace(entry, key=f"vote-{number}", text=words))
        said = [text.replace(GAP, "") for text in bench.timeline(OURS)]
        assert said[0] == WORDS
        assert said[-2:] == ["1", "0 спасибо"]

    async def test_what_an_employee_wrote_is_told_back_to_nobody(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        await crm.write(entry)
        await crm.write(replace(entry, key="mirrored", author=Operator(id="")))
        assert len(bench.timeline(OURS)) == 2
        assert not emulator.replies

    async def test_names_are_cut_to_what_a_chat_can_hold(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        emulator.switches.name_letters_only = True
        person = replace(PERSON, name="🌷 Анна-Мария (Ольга_2) фон Гогенцоллерн-Зигмаринген XVII")
        entry = await bench.entry()
        await crm.write(replace(entry, person=person))
        (dialog,) = emulator.timeline(ACME)
        assert dialog.person["name"] == "Анна-Мария Ольга фон Гогенцоллерн-Зи"

    async def test_a_bar_in_our_name_cuts_no_code_in_two(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        begun = replace(entry.conversation, user="")
        entry = replace(entry, ours="matrix:1|2%:x", conversation=begun)
        receipt = await crm.write(entry)
        (dialog,) = emulator.timeline(ACME)
        assert dialog.code.count("|") == 3
        assert internal(dialog.client_id) == entry.ours
        assert await crm.find_entry(entry, bench.recently()) == receipt

    async def test_the_customers_number_ties_the_dialog_to_the_contact_once(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        receipt = await crm.write(entry)
        assert receipt.user
        opening = replace(an_opening(entry.record), user=receipt.user)
        opened = [await crm.open_conversation(opening) for _ in range(2)]
        assert {each.user for each in opened} == {receipt.user}
        (dialog,) = emulator.timeline(ACME)
        (contact,) = emulator.contacts(ACME)
        tied = [each for each in contact["multi"] if each["value"].startswith("imol|")]
        assert [each["value"] for each in tied] == [f"imol|{dialog.code}"]

    async def test_who_wrote_is_found_where_nothing_else_tells(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        """No card tells of the dialog, and the answer that named the customer was lost."""
        emulator.switches.set("changes_name", value="known")
        whole = await bench.entry()
        entry = replace(whole, person=replace(whole.person, name="Zed", identities=()))
        receipt = await crm.write(entry)
        (dialog,) = emulator.timeline(ACME)
        assert (dialog.contact_id, entry.conversation.user) == (None, "")
        told = bench.reply(OURS, "Слушаю")
        assert await crm.find_entry(entry, bench.recently()) == receipt
        (parcel,) = await crm.read_history(entry.conversation, OURS, bench.recently())
        assert told.rpartition(":")[2] in parcel.key
        assert emulator.timeline(ACME)[0].person == dialog.person

    async def test_who_is_no_administrator_cannot_say_that_nothing_is_there(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        known = replace(entry, conversation=replace(entry.conversation, user="585"))
        assert await crm.find_entry(known, bench.recently()) is None
        emulator.world.portal(ACME).user(None).is_admin = False
        error = await refusal(crm.find_entry(known, bench.recently()))
        assert error.failure == Blocked(code="bitrix24.not_an_administrator", by="provider")

    async def test_a_history_that_may_not_be_seen_is_doubt(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        await crm.write(entry)
        emulator.stage.arm("history_denied", match="session.history.get")
        error = await refusal(crm.find_entry(entry, bench.recently()))
        assert error.failure == Ambiguous(code="bitrix24.history_closed")

    async def test_what_was_said_in_a_session_that_is_closed_is_found_and_read_back(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        receipt = await crm.write(entry)
        bench.reply(OURS, "Завтра")
        emulator.close_session(ACME, external(OURS))
        await crm.write(replace(entry, key="later"))
        bench.reply(OURS, "Сегодня")
        assert len(emulator.timeline(ACME)[0].sessions) == 2
        assert await crm.find_entry(entry, bench.recently()) == receipt
        (parcel,) = await crm.read_history(entry.conversation, OURS, bench.recently())
        told = [each for each in bench.read(parcel).events if isinstance(each, OperatorReplied)]
        assert [each.message.text for each in told] == ["Завтра", "Сегодня"]

    async def test_a_dialog_is_found_whichever_number_its_code_ends_in(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        emulator.switches.set("session_code", "external")
        entry = await bench.entry()
        receipt = await crm.write(entry)
        known = replace(entry, conversation=replace(entry.conversation, user=receipt.user))
        assert await crm.find_entry(known, bench.recently()) == receipt

    async def test_a_moved_portal_is_called_at_its_new_address_and_kept_there(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        emulator.rename(ACME, "acme-new")
        assert (await crm.check()).id == crm.config.member_id
        later = bench.with_changes(await crm.refresh())
        bench.http.calls.clear()
        await later.crm.check()
        assert all("/acme-new/rest/" in call.url for call in bench.http.calls)


class TestStatuses:
    async def test_a_delivered_reply_gets_our_name_so_that_its_edits_are_told(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        await crm.write(entry)
        reply = bench.reply(OURS, "Завтра")
        report = StatusReport(reply=reply, conversation=entry.conversation, status=Status.SENT)
        assert not emulator.edit(ACME, int(reply.partition(":")[2]), "Сегодня")
        await crm.report(report)
        assert not emulator.world.warnings
        assert emulator.edit(ACME, int(reply.partition(":")[2]), "Сегодня")

    async def test_a_failure_is_said_once_and_told_back_to_nobody(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        entry = await bench.entry()
        await crm.write(entry)
        reply = bench.reply(OURS, "Завтра")
        report = StatusReport(
            reply=reply,
            conversation=entry.conversation,
            status=Status.FAILED,
            words="[Не доставлено]",
        )
        for _ in range(2):
            await crm.report(report)
        said = [words.replace(GAP, "") for words in bench.timeline(OURS)]
        assert said == [WORDS, "Завтра", "[Не доставлено]"]
        assert len(emulator.replies) == 1

    @pytest.mark.parametrize("status", [Status.QUEUED, Status.READ])
    async def test_what_cannot_be_shown_costs_no_call(
        self, crm: Bitrix24, bench: Bench, status: Status
    ) -> None:
        opened = OpenedConversation(id=OURS)
        await crm.report(StatusReport(reply="1:2", conversation=opened, status=status))
        assert not bench.http.calls


class TestUpkeep:
    async def test_subscriptions_are_made_up_for_and_moved(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        _, installation = emulator.world.installation(ACME, crm.application.client_id)
        bound = {(each.event, each.handler) for each in installation.bindings}
        assert len(bound) == len(EVENTS)
        installation.bindings.clear()
        await crm.set_up(ADDRESS, take_over=False)
        assert {(each.event, each.handler) for each in installation.bindings} == bound
        moved = "https://new.example.com/hooks/0192"
        await crm.set_up(moved, take_over=False)
        assert {each.handler for each in installation.bindings} == {moved}
        assert len(installation.bindings) == len(EVENTS)

    async def test_an_answer_lost_while_a_line_is_made_makes_no_second(
        self, crm: Bitrix24, emulator: Bitrix24Emulator
    ) -> None:
        lines = emulator.world.portal(ACME).lines.lines
        forgetful = replace(crm, config=crm.config.model_copy(update={"line": ""}))
        known = len(lines)
        await forgetful.set_up(ADDRESS, take_over=False)
        assert len(lines) == known

    async def test_a_line_of_ours_makes_no_cards_and_ties_what_is_said(
        self, crm: Bitrix24, emulator: Bitrix24Emulator
    ) -> None:
        config = emulator.world.portal(ACME).lines.lines[int(crm.config.line)].config
        assert (config["CRM"], config["CRM_CREATE"]) == ("Y", "none")

    async def test_a_connector_that_is_refused_inside_of_a_success_is_refused(
        self, crm: Bitrix24
    ) -> None:
        nameless = crm.application.model_copy(update={"title": ""})
        error = await refusal(replace(crm, application=nameless).set_up(ADDRESS, take_over=False))
        assert error.failure == Blocked(code="bitrix24.connector_refused", by="provider")

    async def test_who_cannot_prove_events_or_see_histories_is_warned(
        self, crm: Bitrix24, emulator: Bitrix24Emulator
    ) -> None:
        assert not (await crm.check()).warnings
        unproved = crm.config.model_copy(update={"application_token": SecretStr("")})
        emulator.world.portal(ACME).user(None).is_admin = False
        assert len((await replace(crm, config=unproved).check()).warnings) == 2


class TestInstallation:
    async def test_an_installation_is_believed_once_and_brings_everything(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        for is_event in (True, False):
            told = emulator.install(ACME, crm.application.client_id, quietly=True)
            hook = installed(crm, told, is_event=is_event)
            values = await install(bench.http, crm.application, hook)
            config = Config.model_validate(values)
            assert config.base == crm.config.base
            assert config.member_id == crm.config.member_id
            assert config.application_token.get_secret_value() == told["application_token"]
            assert config.refresh_token.get_secret_value() != told["refresh_token"]
            assert (await replace(crm, config=config).check()).id == config.member_id
            error = await refusal(install(bench.http, crm.application, hook))
            assert error.failure.code == "bitrix24.grant_refused"

    async def test_tokens_of_another_portal_are_not_taken_for_ones_of_this(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        emulator.add_portal("other")
        told = emulator.install("other", crm.application.client_id, quietly=True)
        hook = installed(crm, told, is_event=True)
        error = await refusal(install(bench.http, crm.application, hook))
        assert error.failure == AuthExpired(code="bitrix24.another_portal")

    async def test_a_server_that_nobody_vouches_for_gets_no_secret(
        self, crm: Bitrix24, bench: Bench
    ) -> None:
        bare = crm.application.model_copy(update={"oauth_base": ""})
        told = {"refresh_token": "r", "application_token": "t"}
        hook = installed(crm, told, is_event=True, server="https://oauth.evil.example/rest/")
        bench.http.calls.clear()
        with pytest.raises(ValueError, match="authorization server"):
            await install(bench.http, bare, hook)
        for body in (b"", b"x=1", b"\xff", b"event=ONAPPINSTALL&auth=1"):
            with pytest.raises(ValueError, match="installs an application"):
                await install(bench.http, bare, Webhook(method="POST", body=body))
        assert not bench.http.calls


class TestConsent:
    async def test_a_code_brings_tokens_and_no_proof_of_events(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        server = {"oauth_base": crm.config.oauth_base}
        application = crm.application.model_copy(update=server)
        code = emulator.consent(ACME, application.client_id)
        values = await exchange_code(bench.http, application, crm.config.base, code)
        config = Config.model_validate(values)
        assert (config.base, config.member_id) == (crm.config.base, crm.config.member_id)
        assert len((await replace(crm, config=config).check()).warnings) == 1
        error = await refusal(exchange_code(bench.http, application, crm.config.base, code))
        assert error.failure == AuthExpired(code="bitrix24.grant_refused")

    def test_the_page_is_the_portals_own(self, crm: Bitrix24) -> None:
        url = authorize_url(crm.application, "https://acme.bitrix24.ru", "a&b")
        assert url.startswith("https://acme.bitrix24.ru/oauth/authorize/?client_id=local.")
        assert url.endswith("state=a%26b")

    async def test_a_lost_answer_to_a_refresh_is_doubt(
        self, crm: Bitrix24, emulator: Bitrix24Emulator
    ) -> None:
        emulator.stage.arm("refresh_answer_lost", match="/oauth/token/")
        assert (await refusal(crm.refresh())).failure.kind == "ambiguous"
        assert (await refusal(crm.refresh())).failure.code == "bitrix24.grant_refused"

    @pytest.mark.parametrize("said", ["invalid_client", "WRONG_CLIENT"])
    async def test_a_refusal_is_read_in_the_body_whatever_its_status(
        self, crm: Bitrix24, emulator: Bitrix24Emulator, said: str
    ) -> None:
        emulator.switches.set("wrong_client", said)
        wrong = crm.application.model_copy(update={"client_secret": SecretStr("x")})
        error = await refusal(replace(crm, application=wrong).refresh())
        assert error.failure == AuthExpired(code="bitrix24.grant_refused")
        emulator.stage.arm("payment_required", match="/oauth/token/")
        error = await refusal(crm.refresh())
        assert error.failure == Blocked(code="bitrix24.plan", by="provider")


class TestFiles:
    async def test_an_operators_file_is_brought_from_its_portal_only(
        self, crm: Bitrix24, bench: Bench, emulator: Bitrix24Emulator
    ) -> None:
        held = emulator.upload(ACME, "прайс.txt", b"12345")
        file = emulator.world.portal(ACME).lines.files[held["id"]]
        link = f"{crm.config.base}/pub/im.file.php?FILE_ID={file.id}&SIGN={file.key}"
        shown = Attachment(kind=AttachmentKind.FILE, handle=link, title="прайс.txt")
        fetched = await crm.fetch(shown, 1000)
        assert (fetched.body, fetched.name, fetched.mime) == (b"12345", "прайс.txt", "text/plain")
        gone = replace(shown, handle=link.replace(file.key, "0" * 32))
        foreign = replace(shown, handle="https://evil.example/1")
        for wrong, code in ((gone, "no_such_file"), (foreign, "foreign_file")):
            error = await refusal(crm.fetch(wrong, 1000))
            assert error.failure == Permanent(code=f"bitrix24.{code}")
        assert not [call for call in bench.http.calls if "evil" in call.url]


def installed(
    crm: Bitrix24, told: Mapping[str, str], *, is_event: bool, server: str = ""
) -> Webhook:
    """The call with which a portal installs an application: an event, or a page it opens."""
    server = server or f"{crm.config.oauth_base}/rest/"
    if is_event:
        auth = {
            "domain": "acme.bitrix24.ru",
            "access_token": "ACCESS_TOKEN_0",
            "refresh_token": told["refresh_token"],
            "server_endpoint": server,
            "member_id": crm.config.member_id,
            "application_token": told["application_token"],
        }
        fields = {f"auth[{name}]": value for name, value in auth.items()}
        return Webhook(method="POST", body=form({"event": "ONAPPINSTALL", **fields}))
    page = {
        "AUTH_ID": "ACCESS_TOKEN_0",
        "REFRESH_ID": told["refresh_token"],
        "SERVER_ENDPOINT": server,
        "APPLICATION_TOKEN": told["application_token"],
        "member_id": crm.config.member_id,
        "PLACEMENT": "DEFAULT",
    }
    return Webhook(method="POST", body=form(page), query={"DOMAIN": "acme.bitrix24.ru"})
