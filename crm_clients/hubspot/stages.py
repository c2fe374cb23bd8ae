"""Which stages of a pipeline are the end of a deal, or of a ticket, and where one begins.

A deal's stage says that it is an end, and by a chance of one that it was won; a ticket's says that
it is closed, which is as good as won.

Source: developers.hubspot.com/docs/api/crm/pipelines.
"""

from collections.abc import Iterable
from typing import Literal

from crm_clients.hubspot.field_wire import Pipeline, Stage

State = Literal["open", "won", "lost"]


def closing_stages(pipelines: Iterable[Pipeline]) -> tuple[tuple[str, State], ...]:
    """Return the stages that end a deal, with what each means."""
    ends = {stage.id: state_of(stage) for each in pipelines for stage in each.stages}
    return tuple(sorted((stage, state) for stage, state in ends.items() if state != "open"))


def state_of(stage: Stage) -> State:
    told = {name: value.lower() for name, value in stage.metadata.items()}
    if told.get("ticketState") == "closed":
        return "won"
    if told.get("isClosed") != "true":
        return "open"
    return "won" if told.get("probability") in ("1", "1.0") else "lost"


def beginning(pipelines: Iterable[Pipeline], pipeline: str, stage: str) -> tuple[str, str]:
    """Complete where a deal begins: what is empty is the first that the portal shows.

    `pipelines` are in that order. What is named stays, even where nobody knows it.
    """
    for each in pipelines:
        is_meant = each.id == pipeline if pipeline else not stage or stage in _ids(each)
        if is_meant and not each.is_archived:
            used = (one for one in each.stages if not one.is_archived)
            first = min(used, key=lambda one: (one.order, one.id), default=None)
            return each.id, stage or ("" if first is None else first.id)
    return pipeline, stage


def _ids(pipeline: Pipeline) -> Iterable[str]:
    return (each.id for each in pipeline.stages)
