"""Both families of addresses, and the one core that they lead to.

A path of the core is an area's name and what follows: `objects/contacts/101`. Which versions an
area has is what the provider's documents list; any other version is no address at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass

DATED = frozenset({"2025-09", "2026-03", "2026-09"})
ASSOCIATIONS = "/associations/"


@dataclass(frozen=True, slots=True)
class Area:
    """`{}` stands for the version, in the old address and in the dated one."""

    name: str
    old: str
    old_versions: frozenset[str]
    dated: str
    dated_versions: frozenset[str] = DATED


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call goes: a path of the core, and the version it was asked for."""

    path: str
    version: str


AREAS = (
    Area("objects", "/crm/{}/objects", frozenset({"v3", "v4"}), "/crm/objects/{}"),
    Area("associations", "/crm/{}/associations", frozenset({"v4"}), "/crm/associations/{}"),
    Area("properties", "/crm/{}/properties", frozenset({"v3"}), "/crm/properties/{}"),
    Area("pipelines", "/crm/{}/pipelines", frozenset({"v3"}), "/crm/pipelines/{}"),
    Area("owners", "/crm/{}/owners", frozenset({"v3"}), "/crm/owners/{}"),
    Area("files", "/files/{}", frozenset({"v3"}), "/files/{}"),
    Area("account-info", "/account-info/{}", frozenset({"v3"}), "/account-info/{}"),
    Area("oauth", "/oauth/{}", frozenset({"v1", "v3"}), "/oauth/{}"),
    Area(
        "custom-channels",
        "/conversations/{}/custom-channels",
        frozenset({"v3"}),
        "/conversations/custom-channels/{}",
    ),
    Area(
        "conversations",
        "/conversations/{}/conversations",
        frozenset({"v3"}),
        "/conversations/conversations/{}",
        frozenset({"2026-09"}),
    ),
    Area("webhooks", "/webhooks/{}", frozenset({"v3"}), "/webhooks/{}", frozenset({"2026-03"})),
    Area("appinstalls", "/appinstalls/{}", frozenset(), "/appinstalls/{}"),
)


def locate(path: str) -> Place | None:
    """Find the place that an address stands for, if any does."""
    return next(_places(path), None)


def _places(path: str) -> Iterator[Place]:
    for area in AREAS:
        for pattern, versions in (
            (area.old, area.old_versions),
            (area.dated, area.dated_versions),
        ):
            before, _, after = pattern.partition("{}")
            if not path.startswith(before):
                continue
            version, _, rest = path.removeprefix(before).partition("/")
            if version not in versions or not _follows(rest, after):
                continue
            rest = rest.removeprefix(after.lstrip("/")).strip("/")
            if _is_of(area, version, rest):
                yield Place(f"{area.name}/{rest}".rstrip("/"), version)


def _follows(rest: str, after: str) -> bool:
    """Whether what follows the version begins with the whole words that it should."""
    wanted = after.lstrip("/")
    return not wanted or rest == wanted or rest.startswith(f"{wanted}/")


def _is_of(area: Area, version: str, rest: str) -> bool:
    """The associations of a record have the old version v4, everything else of it has v3."""
    if area.name != "objects" or version in DATED:
        return True
    return (version == "v4") == (ASSOCIATIONS in f"/{rest}/")
