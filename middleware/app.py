"""The hub as an ASGI application: the hook door in front, everything else behind it."""

import os
from importlib.metadata import version

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from middleware.api import pages, problems
from middleware.api.router import PREFIX, router
from middleware.doors import doors
from middleware.health.routes import health_routes
from middleware.hub import Hub
from middleware.media.routes import media_routes
from middleware.webhooks.door import App

# As uvicorn names and reads it.
TRUSTED_PROXIES = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")


def make_bare_app(hub: Hub) -> App:
    """Build what is left for a process that nobody calls: whether it is well, and its numbers."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(health_routes(hub))
    return app


def make_app(hub: Hub) -> App:
    """Build the application of an open hub. It works while `middleware.working` does."""
    return doors(hub, behind=make_pages(hub))


def make_pages(hub: Hub) -> App:
    """Build what is behind the hook door: the API, the pages of held links, files, health."""
    inner = FastAPI(
        title="Threadline",
        version=version("threadline"),
        openapi_url=f"{PREFIX}/openapi.json",
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    inner.state.hub = hub
    problems.install(inner)
    # Here and not around the hooks, which ask nobody where they come from.
    inner.add_middleware(ProxyHeadersMiddleware, trusted_hosts=TRUSTED_PROXIES)
    for each in (router, pages.router, health_routes(hub), media_routes(hub)):
        inner.include_router(each)
    return inner
