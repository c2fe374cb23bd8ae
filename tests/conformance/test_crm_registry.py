"""Every CRM is on the bench, and every rule that it claims to satisfy has a proof."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from crm_clients.contract import CrmManifest
from crm_clients.registry import CRMS
from mappers.vocabulary import Status
from tests.conformance.crms import CrmPromises

ROOT = Path(__file__).parents[2]
QUALITY: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    (ROOT / "crm_clients/quality.toml").read_text()
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

    def holds(self, manifest: CrmManifest) -> bool:
        bench = bench_of(manifest.name)
        return all(getattr(bench, name) is getattr(CrmPromises, name) for name in self.names)


@dataclass(frozen=True, slots=True)
class Fact:
    """Proof by looking."""

    holds: Callable[[CrmManifest], bool]


@dataclass(frozen=True, slots=True)
class Heading:
    """Proof by the page: the section is there and says something."""

    title: str

    def holds(self, manifest: CrmManifest) -> bool:
        return len(sections(manifest.name).get(self.title, "")) > 40


Proof = Promises | Fact | Heading
HUB = None  # shown only with the hub around the CRM: nothing here can prove it

BRONZE: Mapping[str, Proof] = {
    "signed-webhooks": Promises(("test_a_forged_webhook_is_refused",)),
    "stable-origins": Promises(
        (
            "test_reading_twice_gives_the_same_events",
            "test_the_same_event_has_the_same_key_and_another_event_another",
        )
    ),
    "unknown-events-named": Promises(("test_an_unknown_event_is_named_not_raised",)),
    "faults-classified": Promises(
        ("test_every_fault_is_recognised", "test_no_fault_of_the_emulator_is_forgotten")
    ),
    "secrets-redacted": Promises(("test_no_secret_and_no_word_of_a_customer_is_ever_shown",)),
    "check-before-saving": Promises(("test_check_proves_the_credentials",)),
    "one-account-per-connection": Promises(("test_check_proves_the_credentials",)),
    "emulator": Fact(
        lambda manifest: find_spec(f"crm_clients.emulators.{manifest.name}") is not None
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
    "delivery-statuses": Fact(
        lambda manifest: manifest.can.statuses >= {Status.DELIVERED, Status.READ, Status.FAILED}
    ),
    "attachments-both-ways": HUB,
    "docs-limitations": Heading("Limitations and quirks"),
    "docs-troubleshooting": Heading("Troubleshooting"),
}
GOLD: Mapping[str, Proof | None] = {
    "probe-before-resend": Promises(
        (
            "test_a_write_in_doubt_is_found_exactly_once",
            "test_a_write_that_never_was_is_not_found",
            "test_a_creation_in_doubt_is_found_exactly_once",
            "test_a_deal_in_doubt_is_found_exactly_once",
        )
    ),
    "webhook-self-setup": Promises(("test_setting_up_twice_and_tearing_down_twice_is_harmless",)),
    "history-import": Promises(("test_history_gives_the_replies_in_order_and_says_when_it_ends",)),
    "diagnostics-bundle": Promises(("test_a_diagnosis_is_well_when_all_is_well",)),
    "field-catalogue": Promises(("test_the_catalogue_can_be_read",)),
    "load-tested": HUB,
}
RULES: Mapping[str, Proof | None] = {**BRONZE, **SILVER, **GOLD}

every_crm = pytest.mark.parametrize("name", sorted(CRMS))


def bench_of(name: str) -> type[CrmPromises]:
    module = import_module(f"tests.conformance.test_{name}")
    found = (value for value in vars(module).values() if isinstance(value, type))
    return next(kind for kind in found if issubclass(kind, CrmPromises) and kind is not CrmPromises)


def sections(name: str) -> dict[str, str]:
    page = (ROOT / f"docs/crms/{name}.md").read_text()
    parts = (part.partition("\n") for part in page.split("\n## ")[1:])
    return {title.strip(): text.strip() for title, _, text in parts}


def is_answer(status: object) -> bool:
    match status:
        case "done" | "todo":
            return True
        case {"exempt": str(reason), **rest}:
            return len(reason) > 20 and not rest
        case _:
            return False


@every_crm
def test_a_crm_is_registered_under_its_own_name_and_has_a_bench(name: str) -> None:
    assert CRMS[name].name == name
    assert bench_of(name).__name__.startswith("Test")


@every_crm
def test_a_crms_page_has_the_usual_headings(name: str) -> None:
    assert tuple(sections(name)) == HEADINGS


def test_every_crm_is_judged_and_nothing_else() -> None:
    assert set(QUALITY) == set(CRMS)


@every_crm
def test_every_rule_is_answered_and_bronze_is_done(name: str) -> None:
    said = QUALITY[name]
    assert said["owner"]
    assert set(said) - {"owner"} == set(RULES)
    assert all(is_answer(said[rule]) for rule in RULES)
    assert {rule: said[rule] for rule in BRONZE} == dict.fromkeys(BRONZE, "done")


@every_crm
def test_what_is_done_is_proved(name: str, subtests: pytest.Subtests) -> None:
    for rule in (rule for rule, status in QUALITY[name].items() if status == "done"):
        with subtests.test(rule=rule):
            proof = RULES[rule]
            assert proof is not None
            assert proof.holds(CRMS[name])
