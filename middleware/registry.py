"""Every provider that this build speaks, of either kind, as the hub looks them up."""

from collections.abc import Mapping
from typing import Any, Literal

from channel_clients.registry import CHANNELS
from crm_clients.registry import CRMS
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


def kind_of(provider: str) -> Kind:
    return "channel" if provider in CHANNELS else "crm"
