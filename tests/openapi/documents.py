"""OpenAPI documents of a provider, made fit to judge by: what tools trip over is mended in memory.

HubSpot publishes its documents for its own use, so none of them is kept here: whoever wants to
judge by them clones github.com/HubSpot/HubSpot-public-api-spec-collection into an ignored folder
and names it in `THREADLINE_HUBSPOT_SPECS`. They were read as of August 2026.
"""

import json
import os
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

PLACE = "THREADLINE_HUBSPOT_SPECS"
ABSENT = f"HubSpot's OpenAPI documents are not here: clone them, and name the folder in {PLACE}"
VERSIONS = ("v1", "v3", "v4", "2026-03", "2026-09")
AREAS = (
    *(f"CRM/{name}" for name in ("Contacts", "Deals", "Tickets", "Notes", "Calls", "Emails")),
    *(f"CRM/{name}" for name in ("Tasks", "Communications", "Objects", "Properties")),
    *("CRM/Associations", "CRM/Associations Schema", "CRM/Crm Owners", "CRM/Pipelines"),
    *("CRM/App Uninstalls", "Conversations/Custom Channels", "Conversations/Conversations"),
    *("Files/Files", "Account/Account Info", "Auth/Oauth", "Webhooks/Webhooks"),
)
# What the documents demand and neither the guides nor real bodies have.
TOO_STRICT: Mapping[str, frozenset[str]] = {
    "SimplePublicObjectInputForCreate": frozenset({"associations"}),
    "SimplePublicObjectBatchInputForCreate": frozenset({"associations"}),
    "PublicObjectSearchRequest": frozenset(
        {"after", "filterGroups", "limit", "properties", "sorts"}
    ),
    "BatchReadInputSimplePublicObjectId": frozenset({"properties", "propertiesWithHistory"}),
    "StandardError": frozenset({"errors", "links", "context"}),
    "PublicChannelIntegrationChannelPatch": frozenset(
        {
            *("name", "capabilities", "webhookUrl", "channelDescription", "channelLogoUrl"),
            "channelAccountConnectionRedirectUrl",
        }
    ),
}
# Real bodies say more than their schemas do.
OPEN = frozenset({"Error", "ErrorDetail", "StandardError", "TokenInfoResponseBaseIF"})
WITH_VALUES = (
    "SimplePublicObject",
    "SimplePublicObjectWithAssociations",
    "SimplePublicUpsertObject",
)
A_SORT = {
    "type": "object",
    "required": ["propertyName"],
    "properties": {
        "propertyName": {"type": "string"},
        "direction": {"type": "string", "enum": ["ASCENDING", "DESCENDING"]},
    },
}
REFERENCE = "#/components/schemas/"

Document = dict[str, Any]


def folder() -> Path | None:
    """Say where the documents are; None where nobody fetched any."""
    named = os.environ.get(PLACE, "")
    found = Path(named) / "PublicApiSpecs"
    return found if named and found.is_dir() else None


def documents() -> Iterator[Document]:
    """Every document that we need, mended. Skips the test where there are none."""
    found = folder()
    if found is None:
        pytest.skip(ABSENT)
    for area in AREAS:
        for version in VERSIONS:
            for path in sorted(found.glob(f"{area}/Rollouts/*/{version}/*.json")):
                yield mended(json.loads(path.read_bytes()))


def mended(document: Document) -> Document:
    """A copy of the document whose schemas accept what is right and refuse what is not."""
    told = deepcopy(document)
    parts = told.get("components", {})
    schemas = parts.get("schemas", {})
    for answer in parts.get("responses", {}).values():
        _named_json(answer.get("content", {}))
    for name, schema in schemas.items():
        _relaxed(schema, TOO_STRICT.get(name, frozenset()))
        _without_parent(name, schema, schemas)
    _with_sorts(schemas)
    _with_empty_values(schemas)
    _with_any_ids(schemas)
    _with_capabilities(schemas)
    _with_ended_tokens(schemas)
    _with_silent_success(told.get("paths", {}))
    for name, schema in schemas.items():
        if name not in OPEN:
            _closed(schema)
    for ways in told.get("paths", {}).values():
        # Forms are described where they are taken.
        _closed([way["requestBody"] for way in ways.values() if "requestBody" in way])
    return told


def _named_json(content: dict[str, Any]) -> None:
    """The usual answer to what went wrong is of no media type that any tool can read."""
    if "*/*" in content:
        content["application/json"] = content.pop("*/*")


def _relaxed(schema: dict[str, Any], needless: frozenset[str]) -> None:
    kept = [name for name in schema.get("required", ()) if name not in needless]
    schema.pop("required", None)
    if kept:
        schema["required"] = kept


def _without_parent(name: str, schema: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    """A child refers to its parent and the parent to its children: so everything would be right."""
    own = [each for each in schema.pop("allOf", ()) if not _leads_back(name, each, schemas)]
    if len(own) == 1:
        schema.update(own[0])
    elif own:
        schema["allOf"] = own


def _leads_back(name: str, part: Mapping[str, Any], schemas: Mapping[str, Any]) -> bool:
    parent = schemas.get(str(part.get("$ref", "")).removeprefix(REFERENCE), {})
    return {"$ref": REFERENCE + name} in parent.get("oneOf", ())


def _with_sorts(schemas: Mapping[str, Any]) -> None:
    """Sorts are typed as words; the guides show objects, and those are answered."""
    search = schemas.get("PublicObjectSearchRequest")
    if search is not None:
        search["properties"]["sorts"]["items"] = {"oneOf": [{"type": "string"}, A_SORT]}


def _with_empty_values(schemas: Mapping[str, Any]) -> None:
    """A property that was asked for and holds nothing is null."""
    for name in WITH_VALUES:
        if name in schemas:
            values = schemas[name]["properties"]["properties"]
            values["additionalProperties"] = {"type": "string", "nullable": True}


def _with_any_ids(schemas: Mapping[str, Any]) -> None:
    """Associations name records by number in the guides, and by word in the documents."""
    for schema in schemas.values():
        held = schema.get("properties", {})
        for name in {"fromObjectId", "toObjectId"} & held.keys():
            held[name] = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
        if {"category", "typeId"} <= held.keys() and "label" in held:
            held["label"] = {"type": "string", "nullable": True}


def _with_capabilities(schemas: Mapping[str, Any]) -> None:
    """Capabilities are words, flags and lists; their values, and what is patched, say "object"."""
    for schema in schemas.values():
        held = schema.get("properties", {})
        if "capabilities" in held and "webhookUrl" in held:
            words = [name for name, each in held.items() if each.get("type") == "object"]
            held |= {name: {"type": "string", "nullable": True} for name in words}
            held["capabilities"] = {"type": "object"}


def _with_ended_tokens(schemas: Mapping[str, Any]) -> None:
    """Of a token that is none any more nothing is told but that."""
    if "oneOf" in schemas.get("TokenInfoResponseBaseIF", ()):
        ended = {"type": "object", "properties": {"active": {"type": "boolean", "enum": [False]}}}
        schemas["TokenInfoResponseBaseIF"]["oneOf"].append(ended)


def _with_silent_success(paths: Mapping[str, Any]) -> None:
    """Where only failures are described, a success says nothing."""
    for ways in paths.values():
        for way in ways.values():
            answers = way.get("responses", {}) if isinstance(way, dict) else {}
            if answers.keys() == {"default"}:
                answers |= {"200": {}, "204": {}}


def _closed(schema: Any) -> None:
    """Let nothing pass that a schema does not name: a misspelt field would be in silence."""
    if isinstance(schema, list):
        for each in schema:
            _closed(each)
    if isinstance(schema, dict):
        if schema.get("properties") and not schema.keys() & {"allOf", "oneOf", "anyOf"}:
            schema.setdefault("additionalProperties", False)
        for key, each in schema.items():
            if key not in {"example", "enum", "default", "required"}:
                _closed(each)
