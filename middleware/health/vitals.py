"""What has to be well in this process, told by whoever runs it. Sentences name nobody."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

IsWell = Callable[[], bool]
NOT_WORKING = "The hub has not begun to work, or has stopped."


@dataclass(slots=True)
class Vitals:
    """`needed`: without it nothing is done here. `wanted`: without it work is done less well."""

    is_working: bool = False
    needed: dict[str, IsWell] = field(default_factory=dict)
    wanted: dict[str, IsWell] = field(default_factory=dict)

    def broken(self) -> Iterator[str]:
        if not self.is_working:
            yield NOT_WORKING
            return
        yield from (reason for reason, is_well in self.needed.items() if not is_well())

    def strained(self) -> Iterator[str]:
        yield from (reason for reason, is_well in self.wanted.items() if not is_well())
