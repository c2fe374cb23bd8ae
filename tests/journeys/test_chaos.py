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
    told = json.loads(report.read_text("utf-8"))
    # amoCRM promises no order of its hooks: where its emulator let one overtake another, the
    # customer reads the replies in the order in which we were told of them.
    overtaken = told["faults"].get("reordered_hooks", 0)
    assert told["out_of_order"] <= overtaken, ended.output
    assert ended.exit_code == (1 if told["out_of_order"] else 0), ended.output
    assert told["messages_in"] == told["timeline_entries"] == 60
    assert told["replies"] == told["replies_delivered"] == told["statuses_returned"]
    assert told["lost"] == told["duplicated"] == told["held"] == 0
    assert told["held_ever"] <= told["held_explained"]
    assert told["seed"] == 5
    assert sum(told["faults"].values()) > 3
