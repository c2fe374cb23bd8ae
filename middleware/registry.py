"""Every provider that this build speaks, of either kind, as the hub looks them up."""

from collections.abc import Mapping
from typing import Any, Literal

from channel_clients.registry import CHANNELS
from crm_clients.registry import CRMS
from mappers.text import Language
from mappers.vocabulary.adapters import Manifest
from middleware.errors import HubError

Kind = Literal["channel", "crm"]
AnyManifest = Manifest[Any, Any, Any, Any]


class UnknownProvider(HubError):
    status = 404
    code = "provider.unknown"


def manifest_of(provider: str) -> AnyManifest:
    """Raises: `UnknownProvider`."""
    found: Mapping[str, AnyManifest] = {**CHANNELS, **CRMS}
    if provider not in found:
        raise UnknownProvider(f"no provider is called {provider!r}; there are {sorted(found)}")
    return found[provider]


def told_by_adapters() -> Mapping[str, Mapping[Language, str]]:
    """Explain the evidence that adapters give for identities, phrase by phrase."""
    return {k: v for each in (*CHANNELS.values(), *CRMS.values()) for k, v in each.evidence.items()}


def kind_of(provider: str) -> Kind:
    return "channel" if provider in CHANNELS else "crm"
