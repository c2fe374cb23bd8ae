"""Providers without limits, for a hub that is measured against a stub."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from channel_clients.registry import CHANNELS
from crm_clients.registry import CRMS
from mappers.vocabulary.adapters import Budget
from middleware.registry import AnyManifest

RATE_PER_S, BURST = 1_000_000, 1_000_000


def open_wide() -> None:
    """Let every provider take any number of calls."""
    for known in (CHANNELS, CRMS):
        registry = cast("dict[str, AnyManifest]", known)
        for name, manifest in tuple(registry.items()):
            registry[name] = replace(manifest, budgets=_wide(manifest.budgets))


def _wide(narrow: Callable[[Any, Any], tuple[Budget, ...]]) -> Callable[[Any, Any], Any]:
    def budgets(config: Any, application: Any) -> tuple[Budget, ...]:
        known = narrow(config, application)
        return tuple(replace(each, rate_per_s=RATE_PER_S, burst=BURST) for each in known)

    return budgets
