"""Keeping, judging, trying and previewing mappings. Nothing here writes to a CRM."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_clients.contract import HasCatalogue
from mappers.mapping.document import digest_of_text, read_document
from mappers.mapping.engine import apply
from mappers.mapping.facts import Told, facts_of, read_facts
from mappers.mapping.lint import lint as judge
from mappers.mapping.model import BadMapping, Current, Document, Problem
from mappers.text import clean
from mappers.vocabulary import Catalogue, ConnectionId, ProviderError
from middleware.connections.flow import ProviderRefused
from middleware.connections.store import ConnectionRow
from middleware.errors import BadRequest, Conflict, NotFound
from middleware.http.gateway import without_lease
from middleware.hub import Hub
from middleware.ids import uuid7
from middleware.operations.access.store import AccessStore
from middleware.operations.accounts.flow import own
from middleware.operations.accounts.store import AccountStore
from middleware.operations.mappings import cards, rules
from middleware.operations.mappings.model import (
    BadDocument,
    MappingLine,
    Previewed,
    Sample,
    Trial,
    VersionLine,
)
from middleware.operations.mappings.store import MappingStore
from middleware.operations.model import Caller
from middleware.operations.unfilled import flow as unfilled
from middleware.pipeline.deals import Wish
from middleware.registry import manifest_of
from middleware.store.policy import Policy

LONGEST_NAME = 100
MOST_PREVIEWED = 100
# No channel of this build tells what was filled in in a form.
UNTOLD = frozenset({"form.*"})


@dataclass(frozen=True, slots=True)
class Look:
    """What to preview on: the last messages of a route, masked unless `raw`."""

    source: ConnectionId
    target: ConnectionId
    last: int = 20
    raw: bool = False


async def mappings(hub: Hub, caller: Caller) -> tuple[MappingLine, ...]:
    found = await MappingStore(hub.engine).all(caller.workspace)
    missing = await unfilled.missing(hub, caller)
    return tuple(rules.with_missing(each, missing) for each in found)


async def own_mapping(hub: Hub, caller: Caller, mapping: UUID) -> MappingLine:
    """Raises: `NotFound`, also for a mapping of somebody else."""
    found = await MappingStore(hub.engine).one(caller.workspace, mapping)
    if found is None:
        raise NotFound(f"There is no mapping {mapping}.")
    return rules.with_missing(found, await unfilled.missing(hub, caller))


async def create(hub: Hub, caller: Caller, name: str) -> MappingLine:
    """Make an empty mapping. Raises: `BadRequest`; `Conflict` when the name is taken."""
    named = " ".join(clean(name).split())
    if not 0 < len(named) <= LONGEST_NAME:
        raise BadRequest(f"A name has between 1 and {LONGEST_NAME} characters.")
    mapping = uuid7()
    if not await MappingStore(hub.engine).create(caller, mapping, named):
        raise Conflict(f"There is a mapping “{named}” already.")
    return await own_mapping(hub, caller, mapping)


async def add_version(
    hub: Hub, caller: Caller, mapping: UUID, text: str, *, activate: bool = False
) -> int:
    """Keep a document as a version of a mapping, and put it in force when asked to.

    Raises: `NotFound`; `BadDocument` when the document has errors by itself.
    """
    await own_mapping(hub, caller, mapping)
    refuse_errors(text)
    store = MappingStore(hub.engine)
    number = await store.add_version(caller, mapping, text, digest_of_text(text))
    if activate:
        await store.activate(caller, mapping, number)
        await unfilled.follow(hub, caller, mapping)
    return number


async def versions(hub: Hub, caller: Caller, mapping: UUID) -> tuple[VersionLine, ...]:
    """Return versions, the newest first. Raises: `NotFound`."""
    await own_mapping(hub, caller, mapping)
    return await MappingStore(hub.engine).versions(mapping)


async def version(
    hub: Hub, caller: Caller, mapping: UUID, number: int | None = None
) -> VersionLine:
    """Return one version, the one in force when none is named. Raises: `NotFound`."""
    line = await own_mapping(hub, caller, mapping)
    asked = line.active if number is None else number
    found = [v for v in await MappingStore(hub.engine).versions(mapping) if v.number == asked]
    if not found:
        what = "no version in force" if number is None else f"no version {number}"
        raise NotFound(f"“{line.name}” has {what}.")
    return found[0]


async def activate(hub: Hub, caller: Caller, mapping: UUID, number: int) -> MappingLine:
    """Put a version in force; values that wait for a field follow. Raises: `NotFound`."""
    await version(hub, caller, mapping, number)
    await MappingStore(hub.engine).activate(caller, mapping, number)
    await unfilled.follow(hub, caller, mapping)
    return await own_mapping(hub, caller, mapping)


async def roll_back(hub: Hub, caller: Caller, mapping: UUID) -> MappingLine:
    """Put the version in force that was before. Raises: `NotFound`; `Conflict` without one."""
    line = await own_mapping(hub, caller, mapping)
    if line.previous is None:
        raise Conflict(f"“{line.name}” had no other version in force before.")
    return await activate(hub, caller, mapping, line.previous)


async def difference(hub: Hub, caller: Caller, mapping: UUID, older: int, newer: int) -> str:
    """Compare two versions. Raises: `NotFound`."""
    one = await version(hub, caller, mapping, older)
    return rules.difference(one, await version(hub, caller, mapping, newer))


async def use(
    hub: Hub, caller: Caller, source: ConnectionId, target: ConnectionId, mapping: UUID | None
) -> None:
    """Have a route use a mapping, or none; values that wait for a field follow.

    Raises: `NotFound`.
    """
    await own(hub, caller, source)
    await own(hub, caller, target)
    if mapping is not None:
        await own_mapping(hub, caller, mapping)
    if not await MappingStore(hub.engine).use(caller, source, target, mapping):
        raise NotFound("There is no such route.")
    if mapping is not None:
        await unfilled.follow(hub, caller, mapping)


# Judging and trying.


def refuse_errors(text: str) -> None:
    """Raises: `BadDocument` for a document that is wrong by itself."""
    errors = rules.errors_of(judge(read(text), None, UNTOLD))
    if errors:
        raise BadDocument("\n".join(map(str, errors)))


def read(text: str) -> Document:
    """Raises: `BadDocument`."""
    try:
        return read_document(text)
    except BadMapping as error:
        raise BadDocument("\n".join(map(str, error.problems))) from None


async def lint(
    hub: Hub, caller: Caller, text: str, connection: ConnectionId | None = None
) -> tuple[Problem, ...]:
    """Say what is wrong with a document, by itself and, when one is named, for an account.

    Raises: `NotFound`, `BadRequest`, `ProviderRefused`.
    """
    if connection is None:
        return judged(text)
    found = judged(text, await catalogue(hub, caller, connection))
    adapter = hub.directory.build(await own(hub, caller, connection), without_lease).adapter
    return (*found, *rules.problems_of_crm(text, adapter))


def judged(text: str, known: Catalogue | None = None) -> tuple[Problem, ...]:
    """Say what is wrong with a document. Asks nobody."""
    try:
        document = read_document(text)
    except BadMapping as error:
        return error.problems
    return judge(document, known, UNTOLD)


async def attempt(
    hub: Hub, caller: Caller, text: str, given: Any, connection: ConnectionId | None = None
) -> Trial:
    """Apply a document to facts that somebody gives, as if the CRM held nothing yet.

    Raises: `NotFound`, `BadDocument`, `BadRequest`, `ProviderRefused`.
    """
    known = None if connection is None else await catalogue(hub, caller, connection)
    return tried(text, given, known)


def tried(text: str, given: Any, known: Catalogue | None = None) -> Trial:
    """Apply a document to facts. Asks nobody. Raises: `BadDocument`, `BadRequest`."""
    document = read(text)
    try:
        facts = read_facts(given)
    except BadMapping as error:
        raise BadRequest("\n".join(map(str, error.problems))) from None
    changes = apply(document, facts, Current(), known or Catalogue())
    return Trial(changes=changes, problems=judge(document, known, UNTOLD))


async def catalogue(hub: Hub, caller: Caller, connection: ConnectionId) -> Catalogue:
    """Read what an account has to offer a mapping.

    Raises: `NotFound`; `BadRequest` for an account without a catalogue; `ProviderRefused`.
    """
    row = await own(hub, caller, connection)
    adapter = hub.directory.build(row, without_lease).adapter
    if not isinstance(adapter, HasCatalogue):
        raise BadRequest(f"“{row.title}” has no fields to map.")
    try:
        return await adapter.catalogue()
    except ProviderError as error:
        raise ProviderRefused(
            f"“{row.title}” did not tell what it has ({error.failure.code})."
        ) from error


async def preview(hub: Hub, caller: Caller, look: Look, text: str) -> tuple[Previewed, ...]:
    """Apply a document to the last messages of a route, and write nothing.

    What a card holds is read from the CRM where the contact is linked, and is then what the
    document itself wrote for earlier messages; a message tells whether its card was read.
    Values are hidden unless `raw`; then it is written down who saw them.
    Raises: as `attempt`; `NotFound` for a route that is not there.
    """
    document = read(text)
    source, target = await own(hub, caller, look.source), await own(hub, caller, look.target)
    routes = await AccountStore(hub.engine).routes(caller.workspace)
    policies = [r.policy for r in routes if (r.source, r.target) == (look.source, look.target)]
    if not policies:
        raise NotFound("There is no such route.")
    known = await catalogue(hub, caller, look.target)
    wanted = max(1, min(look.last, MOST_PREVIEWED))
    samples = await MappingStore(hub.engine).samples(caller.workspace, look.source, wanted)
    blanks = [
        (sample, _blank(sample, _told(sample, source, target.title, policies[0])))
        for sample in samples
    ]
    contacts = tuple(sample.contact for sample in samples if sample.contact is not None)
    wish = Wish(policy=policies[0], channel=look.source, now=hub.clock.now())
    asked = cards.Asked(look.target, document, known, contacts, wish)
    found = rules.previewed(document, blanks, known, await cards.held(hub, caller, asked))
    if not look.raw:
        return tuple(map(rules.masked, found))
    await AccessStore(hub.engine).note(caller, "mapping.previewed_in_clear", str(look.source))
    return found


def _told(sample: Sample, source: ConnectionRow, crm: str, policy: Policy) -> Told:
    return Told(
        provider=source.provider,
        channel=manifest_of(source.provider).title,
        connection=source.title,
        account=source.account,
        crm=crm,
        message=sample.message,
        person=sample.person,
        is_new=sample.is_new,
        pipeline=policy.pipeline,
        stage=policy.stage,
    )


def _blank(sample: Sample, told: Told) -> Previewed:
    return Previewed(
        message=sample.id, sent_at=sample.message.sent_at, facts=facts_of(told), changes=()
    )
