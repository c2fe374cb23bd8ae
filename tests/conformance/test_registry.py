"""Every adapter is on the bench, and every rule that it claims to satisfy has a proof."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from channel_clients.registry import CHANNELS
from crm_clients.registry import CRMS
from mappers.vocabulary import Status
from tests.conformance.channels import ChannelPromises
from tests.conformance.crms import CrmPromises

ROOT = Path(__file__).parents[2]
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

    def holds(self, family: "Family", name: str) -> bool:
        bench = family.bench_of(name)
        return all(getattr(bench, each) is getattr(family.promises, each) for each in self.names)


@dataclass(frozen=True, slots=True)
class Fact:
    """Proof by looking at what the manifest says of the adapter's abilities."""

    of: Callable[[Any], bool]

    def holds(self, family: "Family", name: str) -> bool:
        return self.of(family.manifests[name].can)


@dataclass(frozen=True, slots=True)
class Heading:
    """Proof by the page: the section is there and says something."""

    title: str

    def holds(self, family: "Family", name: str) -> bool:
        return len(family.sections(name).get(self.title, "")) > 40


@dataclass(frozen=True, slots=True)
class Emulated:
    """Proof by the emulator that stands beside the adapter."""

    def holds(self, family: "Family", name: str) -> bool:
        return find_spec(f"{family.package}.emulators.{name}") is not None


Proof: TypeAlias = Promises | Fact | Heading | Emulated
HUB = None  # shown only with the hub around the adapter: nothing here can prove it yet


@dataclass(frozen=True)
class Family:
    """Channels or CRMs: their registry, their promises, and how each rule is proved."""

    package: str
    pages: str
    manifests: Mapping[str, Any]
    promises: type
    bronze: Mapping[str, Proof]
    beyond: Mapping[str, Proof | None]

    def __str__(self) -> str:
        return self.package

    @property
    def rules(self) -> Mapping[str, Proof | None]:
        return {**self.bronze, **self.beyond}

    @cached_property
    def quality(self) -> Mapping[str, Mapping[str, Any]]:
        return tomllib.loads((ROOT / self.package / "quality.toml").read_text())

    def bench_of(self, name: str) -> type:
        (path,) = Path(__file__).parent.rglob(f"test_{name}.py")
        module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        found = (value for value in vars(module).values() if isinstance(value, type))
        return next(
            kind for kind in found if issubclass(kind, self.promises) and kind is not self.promises
        )

    def sections(self, name: str) -> dict[str, str]:
        page = (ROOT / "docs" / self.pages / f"{name}.md").read_text()
        parts = (part.partition("\n") for part in page.split("\n## ")[1:])
        return {title.strip(): text.strip() for title, _, text in parts}


CHANNEL = Family(
    package="channel_clients",
    pages="channels",
    manifests=CHANNELS,
    promises=ChannelPromises,
    bronze={
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
        "emulator": Emulated(),
        "docs-setup": Heading("Setup"),
        "docs-removal": Heading("Removal"),
    },
    beyond={
        "re-auth-without-data-loss": HUB,
        "rate-limit-respected": Promises(
            ("test_calls_stay_inside_the_declared_budgets_and_addresses",)
        ),
        "down-logged-once": HUB,
        "delivery-statuses": Fact(lambda can: can.accepted.rank > 1),
        "attachments-both-ways": Fact(lambda can: bool(can.attachments)),
        "docs-limitations": Heading("Limitations and quirks"),
        "docs-troubleshooting": Heading("Troubleshooting"),
        "probe-before-resend": Fact(lambda can: can.probe),
        "webhook-self-setup": Promises(
            (
                "test_setting_up_twice_is_the_same_as_once",
                "test_somebody_elses_webhook_is_taken_only_when_asked_and_put_back",
                "test_tearing_down_leaves_nothing_of_ours",
            )
        ),
        "history-import": HUB,
        "diagnostics-bundle": Promises(
            ("test_a_diagnosis_names_what_is_wrong_and_changes_nothing",)
        ),
        "field-catalogue": HUB,
        "load-tested": HUB,
    },
)
CRM = Family(
    package="crm_clients",
    pages="crms",
    manifests=CRMS,
    promises=CrmPromises,
    bronze={
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
        "emulator": Emulated(),
        "docs-setup": Heading("Setup"),
        "docs-removal": Heading("Removal"),
    },
    beyond={
        "re-auth-without-data-loss": HUB,
        "rate-limit-respected": Promises(
            ("test_calls_stay_inside_the_declared_budgets_and_addresses",)
        ),
        "down-logged-once": HUB,
        "delivery-statuses": Fact(
            lambda can: can.statuses >= {Status.DELIVERED, Status.READ, Status.FAILED}
        ),
        "attachments-both-ways": Fact(lambda can: bool(can.attachments)),
        "docs-limitations": Heading("Limitations and quirks"),
        "docs-troubleshooting": Heading("Troubleshooting"),
        "probe-before-resend": Promises(
            (
                "test_a_write_in_doubt_is_found_exactly_once",
                "test_a_write_that_never_was_is_not_found",
                "test_a_creation_in_doubt_is_found_exactly_once",
                "test_a_deal_in_doubt_is_found_exactly_once",
            )
        ),
        "webhook-self-setup": Promises(
            ("test_setting_up_twice_and_tearing_down_twice_is_harmless",)
        ),
        "history-import": Promises(
            ("test_history_gives_the_replies_in_order_and_says_when_it_ends",)
        ),
        "diagnostics-bundle": Promises(("test_a_diagnosis_is_well_when_all_is_well",)),
        "field-catalogue": Promises(("test_the_catalogue_can_be_read",)),
        "load-tested": HUB,
    },
)

every_adapter = pytest.mark.parametrize(
    ("family", "name"),
    [(family, name) for family in (CHANNEL, CRM) for name in sorted(family.manifests)],
    ids=str,
)


def is_answer(status: object) -> bool:
    match status:
        case "done" | "todo":
            return True
        case {"exempt": str(reason), **rest}:
            return len(reason) > 20 and not rest
        case _:
            return False


@every_adapter
def test_an_adapter_is_registered_under_its_own_name_and_has_a_bench(
    family: Family, name: str
) -> None:
    assert family.manifests[name].name == name
    assert family.bench_of(name).__name__.startswith("Test")


@every_adapter
def test_its_page_has_the_usual_headings(family: Family, name: str) -> None:
    assert tuple(family.sections(name)) == HEADINGS


@pytest.mark.parametrize("family", [CHANNEL, CRM], ids=str)
def test_every_adapter_is_judged_and_nothing_else(family: Family) -> None:
    assert set(family.quality) == set(family.manifests)


@every_adapter
def test_every_rule_is_answered_and_bronze_is_done(family: Family, name: str) -> None:
    said = family.quality[name]
    assert said["owner"]
    assert set(said) - {"owner"} == set(family.rules)
    assert all(is_answer(said[rule]) for rule in family.rules)
    assert {rule: said[rule] for rule in family.bronze} == dict.fromkeys(family.bronze, "done")


@every_adapter
def test_what_is_done_is_proved(family: Family, name: str, subtests: pytest.Subtests) -> None:
    for rule in (rule for rule, status in family.quality[name].items() if status == "done"):
        with subtests.test(rule=rule):
            proof = family.rules[rule]
            assert proof is not None
            assert proof.holds(family, name)
