"""Telegram's part in a trial."""

from collections.abc import Mapping, Sequence
from typing import Any

from channel_clients.emulators.contract import ChannelFaults, ChannelPart
from channel_clients.emulators.stage import Stage
from channel_clients.emulators.telegram.emulator import TelegramEmulator
from channel_clients.emulators.telegram.stub import TelegramStub

HEADER = "x-telegram-bot-api-secret-token"


def _arguments(tokens: Sequence[str], limited: bool) -> tuple[str, ...]:  # noqa: FBT001  # by the contract
    bots = (f"--token={token}" for token in tokens)
    return (*bots, *(() if limited else ("--unlimited",)))


def _make(stage: Stage, tokens: Sequence[str]) -> TelegramEmulator:
    emulator = TelegramEmulator(stage, limits=None)
    for token in tokens:
        emulator.add_bot(token, f"bot{token.partition(':')[0]}_bot")
    return emulator


def _values(token: str, base: str, secret: str) -> Mapping[str, Any]:
    return {"token": token, "mode": "webhook", "api_base": base, "webhook_secret": secret}


PART = ChannelPart(
    name="telegram",
    title="Telegram",
    module="channel_clients.emulators.telegram",
    arguments=_arguments,
    make=_make,
    values=_values,
    stub=TelegramStub,
    secret_header=HEADER,
    faults=ChannelFaults(
        sends="/send",
        files="/file/",
        flood="flood_at_proxy",
        doubled=("duplicate_update", "lost_ack"),
        reordered="reordered_updates",
        passing=(
            *("flood", "flood_at_proxy", "restart", "garbled_success"),
            *("duplicate_update", "lost_ack"),
        ),
    ),
)
