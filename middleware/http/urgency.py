"""How urgent the calls of the running attempt are.

One adapter, and so one port, serves attempts of every urgency at once; so the urgency belongs to
the attempt's task, like the exchanges that it collects, and not to the port.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from mappers.vocabulary import Priority

_urgency: ContextVar[Priority] = ContextVar("urgency", default=Priority.MESSAGE)


def urgency() -> Priority:
    """The urgency of whoever is calling; that of a customer's message when nobody said."""
    return _urgency.get()


@contextmanager
def urgent(priority: Priority) -> Iterator[None]:
    """Make every call inside the block draw on its budget with this urgency."""
    token = _urgency.set(priority)
    try:
        yield
    finally:
        _urgency.reset(token)
