"""What an administrator can do to a portal, and what the doctor says of it; and our open line."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from channel_clients.emulators.stage import Push
from crm_clients.bitrix24 import MANIFEST, Bitrix24, Config
from crm_clients.bitrix24.bbcode import GAP
from crm_clients.bitrix24.doors import ConnectionDoor
from crm_clients.bitrix24.lines import connector_of
from crm_clients.emulators.bitrix24 import Bitrix24Emulator
from mappers.vocabulary import Operator, Remark, Webhook
from mappers.vocabulary.adapters import Finding
from tests.conformance.bitrix24_scene import ACME, ADDRESS
from tests.conformance.crm_bench import OURS, WORDS, Bench, refusal


def as_words(findings: tuple[Finding, ...]) -> str:
    return "\n".join(f"{each.level}: {each.what} > {each.advice}" for each in findings)


def installation(emulator: Bitrix24Emulator, crm: Bitrix24) -> Any:
    return emulator.world.portal(ACME).installations[crm.application.client_id]


def settings(emulator: Bitrix24Emulator, line: str) -> dict[str, Any]:
    return emulator.world.portal(ACME).lines.lines[int(line)].config


Harm = Callable[[Bitrix24Emulator, Bitrix24], object]


def _without_scope(emulator: Bitrix24Emulator, crm: Bitrix24) -> None:
    mine = installation(emulator, crm)
    mine.scopes = frozenset(mine.scopes - {"disk", "crm"})


def _demote(emulator: Bitrix24Emulator, crm: Bitrix24) -> None:
    mine = installation(emulator, crm)
    emulator.world.portal(ACME).users[mine.user_id].is_admin = False


def _unfinish(emulator: Bitrix24Emulator, crm: Bitrix24) -> None:
    installation(emulator, crm).is_finished = False


def _line(**config: Any) -> Harm:
    return lambda emulator, crm: emulator.set_line(ACME, int(crm.config.line), **config)


def _empty_queue(emulator: Bitrix24Emulator, crm: Bitrix24) -> None:
    emulator.world.portal(ACME).lines.lines[int(crm.config.line)].queue.clear()


def _forget_connector(emulator: Bitrix24Emulator, crm: Bitrix24) -> None:
    portal = emulator.world.portal(ACME)
    del portal.lines.connectors[connector_of(crm.application)]


def _on_two_lines(emulator: Bitrix24Emulator, crm: Bitrix24) -> None:
    lines = emulator.world.portal(ACME).lines
    other = emulator.add_line(ACME, "Продажи")
    name = connector_of(crm.application)
    lines.statuses[name, other] = lines.status_of(name, int(crm.config.line))


def _another_hub(emulator: Bitrix24Emulator, crm: Bitrix24) -> None:
    connectors = emulator.world.portal(ACME).lines.connectors
    mine = connectors[connector_of(crm.application)]
    connectors["threadline_0123456789"] = replace(mine, id="threadline_0123456789")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda e, c: e.set_plan(ACME, has_rest=False), "bitrix24.plan"),
        (lambda e, c: e.dismiss(ACME, installation(e, c).user_id), "bitrix24.authorization_error"),
        (lambda e, c: e.uninstall(ACME, c.application.client_id), "does not let us in"),
        (lambda e, c: e.rename(ACME, "acme-new"), "warning: The portal was renamed"),
        (_unfinish, "problem: The installation of the application is not finished"),
        (_without_scope, "problem: The application lacks permissions: crm"),
        (_without_scope, "warning: The application lacks permissions: disk"),
        (_demote, "warning: Who installed the application is no administrator"),
        (lambda e, c: e.update_application(ACME, c.application.client_id), "does not tell us of"),
        (_forget_connector, "problem: The portal does not have our connector"),
        (_another_hub, "warning: Another registration of Threadline"),
        (lambda e, c: e.delete_line(ACME, int(c.config.line)), "is not there any more"),
        (_line(ACTIVE="N"), "is switched off"),
        (_line(CRM_CREATE="lead"), "makes cards by itself (lead)"),
        (_line(VOTE_MESSAGE="Y"), "asks for ratings"),
        (_empty_queue, "Nobody is in the queue"),
        (
            lambda e, c: e.deactivate(ACME, connector_of(c.application), int(c.config.line)),
            "does not take our connector into work",
        ),
        (_on_two_lines, "Our connector is on the line 'Продажи', too"),
    ],
)
async def test_the_doctor_names_what_is_wrong(
    emulator: Bitrix24Emulator, crm: Bitrix24, harm: Harm, told: str
) -> None:
    harm(emulator, crm)
    findings = await crm.diagnose(ADDRESS)
    assert told in as_words(findings)
    assert all(each.advice for each in findings if each.level != "ok")


async def test_the_doctor_looks_at_our_own_side_too(bench: Bench, crm: Bitrix24) -> None:
    moved = await crm.diagnose("http://10.0.0.1/hooks/0192")
    assert "needs a public https address" in as_words(moved)
    assert "another one than ours of today" in as_words(moved)
    bench.http.at += timedelta(minutes=30)
    assert "minutes apart" in as_words(await crm.diagnose(ADDRESS))


def configured(crm: Bitrix24, changes: Any) -> Bitrix24:
    values = {**crm.config.model_dump(), **changes}
    return replace(crm, config=Config.model_validate(values))


async def named(crm: Bitrix24, line: str) -> Bitrix24:
    application = crm.application.model_copy(update={"line": line})
    renamed = replace(crm, application=application)
    return configured(renamed, (await renamed.set_up(ADDRESS, take_over=False)).changes)


@pytest.mark.parametrize("by", ["number", "name"])
async def test_a_line_that_is_named_is_taken_and_put_back(
    emulator: Bitrix24Emulator, crm: Bitrix24, by: str
) -> None:
    chosen = str(emulator.add_line(ACME, "Продажи", CRM_CREATE="deal"))
    before = dict(settings(emulator, chosen))
    taken = await named(crm, chosen if by == "number" else "Продажи")
    assert taken.config.line == chosen
    assert settings(emulator, chosen)["CRM_CREATE"] == "none"
    statuses = emulator.world.portal(ACME).lines.statuses
    assert [line for _, line in statuses] == [int(chosen)]

    again = configured(taken, (await taken.set_up(ADDRESS, take_over=False)).changes)
    assert again.config.line_before == (("CRM_CREATE", "deal"),)
    await again.tear_down()
    assert settings(emulator, chosen) == before


async def test_what_an_administrator_changed_meanwhile_stays(
    emulator: Bitrix24Emulator, crm: Bitrix24
) -> None:
    chosen = emulator.add_line(ACME, "Продажи", CRM_CREATE="deal")
    taken = await named(crm, str(chosen))
    emulator.set_line(ACME, chosen, CRM_CREATE="lead")
    again = configured(taken, (await taken.set_up(ADDRESS, take_over=False)).changes)
    assert settings(emulator, str(chosen))["CRM_CREATE"] == "lead"
    await again.tear_down()
    assert settings(emulator, str(chosen))["CRM_CREATE"] == "lead"


async def test_a_line_that_is_gone_is_made_anew_and_a_wrong_number_is_refused(
    emulator: Bitrix24Emulator, crm: Bitrix24
) -> None:
    emulator.delete_line(ACME, int(crm.config.line))
    anew = configured(crm, (await crm.set_up(ADDRESS, take_over=False)).changes)
    assert anew.config.line != crm.config.line
    assert {each.level for each in await anew.diagnose(ADDRESS)} == {"ok"}
    wrong = replace(crm, application=crm.application.model_copy(update={"line": "9999"}))
    error = await refusal(wrong.set_up(ADDRESS, take_over=False))
    assert error.failure.code == "bitrix24.no_such_line"


@pytest.mark.parametrize("echoed", [True, False])
async def test_what_the_system_says_for_us_is_no_reply_even_where_it_is_told_back(
    emulator: Bitrix24Emulator,
    bench: Bench,
    crm: Bitrix24,
    echoed: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    emulator.switches.set("system_message_echoed", value=echoed)
    entry = await bench.entry()
    await crm.write(entry)
    reply = bench.reply(OURS, "Завтра")
    remark = Remark(key="r1", reply=reply, conversation=entry.conversation, words="Не видит")
    pushed: list[bytes] = []

    async def hear(call: Push) -> int:
        pushed.append(call.body)
        return 200

    monkeypatch.setattr(emulator.stage, "_pusher", hear)
    for _ in range(2):
        await crm.remark(remark)
    by_phone = replace(entry, key="by-phone", author=Operator(id=""), text="С телефона")
    await crm.write(by_phone)
    await emulator.drain()

    assert [each.replace(GAP, "") for each in bench.timeline(OURS)] == [
        *(WORDS, "Завтра", "Не видит", "С телефона")
    ]
    door = MANIFEST.door(crm.config, crm.application)
    calls = [Webhook(method="POST", body=body) for body in pushed]
    parcels = [parcel for call in calls for parcel in door.receive(call).parcels]
    assert len(parcels) == (2 if echoed else 0)
    assert all(bench.read(parcel).ignored == ("event.told_by_us",) for parcel in parcels)


@pytest.mark.parametrize("named", ["anybody", "known", "nobody"])
async def test_who_the_customer_is_may_be_told_by_a_change_that_changes_nothing(
    emulator: Bitrix24Emulator, bench: Bench, crm: Bitrix24, named: str
) -> None:
    emulator.switches.set("changes_name", value=named)
    entry = await bench.entry()
    assert bool(entry.conversation.user) is (named == "anybody")
    receipt = await crm.write(entry)
    assert receipt.user
    assert entry.conversation.user in ("", receipt.user)


@pytest.mark.parametrize(("named", "found"), [("anybody", True), ("known", True), ("nobody", None)])
async def test_a_first_message_is_never_taken_for_absent_where_nobody_says_who_wrote_it(
    emulator: Bitrix24Emulator, bench: Bench, crm: Bitrix24, named: str, found: bool | None
) -> None:
    emulator.switches.set("changes_name", value=named)
    emulator.switches.set("crm_delay_s", value=60.0)
    entry = await bench.entry()
    bench.arm("cut_after", "write")
    assert (await refusal(crm.write(entry))).failure.kind == "ambiguous"
    if found is None:
        assert (await refusal(crm.find_entry(entry, bench.recently()))).failure.kind == "blocked"
    else:
        assert await crm.find_entry(entry, bench.recently())


def test_the_page_of_our_connector_is_framed_by_clouds_and_the_portal_alone() -> None:
    config = Config.model_validate(
        {
            "base": "https://portal.company.ru",
            "member_id": "0" * 32,
            "access_token": "a",
            "refresh_token": "r",
        }
    )
    door = ConnectionDoor(config)
    shown = {
        lang: door.receive(Webhook(method="POST", tail="settings", query={"LANG": lang})).answer
        for lang in ("ru", "en")
    }
    assert "Здесь ничего не нужно настраивать" in shown["ru"].body.decode()
    assert "There is nothing to set here" in shown["en"].body.decode()
    allowed = shown["ru"].policy.partition("frame-ancestors ")[2].split()
    assert {"https://*.bitrix24.ru", "https://*.bitrix24.com"} < set(allowed)
    assert allowed[-1] == "https://portal.company.ru"
    assert {"*", "https:"}.isdisjoint(allowed)
