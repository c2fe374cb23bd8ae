"""What the emulators of CRMs are made with: work in the background, switches, plain values."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, Literal, get_args, get_origin


class Background:
    """Work that goes on after an answer was given.

    A task is either busy or waiting for a far moment (the next attempt of a hook): `drain` waits
    for the busy ones only, so that nobody sits through an hour of retries.
    """

    def __init__(self) -> None:
        self._busy: set[asyncio.Task[Any]] = set()
        self._waiting: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        self._keep(work, self._busy)

    def start_later(self, work: Coroutine[Any, Any, Any]) -> None:
        self._keep(work, self._waiting)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def drain(self) -> None:
        """Return when no task is busy. Re-raises what a task died of."""
        while self._busy:
            await asyncio.gather(*self._busy)

    async def close(self) -> None:
        tasks = self._busy | self._waiting
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep(self, work: Coroutine[Any, Any, Any], shelf: set[asyncio.Task[Any]]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        shelf.add(task)
        task.add_done_callback(shelf.discard)


@dataclass(slots=True, kw_only=True)
class SwitchBoard:
    """Fields of a subclass are switches: booleans, numbers and literals."""

    def set(self, name: str, value: Any) -> None:
        """Raise `ValueError` for a name or a value that does not exist."""
        kinds = {item.name: item.type for item in fields(self)}
        if name not in kinds:
            raise ValueError(f"no switch is called {name!r}; there are {sorted(kinds)}")
        kind = kinds[name]
        if get_origin(kind) is Literal:
            if value not in get_args(kind):
                raise ValueError(f"{name} is one of {get_args(kind)}, not {value!r}")
        elif kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        elif type(value) is not kind:
            raise ValueError(f"{name} is a {kind}, not {value!r}")
        setattr(self, name, value)


def plain(value: Any) -> Any:
    """Turn records into what JSON can say."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value
