"""What one would write first: a route that checks the secret and hands each message to Celery."""

import os
from typing import Any

from fastapi import FastAPI, HTTPException, Request

from tests.peers.naive.tasks import deliver

app = FastAPI()
SECRET = os.environ["NAIVE_SECRET"]


@app.post("/hook/{bot}")
async def hook(bot: int, request: Request) -> dict[str, Any]:
    if request.headers.get("x-telegram-bot-api-secret-token") != SECRET:
        raise HTTPException(401)
    deliver.delay(bot, await request.json())
    return {"ok": True}
