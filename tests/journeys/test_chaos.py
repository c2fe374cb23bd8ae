"""Chaos by seed, as a person starts it: everything breaks, and nothing is lost."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from middleware.cli.main import app


@pytest.mark.timeout(240)
def test_a_small_chaos_ends_clean(tmp_path: Path) -> None:
    report = tmp_path / "chaos.json"
    asked = ["chaos", "--seed", "5", "--messages", "120", "--json", str(report)]
    ended = CliRunner().invoke(app, asked)
    assert ended.exit_code == 0, ended.output
    told = json.loads(report.read_text("utf-8"))
    assert 60 <= told["messages_in"] <= told["timeline_entries"]
    assert told["files_in"] > 5
    assert told["files_out"] > 5
    assert told["files_missing"] == 0
    assert told["replies"] == told["replies_delivered"] == told["statuses_returned"]
    assert told["lost"] == told["duplicated"] == told["out_of_order"] == told["held"] == 0
    assert told["held_ever"] <= told["held_explained"]
    assert told["seed"] == 5
    assert sum(told["faults"].values()) > 3
