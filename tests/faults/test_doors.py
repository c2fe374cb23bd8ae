"""What comes through the doors: twice, late, forged, broken, endless."""

import asyncio
import gzip
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from channel_clients.emulators.stage import Push
from tests.faults.scene import (
    NINA,
    PETR,
    SECRET,
    SECRET_HEADER,
    account_door,
    back_in,
    bot_door,
    chat_door,
    chat_hook,
    correction,
    knock,
    overheard,
    update,
    words_of,
)
from tests.journeys.town import ACCOUNT, Town

LIMIT = 5 * 1024 * 1024
HEAD = "POST {path} HTTP/1.1\r\nHost: hub\r\n" + f"{SECRET_HEADER}: {SECRET}\r\n"


async def in_store(town: Town) -> int:
    return await town.count("SELECT count(*) FROM inbox")


async def still_serves(town: Town) -> None:
    """Whatever was thrown at the doors, the next honest message arrives."""
    town.telegram.say(PETR, "сосед", name="Пётр")
    await town.settle()
    assert words_of(town, PETR) == ["сосед"]


@asynccontextmanager
async def socket_to(
    url: str,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, str]]:
    """Open a bare socket to a door; yields it with the head of a request to that door."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer, HEAD.format(path=parts.path)
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def knock_as(hook: Push, *, times: int) -> set[int]:
    """Repeat a call that was overheard, many times at once."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answers = await asyncio.gather(
            *(
                client.post(hook.url, content=hook.body, headers=dict(hook.headers))
                for _ in range(times)
            )
        )
    return {answer.status_code for answer in answers}


async def status_on(reader: asyncio.StreamReader) -> int:
    line = await reader.readline()
    return int(line.split()[1]) if line else 0


# 8. The same again.


async def test_fault_08_one_webhook_a_hundred_times_and_after_a_restart_is_one_message(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with back_in(town) as first:
        with overheard(town.telegram.stage) as said, overheard(town.amocrm.stage) as typed:
            town.telegram.say(NINA, "только раз", name="Нина")
            await first.settle()
            town.reply(NINA, "один ответ")
            await first.settle()
        hooks = said[0], next(call for call in typed if "x-signature" in call.headers)
        statuses = [await knock_as(hook, times=100) for hook in hooks]
        await first.settle()
    async with back_in(town) as second:
        statuses += [await knock_as(hook, times=20) for hook in hooks]
        await second.settle()

    assert statuses == [{200}] * 4
    assert words_of(town, NINA) == ["только раз", "один ответ"]
    assert town.seen_by(NINA) == ["один ответ"]


# 9. In any order.


async def test_fault_09_corrections_that_overtake_their_message_wait_for_it(town: Town) -> None:
    door = await bot_door(town)
    numbers = itertools.count(1)
    users = range(2001, 2007)
    for user, order in zip(users, itertools.permutations(range(3)), strict=True):
        said = update(next(numbers), "первое слово", user)
        told = (
            said,
            correction(next(numbers), said, "второе слово", at=10),
            correction(next(numbers), said, "последнее слово", at=20),
        )
        for place in order:
            body = json.dumps(told[place]).encode()
            assert (await knock(door, body)).status_code == 200
    await town.settle()

    assert {user: words_of(town, user) for user in users} == {
        user: ["последнее слово"] for user in users
    }


async def test_fault_09_replies_whose_hooks_overtake_each_other_are_put_back_in_order(
    town: Town,
) -> None:
    """One reply's hook overtakes another's: the customer reads what was typed first, first."""
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    town.amocrm.stage.arm("reordered_hooks")
    town.reply(NINA, "раз")
    town.reply(NINA, "два")
    await town.settle()

    assert town.seen_by(NINA) == ["раз", "два"]
    assert [[s.code for s in reply.statuses] for reply in town.amocrm.replies] == [[1], [1]]


# 17. Too much.


async def test_fault_17_ten_megabytes_are_refused_by_their_announcement(town: Town) -> None:
    async with socket_to(await bot_door(town)) as (reader, writer, head):
        writer.write(f"{head}Content-Length: 10000000\r\n\r\n".encode())
        assert await status_on(reader) == 413
    assert await in_store(town) == 0
    await still_serves(town)


async def test_fault_17_an_endless_body_is_refused_while_it_streams(town: Town) -> None:
    chunk = b"%x\r\n%s\r\n" % (65536, b"x" * 65536)
    sent = 0
    async with socket_to(await bot_door(town)) as (reader, writer, head):
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        answer = asyncio.ensure_future(status_on(reader))
        async with town.patience():
            while not answer.done():
                writer.write(chunk)
                sent += len(chunk)
                await asyncio.gather(writer.drain(), return_exceptions=True)
                await asyncio.sleep(0)
        assert await answer == 413
    assert sent < 4 * LIMIT
    assert await in_store(town) == 0
    await still_serves(town)


async def test_fault_17_a_length_that_is_none_is_refused(town: Town) -> None:
    body = json.dumps(update(1, "x")).encode()
    door = await bot_door(town)
    for length in ("-1", "many", "9" * 40, "+5", "0x10", "1, 2"):
        async with socket_to(door) as (reader, writer, head):
            writer.write(f"{head}Content-Length: {length}\r\n\r\n".encode() + body)
            assert await status_on(reader) in {400, 413}, length
    assert await in_store(town) == 0
    await still_serves(town)


async def test_fault_17_a_body_that_is_not_as_long_as_announced_is_not_kept(town: Town) -> None:
    body = json.dumps(update(1, "обрывок")).encode()
    door = await bot_door(town)
    async with socket_to(door) as (_, writer, head):
        writer.write(f"{head}Content-Length: {len(body) + 5}\r\n\r\n".encode() + body)
        writer.write_eof()
    async with socket_to(door) as (reader, writer, head):
        writer.write(f"{head}Content-Length: {len(body) - 5}\r\n\r\n".encode() + body)
        assert await status_on(reader) == 400
    await still_serves(town)
    assert words_of(town, NINA) == []


# 18. Nonsense.

WHOLE = json.dumps(update(1, "WORDS"))
NONSENSE = {
    "nothing": b"",
    "half": b'{"update_id": 1, "mess',
    "no utf-8": b'{"update_id": 1, "message": "\xff\xfe\xc3"}',
    "a bare nul": b'{"update_id": 1, "message": "\x00"}',
    "a list": b"[1, 2]",
    "null": b"null",
    "infinity": b'{"update_id": 1e400}',
    "not a number": b'{"update_id": NaN}',
    "a large number": b'{"update_id": 1%s}' % (b"0" * 5000),
    "depth": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "depth of lists": b"[" * 10_000 + b"]" * 10_000,
}
ODD = {
    "depth inside": WHOLE.replace('"WORDS"', "[" * 10_000 + "]" * 10_000),
    "infinity inside": WHOLE.replace("1793300000", "1e400"),
    "a date of no calendar": WHOLE.replace("1793300000", "9" * 18),
    "a nul": WHOLE.replace("WORDS", "до\\u0000после"),
    "half a pair": WHOLE.replace("WORDS", "до\\ud800после"),
    "duplicate keys": WHOLE.replace('"text": "WORDS"', '"text": "один", "text": "два"'),
    "duplicate messages": WHOLE[:-1] + ', "message": null}',
}


async def test_fault_18_nonsense_is_refused_at_every_door_and_never_stored(town: Town) -> None:
    chats, account, bot = chat_door(town), await account_door(town), await bot_door(town)
    for name, body in NONSENSE.items():
        at_chats = await knock(chats.url, body, **chats.signed(body))
        assert (await knock(bot, body)).status_code == 400, name
        assert at_chats.status_code == 400, name
        assert (await knock(account, body)).status_code == 400, name

    assert await in_store(town) == 0
    assert town.hub.refusals.total == {"malformed": 3 * len(NONSENSE)}
    await still_serves(town)


async def test_fault_18_odd_bodies_are_delivered_or_set_aside_and_harm_no_neighbour(
    town: Town,
) -> None:
    door = await bot_door(town)
    statuses = {}
    for number, (name, text) in enumerate(ODD.items(), 1):
        told = text.replace('"update_id": 1', f'"update_id": {number}')
        told = told.replace('"message_id": 1', f'"message_id": {number}')
        statuses[name] = (await knock(door, told.encode())).status_code
    await still_serves(town)

    assert set(statuses.values()) <= {200, 400}
    kept = sum(status == 200 for status in statuses.values())
    closed = "SELECT count(*) FROM inbox WHERE state IN ('read', 'set_aside')"
    assert await town.count(closed) == kept + 1
    assert words_of(town, NINA) == ["до\ufffdпосле", "до\ufffdпосле", "два"]


async def test_fault_18_odd_replies_are_delivered_or_set_aside_and_harm_no_neighbour(
    town: Town,
) -> None:
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    chats = chat_door(town)
    whole = chat_hook(town, "WORDS", name="NAME").decode()
    odd = (
        whole.replace("WORDS", "до\\u0000после"),
        whole.replace("WORDS", "до\\ud800после"),
        whole.replace('"WORDS"', "1e400"),
        whole.replace('"WORDS"', "[" * 9_000 + "]" * 9_000),
        whole.replace('"text": "WORDS"', '"text": "один", "text": "два"'),
    )
    bodies = [text.replace("NAME", f"odd-{n}").encode() for n, text in enumerate(odd)]
    for body in bodies:
        assert (await knock(chats.url, body, **chats.signed(body))).status_code in {200, 400}
    town.reply(NINA, "обычный ответ")
    await town.settle()

    seen = town.seen_by(NINA)
    assert seen[:2] == ["до\ufffdпосле", "до\ufffdпосле"]
    assert seen[-2:] == ["два", "обычный ответ"]


# 19. Packed.


async def test_fault_19_a_packed_body_is_not_unpacked(town: Town) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    honest = gzip.compress(json.dumps(update(1, "в пакете")).encode())
    door = await bot_door(town)

    statuses = [
        (await knock(door, body, content_encoding=coding)).status_code
        for body in (bomb, honest)
        for coding in ("gzip", "deflate", "br")
    ]
    statuses.append((await knock(door, bomb)).status_code)
    assert statuses == [415] * 6 + [400]
    assert await in_store(town) == 0
    await still_serves(town)


# 22. Slowly.


async def test_fault_22_those_who_dawdle_keep_nobody_waiting(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("middleware.webhooks.door.BODY_TIMEOUT_S", 2.0)
    door = await bot_door(town)
    crowd = [socket_to(door) for _ in range(100)]
    opened = [await each.__aenter__() for each in crowd]
    for _, writer, head in opened:
        writer.write(f"{head}Content-Length: 100\r\n\r\n".encode() + b"{")
    idle = [socket_to(door) for _ in range(100)]
    await asyncio.gather(*(each.__aenter__() for each in idle))
    await still_serves(town)
    async with town.patience():
        statuses = await asyncio.gather(*(status_on(reader) for reader, _, _ in opened))
    await asyncio.gather(*(each.__aexit__(None, None, None) for each in (*crowd, *idle)))

    assert set(statuses) == {408}
    assert town.hub.refusals.total["too slow"] == 100


# 23, 24. Liars.


async def test_fault_23_a_signed_call_that_is_replayed_says_nothing_new(town: Town) -> None:
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    with overheard(town.amocrm.stage) as heard:
        town.reply(NINA, "секрет")
        await town.settle()
    hook = next(call for call in heard if "x-signature" in call.headers)
    assert await knock_as(hook, times=3) == {200}
    other = town.amocrm.add_account("rival")
    account = town.amocrm.world.account(ACCOUNT)
    elsewhere = replace(hook, url=hook.url.replace(account.amojo_id, other.amojo_id))
    assert await knock_as(elsewhere, times=3) == {401}
    await town.settle()

    assert town.seen_by(NINA) == ["секрет"]


def tampered(signature: str) -> dict[str, str]:
    """Signatures that resemble the true one, each in its own way."""
    flipped = ("0" if signature[0] != "0" else "1") + signature[1:]
    last = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    return {
        "none": "",
        "first digit": flipped,
        "last digit": last,
        "too short": signature[:-1],
        "too long": signature + "0",
        "with its name": f"sha1={signature}",
        "in capitals": signature.upper() if signature.upper() != signature else flipped,
        "inner space": f"{signature[:20]} {signature[20:]}",
        "twice": f"{signature}, {signature}",
        "letters of another alphabet": signature.replace("a", "а").replace("e", "е") + "а",
    }


async def test_fault_24_forged_signatures_are_refused_counted_and_never_stored(town: Town) -> None:
    town.telegram.say(NINA, "Здравствуйте", name="Нина")
    await town.settle()
    before = await in_store(town)
    chats = chat_door(town)
    body = chat_hook(town, "не от оператора", name="forged")
    true = chats.signed(body)["x-signature"]
    statuses = {
        name: await knock(chats.url, body, **{"x-signature": shown})
        for name, shown in tampered(true).items()
    }
    changed = body.replace("оператора".encode(), "начальника".encode())
    statuses["another body"] = await knock(chats.url, changed, **{"x-signature": true})
    door = await bot_door(town)
    said = json.dumps(update(1, "не от Telegram")).encode()
    for secret in (None, "", "hush", f"{SECRET}1", SECRET.upper(), f"{SECRET}, {SECRET}"):
        statuses[f"secret {secret}"] = await knock(door, said, secret=secret)
    await town.settle()

    assert {name: answer.status_code for name, answer in statuses.items()} == dict.fromkeys(
        statuses, 401
    )
    assert await in_store(town) == before
    assert town.seen_by(NINA) == []
    await town.hub.refusals.write(town.hub.engine)
    written = await town.rows("SELECT sum(count) AS count FROM refusals WHERE reason = 'forged'")
    assert written == [{"count": len(statuses)}]


async def test_fault_24_the_accounts_own_hook_is_believed_about_no_other_account(
    town: Town,
) -> None:
    form: dict[str, Any] = {
        "contacts[delete][0][id]": "1",
        "contacts[delete][0][type]": "contact",
        "account[id]": "99999",
        "account[subdomain]": "rival",
    }
    answer = await knock(await account_door(town), urlencode(form).encode())

    assert answer.status_code == 401
    assert await in_store(town) == 0
    unknown = town.hub.settings.hook_address("guess")
    assert (await knock(unknown, b"{}")).status_code == 404
