"""The hub as an ASGI application: the hook door in front, everything else behind it."""

from importlib.metadata import version

from fastapi import FastAPI

from middleware.hub import Hub
from middleware.webhooks.door import App, HookDoor


def make_app(hub: Hub) -> App:
    """Build the application of an open hub. It works while `middleware.hub.working` runs."""
    inner = FastAPI(
        title="Threadline", version=version("threadline"), openapi_url="/api/v1/openapi.json"
    )
    inner.state.hub = hub
    return HookDoor(
        inner,
        hub.addresses,
        hub.flusher,
        hub.refusals,
        body_limit=hub.settings.hook_body_limit_bytes,
    )
