"""Promises about calls and e-mails, of the CRMs that can be told of them."""

from dataclasses import replace

from crm_clients.contract import WritesCalls, WritesEmails
from mappers.vocabulary import CallDraft, CallResult, Direction, EmailDraft
from tests.conformance.crm_bench import DRAFT, EMAIL, PHONE, Bench, refusal


def a_call(bench: Bench, record: str = "") -> CallDraft:
    return CallDraft(
        direction=Direction.INBOUND,
        phone=PHONE,
        began_at=bench.http.now(),
        duration_s=73,
        telephony="Mango",
        result=CallResult.TALKED,
        recording="https://records.example/1.mp3",
        words="Перезвонить завтра",
        record=record,
    )


class LogPromises:
    async def test_a_call_is_on_the_card_of_whoever_has_the_phone_or_of_the_record(
        self, bench: Bench
    ) -> None:
        crm = bench.crm
        if not isinstance(crm, WritesCalls):
            return
        record = await crm.create_record(DRAFT, key="record-1")
        for key, draft in (("call-1", a_call(bench)), ("call-2", a_call(bench, record))):
            receipt = await crm.write_call(draft, key=key)
            assert await crm.find_call(draft, key, bench.recently()) == receipt
            assert await crm.find_call(draft, "other", bench.recently()) is None
        assert bench.calls() == [PHONE, PHONE]

    async def test_a_call_of_nobodys_phone_is_refused_for_good(self, bench: Bench) -> None:
        crm = bench.crm
        if not isinstance(crm, WritesCalls):
            return
        error = await refusal(crm.write_call(a_call(bench), key="call-1"))
        assert error.failure.kind == "permanent"
        assert bench.calls() == []

    async def test_a_call_in_doubt_is_found_exactly_once(self, bench: Bench) -> None:
        crm = bench.crm
        if not isinstance(crm, WritesCalls):
            return
        record = await crm.create_record(DRAFT, key="record-1")
        for key, draft in (("call-1", a_call(bench)), ("call-2", a_call(bench, record))):
            bench.arm("cut_before", "create")
            error = await refusal(crm.write_call(draft, key=key))
            assert error.failure.kind == bench.lost("log")
            assert await crm.find_call(draft, key, bench.recently()) is None
            bench.arm("cut_after", "create")
            error = await refusal(crm.write_call(draft, key=key))
            assert error.failure.kind == bench.lost("log")
            assert await crm.find_call(draft, key, bench.recently())
        assert len(bench.calls()) == 2

    async def test_an_email_is_on_the_card_and_found_again(self, bench: Bench) -> None:
        crm = bench.crm
        if not isinstance(crm, WritesEmails):
            return
        draft = EmailDraft(
            direction=Direction.INBOUND,
            record=await crm.create_record(DRAFT, key="record-1"),
            sent_at=bench.http.now(),
            subject="Счёт",
            sender=EMAIL,
            recipients=("shop@example.com",),
            excerpt="Пришлите, пожалуйста",
        )
        bench.arm("cut_after", "create")
        assert (await refusal(crm.write_email(draft, key="m-1"))).failure.kind == bench.lost("log")
        assert await crm.find_email(draft, "m-1", bench.recently())
        receipt = await crm.write_email(replace(draft, subject="Ещё счёт"), key="m-2")
        assert await crm.find_email(draft, "m-2", bench.recently()) == receipt
        assert await crm.find_email(draft, "m-3", bench.recently()) is None
        assert bench.emails() == ["Счёт", "Ещё счёт"]
        assert not [word for word in (EMAIL, "Счёт") if word in repr(draft)]
