"""Pipelines of deals and tickets, with their stages."""

from channel_clients.emulators.stage import Response

from .call import Call, Route
from .crm_model import Json, Pipeline, Stage
from .problems import invalid, not_found
from .rest_objects import kind_of
from .rest_properties import sees
from .world import iso

PLACE = "pipelines/(deals|deal|0-3|tickets|ticket|0-5)"
FOUNDED = 1_700_000_000.0


def stage_told(stage: Stage) -> Json:
    return {
        "id": stage.id,
        "label": stage.label,
        "displayOrder": stage.order,
        "metadata": stage.metadata,
        "createdAt": iso(FOUNDED),
        "updatedAt": iso(FOUNDED),
        "archived": stage.archived,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
    }


def pipeline_told(pipeline: Pipeline) -> Json:
    return {
        "id": pipeline.id,
        "label": pipeline.label,
        "displayOrder": pipeline.order,
        "stages": [stage_told(each) for each in pipeline.stages if not each.archived],
        "createdAt": iso(FOUNDED),
        "updatedAt": iso(FOUNDED),
        "archived": pipeline.archived,
    }


def _there(call: Call) -> list[Pipeline]:
    kind = kind_of(call)
    if kind.id not in call.portal.crm.pipelines:
        raise invalid(f"Objects of type {kind.id} have no pipelines")
    return [each for each in call.portal.crm.pipelines[kind.id] if not each.archived]


def _named(call: Call) -> Pipeline:
    for each in _there(call):
        if each.id == call.args[1]:
            return each
    raise not_found(f"Pipeline {call.args[1]} does not exist")


def list_pipelines(call: Call) -> Response:
    return Response.of({"results": [pipeline_told(each) for each in _there(call)]})


def get_pipeline(call: Call) -> Response:
    return Response.of(pipeline_told(_named(call)))


def list_stages(call: Call) -> Response:
    return Response.of({"results": pipeline_told(_named(call))["stages"]})


def get_stage(call: Call) -> Response:
    for each in _named(call).stages:
        if each.id == call.args[2] and not each.archived:
            return Response.of(stage_told(each))
    raise not_found(f"Stage {call.args[2]} does not exist")


ROUTES = (
    Route("GET", PLACE, list_pipelines, sees),
    Route("GET", f"{PLACE}/([^/]+)", get_pipeline, sees),
    Route("GET", f"{PLACE}/([^/]+)/stages", list_stages, sees),
    Route("GET", f"{PLACE}/([^/]+)/stages/([^/]+)", get_stage, sees),
)
