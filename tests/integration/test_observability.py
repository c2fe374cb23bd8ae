"""Alerts and dashboard ask for what a hub really tells; each alert names the page that helps."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from middleware.app import make_app
from middleware.hub import Hub
from middleware.working import working
from tests.builders import a_caller, a_connection, a_delivery
from tests.docs.pages import DOCS

OPERATIONS = DOCS / "operations"
ALERTS = yaml.safe_load((OPERATIONS / "alerts.yml").read_text("utf-8"))
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((OPERATIONS / "grafana/dashboards/threadline.json").read_text("utf-8"))
METRIC = re.compile(r"\bthreadline_\w+")
LABELS = re.compile(r"\{([^}]*)\}|\b(?:by|without) \(([^)]*)\)")
# What a hub gives, and what the scrape adds.
KNOWN_LABELS = {"provider", "kind", "outcome", "state", "reason", "urgency", "le"}
KNOWN_LABELS |= {"part", "instance"}
TOLD = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)
PARTS_OF = {"histogram": ("_bucket", "_sum", "_count")}


def asked() -> Iterator[str]:
    """Every expression of alerts and dashboard."""
    yield from (rule["expr"] for rule in RULES)
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


async def told(hub: Hub) -> set[str]:
    """The name of every series that this hub may tell."""
    transport = httpx.ASGITransport(app=make_app(hub))
    async with httpx.AsyncClient(transport=transport, base_url="https://hub.example") as client:
        answer = await client.get("/metrics")
    found = TOLD.findall(answer.text)
    return {f"{name}{part}" for name, kind in found for part in PARTS_OF.get(kind, ("",))}


async def test_everything_asked_for_is_told(hub: Hub) -> None:
    await a_delivery(hub, await a_connection(hub, (await a_caller(hub)).workspace, "amocrm"))
    async with working(hub):
        names = await told(hub)
    asked_for = {name for expression in asked() for name in METRIC.findall(expression)}
    assert asked_for - names == set()


async def test_what_is_told_is_shown_somewhere(hub: Hub) -> None:
    async with working(hub):
        names = await told(hub)
    shown = {name for expression in asked() for name in METRIC.findall(expression)}
    families = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in names}
    unseen = {name for name in families if not any(one.startswith(name) for one in shown)}
    assert {name for name in unseen if name.startswith("threadline_")} == set()


@pytest.mark.parametrize("expression", sorted(set(asked())))
def test_only_labels_that_are_there_are_asked_for(expression: str) -> None:
    for matched, grouped in LABELS.findall(expression):
        names = re.findall(r"(\w+)\s*[=!]~?", matched) or [
            name for name in re.split(r",\s*", grouped) if name
        ]
        assert set(names) <= KNOWN_LABELS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_who_is_called_and_what_helps(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["for"]
    assert rule["annotations"]["summary"]
    assert re.fullmatch(r"docs/runbooks/[a-z-]+\.md", rule["annotations"]["runbook"])


def test_panels_are_told_apart_and_stand_beside_each_other() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_the_dashboard_finds_its_source() -> None:
    provisioned = yaml.safe_load(
        (OPERATIONS / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8")
    )
    (source,) = provisioned["datasources"]
    named = {
        target["datasource"]["uid"]
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", ())
    }
    assert named == {source["uid"]}


def test_prometheus_reads_the_alerts_that_are_mounted() -> None:
    config = yaml.safe_load((OPERATIONS / "prometheus.yml").read_text("utf-8"))
    assert [(OPERATIONS / Path(name)).is_file() for name in config["rule_files"]] == [True]
