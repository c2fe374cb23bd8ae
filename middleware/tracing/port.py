"""What the hub tells of its work to whoever traces; nothing is done when nobody does."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from middleware.http.ledger import Exchange
from middleware.outbox.rules import Verdict
from middleware.store.duties import Job
from middleware.store.rows import InboxRow, Parcelled

Ended = Callable[[Verdict | None], None]


class Tracer(Protocol):
    def keeping(self, parcels: Sequence[Parcelled]) -> AbstractContextManager[None]:
        """Parcels are being committed inside the block. An exception: they were not."""
        ...

    def reading(self, provider: str, row: InboxRow) -> AbstractContextManager[None]:
        """A parcel is read inside the block, and what follows from it is planned."""
        ...

    def attempting(self, provider: str, job: Job) -> AbstractContextManager[Ended]:
        """A delivery is attempted inside the block; what was decided is told to what it gives."""
        ...

    def exchanged(self, exchange: Exchange) -> None:
        """A call of the running attempt has ended."""
        ...

    async def aclose(self) -> None:
        """Hand over what is not handed over yet."""
        ...


def _unheard(_verdict: Verdict | None) -> None:
    """Nobody listens."""


_NOTHING = nullcontext()
_NOBODY = nullcontext(_unheard)


class Untraced:
    """Nobody traces."""

    def keeping(self, parcels: Sequence[Parcelled]) -> AbstractContextManager[None]:  # noqa: ARG002
        return _NOTHING

    def reading(self, provider: str, row: InboxRow) -> AbstractContextManager[None]:  # noqa: ARG002
        return _NOTHING

    def attempting(self, provider: str, job: Job) -> AbstractContextManager[Ended]:  # noqa: ARG002
        return _NOBODY

    def exchanged(self, exchange: Exchange) -> None:
        """See the port."""

    async def aclose(self) -> None:
        """See the port."""


UNTRACED = Untraced()
