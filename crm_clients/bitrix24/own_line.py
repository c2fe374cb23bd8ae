"""The open line that a connection uses: which one it is, what is changed in it, and put back.

An administrator chooses a line's settings. One that we make begins with two of ours: it ties what
is said to the cards that there are, and makes none, since the hub does. In one that was named to us
they are set once, when it is taken, and what they were before is kept: it is put back when the line
is given up, unless somebody has changed it meanwhile.

Source: apidocs.bitrix24.com/api-reference/imopenlines/openlines.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_clients.bitrix24.oauth import Application, Config
from crm_clients.bitrix24.rest import Rest, all_of, created_id
from crm_clients.bitrix24.wire import LineSettings
from mappers.vocabulary import Blocked, ProviderError

MOST_LINES = 200
SEEN = ("ID", "LINE_NAME", "ACTIVE", "CRM", "CRM_CREATE", "VOTE_MESSAGE")
OURS: Mapping[str, str] = {"CRM": "Y", "CRM_CREATE": "none"}
Before = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class OwnLine:
    config: Config
    application: Application
    rest: Rest = field(repr=False)

    async def all(self) -> tuple[LineSettings, ...]:
        """Return the portal's lines, with who is in their queues."""
        asked = {"PARAMS": {"select": [*SEEN], "limit": MOST_LINES}, "OPTIONS": {"QUEUE": "Y"}}
        return all_of(LineSettings, await self.rest.ask("imopenlines.config.list.get", asked))

    async def choose(self) -> tuple[str, Before]:
        """Return the line to use, and what was changed in it; a missing one is made.

        What an earlier set-up made, whose answer may have been lost, is found by its name.
        Raises: `ProviderError` for a number that no line has.
        """
        lines, wanted = await self.all(), self.application.line.strip()
        found = next((each for each in lines if _is_meant(each, wanted)), None) if wanted else None
        if not wanted:
            found = next((each for each in lines if each.id == self.config.line), None)
            found = found or next((e for e in lines if e.name == self.application.title), None)
        if found is None and wanted.isdecimal():
            raise ProviderError(Blocked(code="bitrix24.no_such_line", by="provider"))
        if found is None:
            return await self._make(wanted or self.application.title), ()
        if found.id == self.config.line:
            return found.id, self.config.line_before
        return found.id, await self._take(found) if wanted else ()

    async def give_up(self) -> None:
        """Put back what we changed and nobody has changed since."""
        line = next((each for each in await self.all() if each.id == self.config.line), None)
        if line is None:
            return
        is_left = {name: line.settings.get(name) == OURS.get(name) for name, _ in self._before}
        await self._change(line.id, {name: was for name, was in self._before if is_left[name]})

    @property
    def _before(self) -> Before:
        return self.config.line_before

    async def _take(self, line: LineSettings) -> Before:
        before = tuple(
            (name, line.settings[name])
            for name, value in OURS.items()
            if line.settings.get(name, value) != value
        )
        await self._change(line.id, {name: OURS[name] for name, _ in before})
        return before

    async def _change(self, line: str, settings: Mapping[str, str]) -> None:
        if settings:
            asked: dict[str, Any] = {"CONFIG_ID": int(line), "PARAMS": dict(settings)}
            await self.rest.ask("imopenlines.config.update", asked)

    async def _make(self, name: str) -> str:
        wanted = {"LINE_NAME": name, "ACTIVE": "Y", **OURS}
        return created_id(await self.rest.make("imopenlines.config.add", {"PARAMS": wanted}))


def _is_meant(line: LineSettings, wanted: str) -> bool:
    return wanted in {line.id, line.name}
