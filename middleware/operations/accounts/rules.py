"""What may be asked of a route and of a connection. Values in, problems out."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mappers.phones import e164
from middleware.operations.accounts.answering import problems_of_answering
from middleware.operations.accounts.policies import DEFAULTS, HINTS, duration, problems_of_values

ONLY_OURS = ("deal_rest", "deal_scope", "thread_window")


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a route."""

    kind: str
    title: str
    state: str
    opens_own_deals: bool = False
    gives_tasks: bool = False
    keeps_quiet: bool = False


def problems_of_route(source: End, target: End, policy: Mapping[str, Any]) -> tuple[str, ...]:
    """Say everything that is wrong with a route before it runs."""
    found = [
        f"“{end.title}” is disconnected." for end in (source, target) if end.state == "removed"
    ]
    if source.kind != "channel":
        found.append(f"A route begins at a channel; “{source.title}” is a CRM.")
    if target.kind != "crm":
        found.append(f"A route ends at a CRM; “{target.title}” is a channel.")
    return (*found, *problems_of_policy(target, policy))


def problems_of_policy(target: End, policy: Mapping[str, Any]) -> tuple[str, ...]:
    """Say everything that is wrong with what a route would decide, given and kept together."""
    if problems := problems_of_values(policy):
        return problems
    found = []
    if not _is_pilot(policy.get("pilot", ())):
        found.append(
            "pilot lists customers, each by a phone, an e-mail, @username, or provider:id."
        )
    if policy.get("stage") and not policy.get("pipeline"):
        found.append("A stage belongs to a pipeline: name the pipeline, too.")
    if policy.get("deal_owner") == "crm" and not target.opens_own_deals:
        found.append(f"“{target.title}” opens no deals by itself: deal_owner has to be hub.")
    tasks = problems_of_answering(policy, title=target.title, gives_tasks=target.gives_tasks)
    return (*found, *_problems_of_deals(target, policy), *tasks)


def _problems_of_deals(target: End, policy: Mapping[str, Any]) -> Iterator[str]:
    """Say what of a route's wishes for deals the CRM cannot honour, or contradicts another."""
    ours = [name for name in ONLY_OURS if _is_wanted(name, policy)]
    named = ", ".join(ours)
    if ours and policy.get("deal_owner") == "crm":
        yield f"{named}: where the CRM opens deals, it decides that. Set deal_owner to hub."
    if ours and policy.get("deal_policy") == "never":
        yield f"{named}: there is no deal to speak of. Leave it out, or set deal_policy."
    needs_quiet = [name for name in ("deal_rest", "deal_on") if _is_wanted(name, policy)]
    if needs_quiet and target.opens_own_deals and not target.keeps_quiet:
        yield (
            f"{', '.join(needs_quiet)}: “{target.title}” opens a deal for every message, and"
            " cannot be kept from it. Leave it out."
        )


def _is_wanted(name: str, policy: Mapping[str, Any]) -> bool:
    asked = policy.get(name, DEFAULTS[name])
    return bool((duration(asked) if HINTS[name] is timedelta else asked) != DEFAULTS[name])


def _is_pilot(asked: Any) -> bool:
    return isinstance(asked, list | tuple) and all(
        isinstance(each, str) and spelt_as_identity(each) for each in asked
    )


def spelt_as_identity(asked: str) -> str | None:
    """Spell a customer's phone, e-mail, @username or id as identities are spelt."""
    asked = asked.strip()
    if ("@" in asked or ":" in asked) and " " not in asked and len(asked) > 1:
        return asked.lower() if "@" in asked else asked
    return e164(asked)


def completed(
    values: Mapping[str, Any], config_fields: Collection[str], *, listens: bool, secret: str
) -> Mapping[str, Any]:
    """Tell an account how it will hear from its provider, where its config wants to know.

    What a person has given stays as it is.
    """
    chosen: dict[str, Any] = {}
    if "mode" in config_fields:
        chosen["mode"] = "polling" if listens else "webhook"
    if "webhook_secret" in config_fields and not listens:
        chosen["webhook_secret"] = secret
    return {**chosen, **values}
