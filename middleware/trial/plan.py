"""What a trial asks the hub to connect: registrations, accounts, and the routes between them.

Written to a file by the one who starts the hub, and read by the hub's own process. It holds the
credentials of emulators, which open nothing else.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from mappers.text import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """One company: its bot, its account of a CRM, what opens them, and who works there."""

    name: str
    bot: str
    crm_provider: str
    channel: Mapping[str, Any] = field(repr=False)
    crm: Mapping[str, Any] = field(repr=False)
    operators: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Ours at one CRM. `stage`, if any, is told where its hooks should go."""

    provider: str
    client_id: str
    values: Mapping[str, Any] = field(repr=False)
    stage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    language: Language
    channel_provider: str
    registrations: tuple[Registration, ...]
    shops: tuple[Shop, ...]

    def write(self, path: Path) -> None:
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self), ensure_ascii=False), "utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        stored = json.loads(path.read_text("utf-8"))
        shops = tuple(Shop(**shop) for shop in stored.pop("shops"))
        ours = tuple(Registration(**each) for each in stored.pop("registrations"))
        return cls(**stored, registrations=ours, shops=shops)
