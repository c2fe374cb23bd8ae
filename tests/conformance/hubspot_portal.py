"""A HubSpot portal with every type of properties, reached by a service key or an application."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from channel_clients.emulators.stage import serving
from crm_clients.emulators.hubspot import HubSpotEmulator
from crm_clients.hubspot import Application, Config, HubSpot, HubSpotOnCards, connect_with_token
from crm_clients.hubspot.markers import keep_markers
from crm_clients.hubspot.rest import Rest
from tests.port import LoopbackHttp

ACME = "acme"
HOOKS = "https://hub.example.com/hooks/registration"
CALLBACK = "https://hub.example.com/oauth/hubspot/callback"
# One property of each type that a mapping can write, by its type and its field's.
TYPES: Mapping[str, tuple[str, str]] = {
    "string": ("string", "text"),
    "area": ("string", "textarea"),
    "phone_number": ("phone_number", "phonenumber"),
    "number": ("number", "number"),
    "bool": ("bool", "booleancheckbox"),
    "select": ("enumeration", "select"),
    "checkbox": ("enumeration", "checkbox"),
    "date": ("date", "date"),
    "datetime": ("datetime", "date"),
}
ELSEWHERE_KEPT = {"file": ("string", "file"), "html": ("string", "html")}
STAGES = {
    "deals": (("new", "Новая", "0.1"), ("work", "В работе", "0.5"), ("won", "Победа", "1.0")),
    "tickets": (("new", "Новая", "OPEN"), ("work", "В работе", "OPEN"), ("won", "Всё", "CLOSED")),
}


@asynccontextmanager
async def a_portal() -> AsyncIterator[HubSpotEmulator]:
    emulator = HubSpotEmulator()
    emulator.switches.rate_limited = False
    emulator.add_portal(ACME, users=("Ольга Менеджер", "Иван Оператор"))
    for kind in ("contacts", "deals", "tickets"):
        for name, (type_, field_type) in {**TYPES, **ELSEWHERE_KEPT}.items():
            listed = {"values": ["Да", "Нет", "Может быть"]} if type_ == "enumeration" else {}
            about = {"label": f"Поле {name}", **listed}
            emulator.add_property(ACME, kind, f"own_{name}", type_, field_type, **about)
    for case, stages in STAGES.items():
        emulator.add_pipeline(ACME, case, "wholesale", stages)
    try:
        yield emulator
    finally:
        await emulator.aclose()


@asynccontextmanager
async def by_key(
    emulator: HubSpotEmulator, **details: Any
) -> AsyncIterator[tuple[HubSpotOnCards, LoopbackHttp]]:
    """Connect the portal by a service key; `scopes` are the key's, the rest is the config's."""
    token = emulator.static_token(ACME, **_scopes(details))
    async with serving(emulator.app) as base, httpx.AsyncClient(trust_env=False) as client:
        http = LoopbackHttp(client, at=datetime.now(UTC))
        values = await connect_with_token(http, None, base, token)
        config = Config.model_validate({**values, **details})
        kept = await keep_markers(Rest(config, None, http))
        config = Config.model_validate({**config.model_dump(), **kept})
        http.calls.clear()
        yield HubSpotOnCards(config, None, http), http


@asynccontextmanager
async def installed(
    emulator: HubSpotEmulator, **details: Any
) -> AsyncIterator[tuple[HubSpot, LoopbackHttp]]:
    """Install an application there, with all that it was granted; nothing is set up."""
    app = emulator.add_app(CALLBACK, hook_url=HOOKS)
    told = emulator.install(ACME, app.client_id, **_scopes(details))
    async with serving(emulator.app) as base, httpx.AsyncClient(trust_env=False) as client:
        application = Application(
            client_id=app.client_id,
            client_secret=SecretStr(app.client_secret),
            app_id=str(app.app_id),
            developer_key=SecretStr(app.developer_key),
            redirect_uri=CALLBACK,
            hook_address=HOOKS,
            api_base=base,
        )
        config = Config(
            portal_id=str(told["hub_id"]),
            access_token=SecretStr(told["access_token"]),
            refresh_token=SecretStr(told["refresh_token"]),
            expires_at=datetime.now(UTC) + timedelta(minutes=30),
            scopes=tuple(told["scopes"]),
            api_base=base,
            **details,
        )
        http = LoopbackHttp(client, at=datetime.now(UTC))
        yield HubSpot(config, application, http), http


def _scopes(details: dict[str, Any]) -> dict[str, Any]:
    return {"scopes": details.pop("granted")} if "granted" in details else {}
