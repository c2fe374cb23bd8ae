"""Chaos by seed, as a person starts it: everything breaks, and nothing is lost."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crm_clients.emulators.registry import PARTS
from middleware.cli.main import app

CRMS = ",".join(sorted(PARTS))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("workers", "messages"), [(0, 60), (2, 40)])
def test_a_small_chaos_ends_clean(tmp_path: Path, workers: int, messages: int) -> None:
    """In one process, and in several with a broker between them that breaks, too: every CRM."""
    report = tmp_path / "chaos.json"
    asked = ["chaos", "--seed", "5", "--messages", f"{messages}", "--workers", f"{workers}"]
    ended = CliRunner().invoke(app, [*asked, "--crm", CRMS, "--json", str(report)])
    assert ended.exit_code == 0, ended.output
    told = json.loads(report.read_text("utf-8"))
    assert messages / 3 <= told["messages_in"] <= told["timeline_entries"]
    assert told["workers"] == workers
    assert told["files_in"] + told["files_out"] > messages / 25
    assert told["files_missing"] == 0
    assert all(each["messages_in"] for each in told["crms"].values())
    assert told["replies"] == told["replies_delivered"] == told["statuses_returned"]
    assert told["lost"] == told["duplicated"] == told["out_of_order"] == told["held"] == 0
    assert told["held_ever"] <= told["held_explained"]
    assert told["seed"] == 5
    assert told["faults"]
