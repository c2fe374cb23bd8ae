"""The demonstration, as a person starts it: it ends by itself, clean, and says so in JSON."""

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from middleware.cli.main import app

KEYS = {
    *("customers", "messages_in", "timeline_entries", "replies", "replies_delivered"),
    *("statuses_returned", "contacts_created", "lost", "held", "refused", "duplicated"),
    *("out_of_order", "unexplained", "outdated", "misreported", "lag_ms", "took_s"),
    *("files_in", "files_out", "files_missing"),
}


@pytest.mark.timeout(180)
def test_the_day_ends_clean_and_is_told_in_full(tmp_path: Path) -> None:
    report = tmp_path / "demo.json"
    ended = CliRunner().invoke(app, ["--lang", "en", "demo", "--once", "--json", str(report)])
    assert ended.exit_code == 0, ended.output
    told = json.loads(report.read_text("utf-8"))
    assert set(told) == KEYS
    # Six customers, one of whom the CRM knew already, and one who left before he was answered.
    assert (told["customers"], told["contacts_created"], told["refused"]) == (6, 5, 1)
    # Ten of them are files, and seven replies: one of each kind that operators send, and an album.
    assert told["messages_in"] == 32
    # A file that is slow to come is an entry of its own, after its words.
    assert told["timeline_entries"] >= told["messages_in"]
    assert (told["files_in"], told["files_out"], told["files_missing"]) == (10, 7, 0)
    assert told["statuses_returned"] == told["replies"] == told["replies_delivered"] + 1
    assert told["lost"] == told["duplicated"] == told["out_of_order"] == told["held"] == 0
    assert "Nothing lost" in ended.output
    assert "Anna Bell" in ended.output


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
