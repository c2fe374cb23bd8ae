"""The demonstration, as a person starts it: it ends by itself, clean, and says so in JSON."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crm_clients.emulators.registry import PARTS
from middleware.cli.main import app

KEYS = {
    *("customers", "messages_in", "timeline_entries", "replies", "replies_delivered"),
    *("statuses_returned", "contacts_created", "lost", "held", "refused", "duplicated"),
    *("out_of_order", "unexplained", "outdated", "misreported", "lag_ms", "took_s"),
    *("files_in", "files_out", "files_missing", "crms"),
}
CRMS = sorted(PARTS)


@pytest.mark.timeout(300)
def test_the_day_ends_clean_with_every_crm_and_is_told_in_full(tmp_path: Path) -> None:
    report = tmp_path / "demo.json"
    asked = ["--lang", "en", "demo", "--once", "--crm", ",".join(CRMS), "--json", str(report)]
    ended = CliRunner().invoke(app, asked)
    assert ended.exit_code == 0, ended.output
    whole = json.loads(report.read_text("utf-8"))
    assert set(whole) == KEYS
    assert set(whole["crms"]) == set(CRMS)
    assert whole["messages_in"] == sum(each["messages_in"] for each in whole["crms"].values())
    for told in whole["crms"].values():
        assert set(told) == KEYS - {"crms", "took_s"}
        is_clean_and_whole(told)
    assert "Nothing lost" in ended.output
    assert all(f"Anna Bell · {part.title}" in ended.output for part in PARTS.values())


def is_clean_and_whole(told: dict[str, Any]) -> None:
    # Six customers, one of whom the CRM knew already, and one who left before he was answered.
    assert (told["customers"], told["contacts_created"], told["refused"]) == (6, 5, 1)
    # Ten of them are files, and seven replies: one of each kind that operators send, and an album.
    assert told["messages_in"] == 32
    # A file that is slow to come is an entry of its own, after its words.
    assert told["timeline_entries"] >= told["messages_in"]
    assert (told["files_in"], told["files_out"], told["files_missing"]) == (10, 7, 0)
    assert told["statuses_returned"] == told["replies"] == told["replies_delivered"] + 1
    assert told["lost"] == told["duplicated"] == told["out_of_order"] == told["held"] == 0


@pytest.mark.parametrize("named", ["nobody", "amocrm,nobody", ","])
@pytest.mark.parametrize("command", ["demo", "chaos", "simulate"])
def test_a_crm_that_nobody_plays_is_refused_in_words(command: str, named: str) -> None:
    ended = CliRunner().invoke(app, ["--lang", "en", command, "--crm", named])
    assert ended.exit_code == 1
    assert ", ".join(PARTS) in " ".join(ended.output.split())


@pytest.mark.timeout(120)
def test_a_trial_that_cannot_be_played_says_where_to_look(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        asked = ["--lang", "en", "demo", "--once", "--port", port, "--folder", str(tmp_path)]
        ended = CliRunner().invoke(app, asked)
    assert ended.exit_code == 1
    assert "could not be played" in ended.output
    assert (tmp_path / "hub.log").exists()
