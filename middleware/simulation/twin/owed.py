"""What is owed, as the twin remembers it, and by what it is found again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from mappers.vocabulary import (
    NEEDS_A_PERSON,
    SETTLED,
    ConnectionId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
)
from middleware.store.duties import Attempt, Duty

DutyKey: TypeAlias = tuple[ConnectionId, DeliveryKind, UUID, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Shape: deliveries `head` to `tail` are still ahead; none are when `head` is past `tail`."""

    id: int
    target: ConnectionId
    key: str
    head: int
    tail: int
    priority: int
    due_at: datetime | None

    @property
    def is_drained(self) -> bool:
        return self.head > self.tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    id: DeliveryId
    lane: int
    seq: int
    duty: Duty
    state: DeliveryState
    after: DeliveryId | None
    detail: Mapping[str, Any]
    attempts: int = 0
    failures: int = 0
    called_at: datetime | None = None
    due_at: datetime | None = None
    code: str = ""
    created_at: datetime
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedAttempt:
    delivery: DeliveryId
    number: int
    attempt: Attempt


def duty_key(duty: Duty) -> DutyKey:
    return duty.target, duty.kind, duty.subject, duty.part, duty.revision


def in_flight(delivery: Delivery) -> ConnectionId | None:
    flies = delivery.state in {DeliveryState.CALLING, DeliveryState.DOUBT}
    return delivery.duty.target if flies else None


def parked(delivery: Delivery) -> ConnectionId | None:
    return delivery.duty.target if delivery.state is DeliveryState.PARKED else None


def waits_after(delivery: Delivery) -> DeliveryId | None:
    waits = delivery.state in {DeliveryState.READY, DeliveryState.DOUBT}
    return delivery.after if waits else None


def begins(delivery: Delivery) -> bool | None:
    """Whether it was begun or may be: everything but what is over or waits for a person."""
    is_over = delivery.state in SETTLED | NEEDS_A_PERSON
    return None if is_over else True


def ready(delivery: Delivery) -> int | None:
    return delivery.lane if delivery.state is DeliveryState.READY else None
