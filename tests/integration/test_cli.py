"""The command line, as a person and a script use it; on a real database, serving nothing."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from channel_clients.emulators.stage import Stage, serving
from channel_clients.emulators.telegram import TelegramEmulator
from crm_clients.emulators.amocrm import AmoCrmEmulator
from mappers.vocabulary import DeliveryState
from middleware.cli.main import app
from middleware.cli.words import WORDS
from middleware.db import tables
from middleware.db.engine import transaction
from middleware.hub import Hub
from tests import builders
from tests.builders import (
    a_caller,
    a_claim,
    a_connection,
    a_contact,
    a_delivery,
    a_held_reply,
    an_open_hub,
    states_of,
)
from tests.postgres import finished

T = TypeVar("T")
TOKEN = "700100:" + "A" * 35
PATIENCE_S = 60


class Shell:
    """A person at a keyboard, in English."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    @property
    def env(self) -> dict[str, str]:
        return {
            "THREADLINE_DATABASE_URL": self.url,
            "THREADLINE_DATA_DIR": str(self.folder),
            "THREADLINE_PUBLIC_URL": "https://hub.example",
            "THREADLINE_LANGUAGE": "en",
        }

    def run(self, *words: str, stdin: str = "", **env: str) -> Result:
        return CliRunner().invoke(app, list(words), input=stdin, env={**self.env, **env})

    def says(self, *words: str, stdin: str = "", status: int = 0, **env: str) -> str:
        done = self.run(*words, stdin=stdin, **env)
        assert done.exit_code == status, done.output
        assert "Traceback" not in done.output
        return done.output

    def json(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def prepare(self, work: Callable[[Hub], Awaitable[T]]) -> T:
        """Do something on the hub's database, before or after a command."""

        async def opened() -> T:
            async with an_open_hub(self.url, self.folder) as hub:
                return await work(hub)

        return finished(opened())


@pytest.fixture
def shell(postgres_url: str, tmp_path: Path) -> Shell:
    return Shell(postgres_url, tmp_path)


async def dead_writes(hub: Hub) -> list[Any]:
    caller = await a_caller(hub)
    crm = await a_connection(hub, caller.workspace, "amocrm", title="Shop CRM")
    return [await a_delivery(hub, crm, DeliveryState.DEAD, code="http.400") for _ in range(3)]


async def two_who_share_a_phone(hub: Hub) -> tuple[UUID, UUID, UUID]:
    """The claim, who holds the phone, and who showed it too."""
    caller = await a_caller(hub)
    holder = await a_contact(hub, caller.workspace)
    claimant = await a_contact(hub, caller.workspace, phone="+79162223344")
    return await a_claim(hub, claimant, holder), holder, claimant


class TestLooking:
    def test_an_empty_hub_says_what_comes_next(self, shell: Shell) -> None:
        assert "Nothing" in shell.says("connections")
        said = shell.says("doctor")
        assert "threadline up" in said
        assert "threadline connect --help" in said
        assert "hub.example" in said
        assert "the clocks of the hub and the database agree" in said
        assert "nothing is known of any backup" in said

    def test_the_doctor_knows_of_backups(self, shell: Shell, tmp_path: Path) -> None:
        shell.says("backup", str(tmp_path / "backup.zip"))
        assert "the last backup is 0 h old" in shell.says("doctor")

    def test_files_that_have_nowhere_to_lie_are_a_problem(self, shell: Shell) -> None:
        where = {"BUCKET": "files", "ENDPOINT": "http://127.0.0.1:1", "KEY_ID": "id", "SECRET": "x"}
        bucket = {f"THREADLINE_S3_{name}": value for name, value in where.items()}
        assert "does not answer: files" in shell.says("doctor", status=1, **bucket)
        del bucket["THREADLINE_S3_SECRET"]
        assert "S3_KEY_ID and S3_SECRET" in shell.says("doctor", status=2, **bucket)

    def test_it_speaks_both_languages(self, shell: Shell) -> None:
        assert "Пусто" in shell.says("--lang", "ru", "connections")
        assert "Пусто" in shell.says("connections", THREADLINE_LANGUAGE="ru")
        assert set(WORDS["ru"]) == set(WORDS["en"])
        for name, words in WORDS["en"].items():
            asked = re.findall(r"\{(\w+)\}", words)
            assert sorted(asked) == sorted(re.findall(r"\{(\w+)\}", WORDS["ru"][name])), name

    def test_deliveries_are_masked_and_readable_by_scripts(self, shell: Shell) -> None:
        shell.prepare(held_reply)
        (line,) = shell.json("deliveries", "--state", "held")["items"]
        assert line["kind"] == "send"
        assert builders.WORDS not in line["words"]
        assert "Shop bot" in shell.says("held", "list")

    def test_a_trace_tells_what_there_is(self, shell: Shell) -> None:
        message = shell.prepare(held_reply)
        masked = shell.says("trace", str(message))
        assert "telegram.contact_shared" in masked
        assert builders.PHONE not in masked
        clear = shell.says("trace", str(message), "--raw")
        assert builders.PHONE in clear
        assert builders.WORDS in clear

    def test_tail_shows_the_latest_once(self, shell: Shell) -> None:
        shell.prepare(held_reply)
        assert "К••••" in shell.says("tail", "--once")


class TestDoing:
    def test_many_are_counted_first_and_replayed_when_told_to(self, shell: Shell) -> None:
        dead = shell.prepare(dead_writes)
        assert "Would be replayed: 3" in shell.says("replay", "--code", "http.400")
        assert shell.prepare(lambda hub: states_of(hub, *dead)) == ["dead"] * 3
        assert "Replayed: 3" in shell.says("replay", "--to", "Shop CRM", "--yes")
        assert shell.prepare(lambda hub: states_of(hub, *dead)) == ["ready"] * 3
        assert "delivery.replayed" in shell.says("audit")

    def test_replaying_serves_nothing(self, shell: Shell) -> None:
        dead = shell.prepare(dead_writes)
        shell.says("replay", str(dead[0]))
        assert shell.prepare(attempts) == 0
        assert "under way" in shell.says("replay", str(dead[0]), status=1)

    def test_a_held_reply_is_decided(self, shell: Shell) -> None:
        message = shell.prepare(held_reply)
        assert "Decided (sent): 1" in shell.says("held", "settle", str(message), "sent")
        assert "already" in shell.says("held", "settle", str(message), "send", status=1)

    def test_two_contacts_are_linked_after_a_look_and_parted_again(self, shell: Shell) -> None:
        claim, keep, join = (str(each) for each in shell.prepare(two_who_share_a_phone))
        listed = shell.says("contacts", "claims")
        assert claim in listed
        assert builders.PHONE not in listed
        assert "Would move: identities 1" in shell.says("contacts", "link", keep, join, "--preview")
        assert "Nothing was changed" in shell.says("contacts", "decide", claim, "same", "--preview")
        done = shell.json("contacts", "decide", claim, "same")
        assert (done["join"]["kept"], done["join"]["joined"]) == (keep, join)
        undo = ("contacts", "undo", done["join"]["id"])
        assert "Moved: identities 1" in shell.says(*undo)
        assert "undone already" in shell.says(*undo, status=1)
        assert "--conversation" in shell.says("contacts", "unlink", keep, status=1)
        assert "Decided (different)" in shell.says("contacts", "decide", claim, "different")

    def test_a_route_says_everything_that_is_wrong_with_it(self, shell: Shell) -> None:
        shell.prepare(two_ends)
        said = shell.says("route", "bot", "crm", "--deal-owner", "nobody", status=1)
        assert "hub, crm" in said
        shell.says("route", "bot", "crm", "--deal-owner", "crm", "--pipeline", "7")
        (route,) = shell.json("routes")
        assert route["policy"]["deal_owner"] == "crm"
        said = shell.says("route", "bot", "crm", "--pilot", "nobody knows", status=1)
        assert "provider:id" in said
        shell.says("route", "bot", "crm", "--pilot", "8 999 000-11-22", "--pilot", "@Nina")
        (route,) = shell.json("routes")
        assert route["policy"]["pilot"] == ["+79990001122", "@nina"]
        both = ("--pilot", "@petr", "--default", "pilot")
        assert "pilot" in shell.says("route", "bot", "crm", *both, status=1)
        shell.says("route", "bot", "crm", "--default", "pilot")
        (route,) = shell.json("routes")
        assert (route["policy"]["pilot"], route["policy"]["pipeline"]) == ([], "7")
        assert "deal_owner: crm; pipeline: 7" in shell.says("routes")
        said = shell.says("route", "bot", "crm", "--hours", "9 to 5", status=1)
        assert "need a zone" in said
        assert "write days and times" in said
        options = ("--responsible", "owner", "--tags", "бот", "--tags", "опт", "--answer-within")
        shell.says("route", "bot", "crm", *options, "30m")
        (route,) = shell.json("routes")
        assert route["policy"]["tags"] == ["бот", "опт"]
        assert route["policy"]["answer_within"] == "PT30M"
        said = shell.says("settings", "bot", "--reply-age-limit", "2d", "--language", "en")
        assert "reply_age_limit: 2d" in said
        refused = ("--reply-age-limit", "soon", "--on-doubt", "guess")
        said = shell.says("settings", "bot", *refused, status=1)
        assert "hold, resend" in said
        assert "3d, 12h" in said
        said = shell.says("settings", "bot")
        assert "reply_age_limit: 2d" in said
        assert "language: en" in said
        shell.says("route", "bot", "crm", "--off")
        assert shell.json("routes") == []

    def test_a_connection_is_known_by_what_people_call_it(self, shell: Shell) -> None:
        bot, _ = shell.prepare(two_ends)
        assert "Paused: bot" in shell.says("pause", "bot")
        assert "Paused: bot" in shell.says("pause", str(bot))
        assert "There is no connection" in shell.says("pause", "nobody", status=1)
        (first, _) = shell.json("connections")
        assert first["state"] == "paused"

    def test_a_token_stands_alone_on_standard_output(self, shell: Shell) -> None:
        made = shell.run("token", "create", "ci", "--scope", "operate")
        assert re.fullmatch(r"tl_[\w-]+\n", made.stdout)
        (line,) = shell.json("token", "list")
        assert made.stdout.strip() not in str(line)
        assert "revoked" in shell.says("token", "revoke", line["id"])

    def test_keys_are_rotated_while_nothing_runs(self, shell: Shell) -> None:
        shell.prepare(two_ends)
        assert "Keys now: 2" in shell.says("secrets", "rotate")
        assert "Keys now: 1" in shell.says("secrets", "rotate", "--drop-old")
        key = shell.says("secrets", "new-key").strip()
        kept = (shell.folder / "keys").read_text().strip()
        said = shell.says("secrets", "rotate", status=1, THREADLINE_SECRET_KEYS=f"{key},{kept}")
        assert "THREADLINE_SECRET_KEYS" in said
        shell.says("secrets", "reseal", THREADLINE_SECRET_KEYS=f"{key},{kept}")
        shell.says("doctor", status=1, THREADLINE_SECRET_KEYS=key)


class TestConnecting:
    async def test_a_bot_is_connected_by_a_token_that_no_list_of_processes_shows(
        self, shell: Shell
    ) -> None:
        telegram = TelegramEmulator(Stage(), limits=None)
        telegram.add_bot(TOKEN, "shop_bot")
        async with serving(telegram.app) as base:
            words = ("connect", "telegram", "--token", "-", "--api-base", base, "--listen")
            said = await asyncio.to_thread(shell.says, *words, stdin=f"{TOKEN}\n")
            doctor = await asyncio.to_thread(shell.says, "doctor")
            again = await asyncio.to_thread(shell.says, *words, stdin=f"{TOKEN}\n", status=1)
        await telegram.aclose()
        assert "Connected: " in said
        assert TOKEN not in said
        assert "shop_bot" in doctor
        assert "connected already" in again

    def test_a_wrong_token_is_refused_in_one_sentence(self, shell: Shell) -> None:
        said = shell.says("connect", "telegram", "--token", "hush", status=1)
        assert "looks like" in said
        assert "hush" not in said
        assert "--token -" in shell.says("connect", "telegram", status=1)

    def test_consent_begins_with_an_address_to_open(self, shell: Shell) -> None:
        file = shell.folder / "amocrm.yaml"
        file.write_text("client_id: abc\nclient_secret: hush\n")
        begun = shell.run("connect", "amocrm", "--application-file", str(file))
        assert begun.exit_code == 0, begun.output
        assert httpx.URL(begun.stdout.strip()).params["client_id"] == "abc"
        assert "/oauth/amocrm/callback" in begun.stderr
        assert "hush" not in begun.output
        again = shell.run("connect", "amocrm")
        assert httpx.URL(again.stdout.strip()).params["client_id"] == "abc"

    async def test_an_account_without_chats_is_one_command_and_no_registration(
        self, shell: Shell
    ) -> None:
        amocrm = AmoCrmEmulator(stage=Stage())
        amocrm.add_account("shop")
        integration = amocrm.add_integration("https://hub.example/oauth")
        token = amocrm.long_lived_token(integration.client_id, "shop").access_token
        async with serving(amocrm.app) as base:
            words = ("connect", "amocrm", "--notes", "--base", f"{base}/shop")
            odd = (*words, "--reply-prefix", "одиннадцать букв", "--token", token)
            refused = await asyncio.to_thread(shell.says, *odd, status=1)
            said = await asyncio.to_thread(shell.says, *words, "--token", "-", stdin=f"{token}\n")
            doctor = await asyncio.to_thread(shell.says, "doctor")
        await amocrm.aclose()
        assert "reply_prefix" in refused
        assert "Connected: " in said
        assert token not in said
        assert "timeline: notes" in doctor
        assert "begins with //" in doctor
        assert "No chat channel" not in doctor

    def test_notes_need_a_token_and_chats_an_address_of_amocrms(self, shell: Shell) -> None:
        assert "--token -" in shell.says("connect", "amocrm", "--notes", status=1)
        elsewhere = ("--notes", "--base", "https://evil.example", "--token", "hush")
        refused = shell.says("connect", "amocrm", *elsewhere, status=1)
        assert "not the address of an amoCRM" in refused
        assert "hush" not in refused

    def test_without_a_registration_it_says_what_is_needed(self, shell: Shell) -> None:
        assert "--application-file" in shell.says("connect", "amocrm", status=1)


class TestTrouble:
    def test_a_database_that_is_away_is_one_sentence(self, shell: Shell) -> None:
        away = "postgresql://nobody@127.0.0.1:9/nothing"
        said = shell.says("connections", status=2, THREADLINE_DATABASE_URL=away)
        assert "cannot be reached" in said
        assert len(said.strip().splitlines()) == 1

    def test_settings_that_make_no_sense_are_named(self, shell: Shell) -> None:
        said = shell.says("connections", status=2, THREADLINE_PORT="many")
        assert "port" in said

    def test_secrets_that_no_key_opens_are_explained(self, shell: Shell) -> None:
        shell.prepare(two_ends)

        async def spoil(hub: Hub) -> None:
            async with transaction(hub.engine) as at:
                await at.execute(update(tables.connections).values(config=b"sealed elsewhere"))

        shell.prepare(spoil)
        assert "None of the keys" in shell.says("resume", "bot", status=2)

    @pytest.mark.parametrize("words", [("trace", "nothing"), ("replay", "nothing")])
    def test_what_is_not_there_is_said_to_be_missing(
        self, shell: Shell, words: tuple[str, ...]
    ) -> None:
        assert "nothing" in shell.says(*words, status=1)


class TestUp:
    async def test_it_serves_until_it_is_told_to_stop(self, shell: Shell) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "middleware.cli.main", "up", "--port", "0"),
            cwd=Path(__file__).parents[2],
            env={**os.environ, **shell.env},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                first = (await process.stdout.readline()).decode()
                found = re.search(r"http://[\d.]+:\d+", first)
                assert found, first
                async with httpx.AsyncClient(trust_env=False) as client:
                    assert (await client.get(f"{found[0]}/health/live")).text == "alive"
                process.send_signal(signal.SIGTERM)
                rest = (await process.stdout.read()).decode()
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert "Stopped." in rest

    def test_an_address_that_is_taken_is_one_sentence(self, shell: Shell) -> None:
        said = shell.says("up", "--host", "203.0.113.1", status=2)
        assert "203.0.113.1" in said


async def held_reply(hub: Hub) -> Any:
    return await a_held_reply(hub, (await a_caller(hub)).workspace)


async def two_ends(hub: Hub) -> tuple[Any, Any]:
    workspace = (await a_caller(hub)).workspace
    bot = await a_connection(hub, workspace, title="bot")
    return bot, await a_connection(hub, workspace, "amocrm", title="crm")


async def attempts(hub: Hub) -> int:
    async with transaction(hub.engine) as at:
        return len((await at.execute(tables.attempts.select())).all())
