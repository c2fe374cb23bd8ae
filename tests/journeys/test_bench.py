"""The benchmark, short: what it finds on any machine, however slow it may be."""

import os
import shutil
import sys
from dataclasses import replace

import pytest

from middleware.bench import drain, fair, growth, ingest, pipeline, recover
from middleware.bench.report import Findings
from middleware.bench.variants import why_no_naive
from middleware.bench.wishes import Wishes

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are counted in /proc"),
]
LONG = pytest.mark.skipif(
    "THREADLINE_LONG_TESTS" not in os.environ,
    reason="four minutes more; set THREADLINE_LONG_TESTS=1",
)
SHORT = Wishes(rounds=1, seconds=1.0, tell=lambda _line: None)
# Parts find nothing here that the pipeline does not find, and take as long again.
WHOLE = replace(SHORT, only=("hub",))


def assert_kept(findings: Findings) -> None:
    """Nothing lost, nothing doubled, by whoever promises it."""
    ours = [each for each in findings.samples if not each.variant.startswith("naive")]
    for name in ("refused", "undelivered", "doubled", "out of order", "rejected"):
        assert [each.metrics.get(name, 0.0) for each in ours] == [0.0] * len(ours), name


async def test_pipeline() -> None:
    few = replace(SHORT, only=("hub", "naive"))
    findings = await pipeline.measure(few, (pipeline.Flow(chats=5, bots=2),))
    assert_kept(findings)
    ours = [each for each in findings.samples if "bots" in each.variant and "hub" in each.variant]
    assert ours
    assert all(each.metrics["messages per CRM call"] == 1.0 for each in ours)
    assert all(each.metrics["cpu µs/msg"] > 0 for each in ours)
    assert why_no_naive() or findings.compared


@LONG
async def test_ingest() -> None:
    pressure = ingest.Pressure(rates=(20,), delays=(0.0, 5.0), bots=1, chats=5)
    few = replace(SHORT, only=("echo", "commit each", "hub", "naive"))
    findings = await ingest.measure(few, pressure)
    assert_kept(findings)
    said = {each.variant for each in findings.samples}
    assert {"echo", "commit each", "hub", "PostgreSQL"} <= said
    assert ("hub +5 ms" in said) == (shutil.which("cc") is not None)


@LONG
async def test_growth() -> None:
    sizes = growth.Sizes(connections=(1,), customers=(0, 200), backlogs=(100, 300))
    findings = await growth.measure(SHORT, sizes)
    assert_kept(findings)
    assert {each.variant for each in findings.samples} == {
        "1 connections",
        "200 customers",
        "100 unread",
        "300 unread",
    }


@LONG
async def test_fair() -> None:
    findings = await fair.measure(WHOLE, fair.Crowd(flood=200, tenants=2))
    assert_kept(findings)
    equal = findings.of("Jain index", "hub, equals")
    assert equal is not None
    assert equal.middle > 0.5


@LONG
async def test_recover() -> None:
    embedded = replace(SHORT, only=("hub, embedded",))
    findings = await recover.measure(embedded, recover.Blow(backlog=5000))
    assert_kept(findings)
    assert all(each.metrics["to CRM write s"] > 0 for each in findings.samples)


async def test_drain() -> None:
    findings = await drain.measure(SHORT, drain.Backlog(crm="bitrix24", messages=20, chats=5))
    assert_kept(findings)
    cold, warm = findings.samples
    assert cold.metrics["messages per call"] < 1
    assert warm.metrics["undelivered"] == 0
    assert warm.metrics["messages per call"] > 0
