"""Pipelines of deals or tickets, and which of their stages are the end.

A deal's stage says that it is one, and by a chance of one that it was won; a ticket's says that it
is closed, which is as good as won.

Source: developers.hubspot.com/docs/api/crm/pipelines.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from crm_clients.hubspot.rest import Rest, all_of
from crm_clients.hubspot.versions import PIPELINES, path
from crm_clients.hubspot.wire import Flag, Id, Number, Properties, Read, Text

State = Literal["open", "won", "lost"]


class Stage(Read):
    id: Id
    label: Text = ""
    order: Number = Field(0, alias="displayOrder")
    is_archived: Flag = Field(False, alias="archived")
    metadata: Properties = Field({})

    @property
    def state(self) -> State:
        told = {name: value.lower() for name, value in self.metadata.items()}
        if told.get("ticketState") == "closed":
            return "won"
        if told.get("isClosed") != "true":
            return "open"
        return "won" if told.get("probability") in ("1", "1.0") else "lost"


class Pipeline(Read):
    id: Id
    label: Text = ""
    order: Number = Field(0, alias="displayOrder")
    is_archived: Flag = Field(False, alias="archived")
    stages: Annotated[list[Stage], BeforeValidator(lambda value: value or [])] = Field([])

    @property
    def in_order(self) -> list[Stage]:
        return sorted((each for each in self.stages if not each.is_archived), key=_place)


async def read_pipelines(rest: Rest, kind: str) -> list[Pipeline]:
    """Return the pipelines of deals or of tickets in the order that the portal shows them in."""
    reply = await rest.get(path(PIPELINES, kind), "pipelines")
    found = (each for each in all_of(Pipeline, reply) if not each.is_archived)
    return sorted(found, key=_place)


def closing_stages(pipelines: Iterable[Pipeline]) -> tuple[tuple[str, State], ...]:
    """Return the stages that end a deal, with what each means."""
    ends = {
        stage.id: stage.state
        for each in pipelines
        for stage in each.stages
        if stage.state != "open"
    }
    return tuple(sorted(ends.items()))


def _place(each: Stage | Pipeline) -> tuple[int, str]:
    return each.order, each.id
