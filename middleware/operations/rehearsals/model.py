"""What a replay would do."""

from dataclasses import dataclass

from mappers.vocabulary import DeliveryId, DeliveryKind, DeliveryState
from middleware.outbox.effects import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Every field and entry that a replay would change, in order.

    `why` says why there is nothing to do, or less than there might be. `after` is what the delivery
    waits for, as long as that is not done.
    """

    delivery: DeliveryId
    kind: DeliveryKind
    title: str
    effects: tuple[Effect, ...] = ()
    why: str = ""
    after: DeliveryId | None = None
    after_state: DeliveryState | None = None
