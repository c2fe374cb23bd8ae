"""Every channel is on the bench, and every rule that it claims to satisfy has a proof."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from channel_clients.contract import ChannelManifest
from channel_clients.registry import CHANNELS
from tests.conformance.channels import ChannelPromises

ROOT = Path(__file__).parents[2]
QUALITY: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    (ROOT / "channel_clients/quality.toml").read_text()
)
HEADINGS = (
    "Setup",
    "What works",
    "Limitations and quirks",
    "Statuses",
    "Troubleshooting",
    "Removal",
    "Not verified live",
)


@dataclass(frozen=True, slots=True)
class Promises:
    """Proof by conformance: tests that every bench inherits."""

    names: tuple[str, ...]

    def holds(self, manifest: ChannelManifest) -> bool:
        bench = bench_of(manifest.name)
        return all(getattr(bench, name) is getattr(ChannelPromises, name) for name in self.names)


@dataclass(frozen=True, slots=True)
class Fact:
    """Proof by looking."""

    holds: Callable[[ChannelManifest], bool]


@dataclass(frozen=True, slots=True)
class Heading:
    """Proof by the page: the section is there and says something."""

    title: str

    def holds(self, manifest: ChannelManifest) -> bool:
        return len(sections(manifest.name).get(self.title, "")) > 40


Proof = Promises | Fact | Heading
HUB = None  # shown only with the hub around the channel: nothing here can prove it yet

BRONZE: Mapping[str, Proof] = {
    "signed-webhooks": Promises(
        ("test_a_forged_webhook_is_refused", "test_a_door_without_its_secrets_stays_shut")
    ),
    "stable-origins": Promises(
        ("test_reading_twice_gives_the_same_events", "test_origins_do_not_collide")
    ),
    "unknown-events-named": Promises(("test_an_unknown_event_is_named_not_raised",)),
    "faults-classified": Promises(
        ("test_every_fault_is_recognised", "test_no_fault_of_the_emulator_is_forgotten")
    ),
    "secrets-redacted": Promises(("test_no_secret_is_ever_shown",)),
    "check-before-saving": Promises(("test_check_proves_the_credentials",)),
    "one-account-per-connection": Promises(
        ("test_origins_do_not_collide", "test_check_proves_the_credentials")
    ),
    "emulator": Fact(
        lambda manifest: find_spec(f"channel_clients.emulators.{manifest.name}") is not None
    ),
    "docs-setup": Heading("Setup"),
    "docs-removal": Heading("Removal"),
}
SILVER: Mapping[str, Proof | None] = {
    "re-auth-without-data-loss": HUB,
    "rate-limit-respected": Promises(
        ("test_calls_stay_inside_the_declared_budgets_and_addresses",)
    ),
    "down-logged-once": HUB,
    "delivery-statuses": Fact(lambda manifest: manifest.can.accepted.rank > 1),
    "attachments-both-ways": Fact(lambda manifest: bool(manifest.can.attachments)),
    "docs-limitations": Heading("Limitations and quirks"),
    "docs-troubleshooting": Heading("Troubleshooting"),
}
GOLD: Mapping[str, Proof | None] = {
    "probe-before-resend": Fact(lambda manifest: manifest.can.probe),
    "webhook-self-setup": Promises(
        (
            "test_setting_up_twice_is_the_same_as_once",
            "test_somebody_elses_webhook_is_taken_only_when_asked_and_put_back",
            "test_tearing_down_leaves_nothing_of_ours",
        )
    ),
    "history-import": HUB,
    "diagnostics-bundle": Promises(("test_a_diagnosis_names_what_is_wrong_and_changes_nothing",)),
    "field-catalogue": HUB,
    "load-tested": HUB,
}
RULES: Mapping[str, Proof | None] = {**BRONZE, **SILVER, **GOLD}

every_channel = pytest.mark.parametrize("name", sorted(CHANNELS))


def bench_of(name: str) -> type[ChannelPromises]:
    module = import_module(f"tests.conformance.test_{name}")
    found = (value for value in vars(module).values() if isinstance(value, type))
    return next(
        kind for kind in found if issubclass(kind, ChannelPromises) and kind is not ChannelPromises
    )


def sections(name: str) -> dict[str, str]:
    page = (ROOT / f"docs/channels/{name}.md").read_text()
    parts = (part.partition("\n") for part in page.split("\n## ")[1:])
    return {title.strip(): text.strip() for title, _, text in parts}


@every_channel
def test_a_channel_is_registered_under_its_own_name(name: str) -> None:
    assert CHANNELS[name].name == name


@every_channel
def test_a_channel_has_a_bench(name: str) -> None:
    assert bench_of(name).__name__.startswith("Test")


@every_channel
def test_a_channels_page_has_the_usual_headings(name: str) -> None:
    assert tuple(sections(name)) == HEADINGS


def test_every_channel_is_judged_and_nothing_else() -> None:
    assert set(QUALITY) == set(CHANNELS)


@every_channel
def test_every_rule_is_answered(name: str) -> None:
    said = QUALITY[name]
    assert said["owner"]
    assert set(said) - {"owner"} == set(RULES)
    assert all(is_answer(said[rule]) for rule in RULES)


def is_answer(status: object) -> bool:
    match status:
        case "done" | "todo":
            return True
        case {"exempt": str(reason), **rest}:
            return len(reason) > 20 and not rest
        case _:
            return False


@every_channel
def test_what_is_merged_is_at_least_bronze(name: str) -> None:
    assert {rule: QUALITY[name][rule] for rule in BRONZE} == dict.fromkeys(BRONZE, "done")


@every_channel
def test_what_is_done_is_proved(name: str, subtests: pytest.Subtests) -> None:
    for rule in (rule for rule, status in QUALITY[name].items() if status == "done"):
        with subtests.test(rule=rule):
            proof = RULES[rule]
            assert proof is not None
            assert proof.holds(CHANNELS[name])
