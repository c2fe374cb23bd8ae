"""`/health/live`, `/health/ready`, `/metrics`: for whoever runs the process."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from middleware.health.flow import Health
from middleware.hub import Hub


def health_routes(hub: Hub) -> APIRouter:
    """Build the routes of one hub."""
    router = APIRouter(include_in_schema=False)
    health = Health(hub)

    @router.get("/health/live")
    async def live() -> Response:
        """Say that the loop turns. A dead database is no reason to restart us."""
        return PlainTextResponse("alive")

    @router.get("/health/ready")
    async def ready() -> Response:
        """Say whether work is done; 503 when it cannot be."""
        found = await health.readiness()
        status = 503 if found.state == "not_ready" else 200
        return JSONResponse({"state": found.state, "reasons": found.reasons}, status)

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(await health.exposition(), media_type=CONTENT_TYPE_LATEST)

    return router
