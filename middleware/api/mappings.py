"""`/api/v1/mappings`: documents that say what is written to which field, in versions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from mappers.mapping.model import Problem
from mappers.vocabulary import Catalogue, ConnectionId
from middleware.api.auth import Admin, Operator, Reader, TheHub
from middleware.api.schemas import (
    ActivateVersion,
    AddVersion,
    CreateMapping,
    Difference,
    LintMapping,
    Notes,
    PreviewMapping,
    TryMapping,
    UseMapping,
    VersionAdded,
)
from middleware.operations.access.rules import Scope
from middleware.operations.mappings import flow
from middleware.operations.mappings.flow import Look
from middleware.operations.mappings.model import MappingLine, Previewed, Trial, VersionLine

router = APIRouter(tags=["mappings"])
Raw = Annotated[bool, Query(description="With what customers said: for admins.")]


@router.get("/mappings", summary="List mappings")
async def list_mappings(hub: TheHub, who: Reader) -> tuple[MappingLine, ...]:
    return await flow.mappings(hub, who.caller)


@router.post("/mappings", summary="Make an empty mapping", status_code=status.HTTP_201_CREATED)
async def create_mapping(hub: TheHub, who: Admin, asked: CreateMapping) -> MappingLine:
    return await flow.create(hub, who.caller, asked.name)


@router.post("/mappings/lint", summary="Say everything that is wrong with a document")
async def lint_mapping(hub: TheHub, who: Operator, asked: LintMapping) -> tuple[Problem, ...]:
    """With a connection named, its account is asked for what it has."""
    return await flow.lint(hub, who.caller, asked.document, _connection(asked.connection))


@router.post("/mappings/try", summary="Apply a document to facts of your own")
async def try_mapping(hub: TheHub, who: Operator, asked: TryMapping) -> Trial:
    """As if the CRM held nothing yet. Nothing is written."""
    at = _connection(asked.connection)
    return await flow.attempt(hub, who.caller, asked.document, asked.facts, at)


@router.post("/mappings/preview", summary="Apply a document to the last messages of a route")
async def preview_mapping(
    hub: TheHub,
    who: Operator,
    asked: PreviewMapping,
    raw: Raw = False,  # noqa: FBT002 - a query
) -> tuple[Previewed, ...]:
    """Nothing is written. Values are masked."""
    if raw:
        who.demand(Scope.ADMIN)
    look = Look(
        source=ConnectionId(asked.source),
        target=ConnectionId(asked.target),
        last=asked.last,
        raw=raw,
    )
    return await flow.preview(hub, who.caller, look, asked.document)


@router.get("/mappings/{mapping_id}", summary="Show a mapping")
async def show_mapping(hub: TheHub, who: Reader, mapping_id: UUID) -> MappingLine:
    return await flow.own_mapping(hub, who.caller, mapping_id)


@router.get("/mappings/{mapping_id}/versions", summary="List versions, the newest first")
async def list_versions(hub: TheHub, who: Reader, mapping_id: UUID) -> tuple[VersionLine, ...]:
    return await flow.versions(hub, who.caller, mapping_id)


@router.post(
    "/mappings/{mapping_id}/versions",
    summary="Add a version",
    status_code=status.HTTP_201_CREATED,
)
async def add_version(hub: TheHub, who: Admin, mapping_id: UUID, asked: AddVersion) -> VersionAdded:
    """A document with errors is refused, with all of them (422)."""
    number = await flow.add_version(
        hub, who.caller, mapping_id, asked.document, activate=asked.activate
    )
    return VersionAdded(number=number)


@router.get("/mappings/{mapping_id}/versions/{number}", summary="Show a version")
async def show_version(hub: TheHub, who: Reader, mapping_id: UUID, number: int) -> VersionLine:
    return await flow.version(hub, who.caller, mapping_id, number)


@router.get("/mappings/{mapping_id}/diff/{older}/{newer}", summary="Compare two versions")
async def compare_versions(
    hub: TheHub, who: Reader, mapping_id: UUID, older: int, newer: int
) -> Difference:
    return Difference(diff=await flow.difference(hub, who.caller, mapping_id, older, newer))


@router.post("/mappings/{mapping_id}/activate", summary="Put a version in force")
async def activate_version(
    hub: TheHub, who: Admin, mapping_id: UUID, asked: ActivateVersion
) -> MappingLine:
    return await flow.activate(hub, who.caller, mapping_id, asked.number)


@router.post("/mappings/{mapping_id}/rollback", summary="Put the version before in force again")
async def roll_back(hub: TheHub, who: Admin, mapping_id: UUID) -> MappingLine:
    return await flow.roll_back(hub, who.caller, mapping_id)


@router.get("/connections/{connection_id}/catalogue", summary="Ask a CRM what may be mapped")
async def show_catalogue(hub: TheHub, who: Operator, connection_id: UUID) -> Catalogue:
    return await flow.catalogue(hub, who.caller, ConnectionId(connection_id))


@router.put("/routes/{source_id}/{target_id}/mapping", summary="Have a route use a mapping")
async def use_mapping(
    hub: TheHub, who: Admin, source_id: UUID, target_id: UUID, asked: UseMapping
) -> Notes:
    source, target = ConnectionId(source_id), ConnectionId(target_id)
    await flow.use(hub, who.caller, source, target, asked.mapping)
    return Notes()


def _connection(asked: UUID | None) -> ConnectionId | None:
    return None if asked is None else ConnectionId(asked)
