"""Loading deliveries whose turn it is, with everything an attempt at them needs to know."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.types import BigInteger, Text, Uuid

from mappers.vocabulary import (
    ContactId,
    ConversationId,
    DeliveryId,
    DeliveryKind,
    DeliveryState,
    Message,
    MessageId,
    OpenedConversation,
    Person,
    RouteId,
    WorkspaceId,
)
from middleware.db.direct import Session
from middleware.db.tables import Moment
from middleware.identity.rules import as_met
from middleware.pipeline.deals import ABOUT_DEALS, Wish
from middleware.pipeline.rules import source_of
from middleware.store.codec import decode_fact, decode_message, decode_policy, decode_profile
from middleware.store.duties import (
    CORRECTS_REPLIES,
    FACTS_OF,
    SAYS_REPLIES,
    SUPERSEDABLE,
    TAKEN_BACK,
    Job,
    MappedRow,
    Spoken,
)
from middleware.store.postgres import deals, fields, files, people, questions
from middleware.store.postgres.columns import arrays
from middleware.store.postgres.lanes import Turns
from middleware.store.rows import (
    ConversationRow,
    DealRow,
    Fact,
    FileRow,
    LinkRow,
    OpenedRow,
    OpenQuestion,
)
from middleware.webhooks.keys import digest_of

_WHOLE = """
    SELECT d.*, clock_timestamp() AS taken_at, m.content, m.connection_id AS said_on, m.operator_id,
        c.external AS exchange, c.contact_id AS partner, c.connection_id AS channel, c.reachable,
        c.thread_id, s.provider, s.account, s.title, p.id AS person_id, p.profile,
        k.record AS linked, k.state AS link_state, k.evidence AS link_evidence,
        o.external AS opened_as, o.customer, o.ours, o.record AS opened_for, o.opened_at,
        o.behind_since, o.asks, o.begun_there, r.policy,
        (SELECT json_agg(json_build_array(i.kind, i.value, i.evidence, i.confidence)
                         ORDER BY i.since, i.kind, i.value)
         FROM identities AS i WHERE i.contact_id = p.id) AS identities,
        ARRAY(SELECT n.name FROM names AS n
              WHERE n.message_id = d.message_id AND n.connection_id = d.target_id
                AND n.name IS NOT NULL
              ORDER BY n.part, n.position) AS sent,
        EXISTS (SELECT FROM deliveries AS later
                WHERE later.lane_id = d.lane_id AND later.seq > d.seq AND later.kind = d.kind
                  AND later.state = 'ready') AS has_later
    FROM taken AS d
    LEFT JOIN messages AS m ON m.id = d.message_id
    LEFT JOIN conversations AS c ON c.id = d.conversation_id
    LEFT JOIN connections AS s ON s.id = c.connection_id
    LEFT JOIN contacts AS p ON p.id = coalesce(d.contact_id, c.contact_id)
    LEFT JOIN contact_links AS k ON k.contact_id = p.id AND k.connection_id = d.target_id
    LEFT JOIN conversation_links AS o
           ON o.conversation_id = c.id AND o.connection_id = d.target_id
    LEFT JOIN routes AS r ON r.id = d.route_id
    """
LOAD = text(
    f"WITH taken AS (SELECT * FROM deliveries WHERE id = ANY(:ids)) {_WHOLE}"  # noqa: S608 - a constant of this module
).bindparams(bindparam("ids", type_=ARRAY(Uuid)))
# What was taken is recorded as called, and its lanes wait for what becomes of it.
TAKE = text(
    f"""
    WITH moving AS (
        UPDATE lanes SET head = moved.head, due_at = moved.due_at
        FROM unnest(:lane, :head, :due_at) AS moved(id, head, due_at)
        WHERE lanes.id = moved.id
    ), taken AS (
        UPDATE deliveries SET
            state = CASE WHEN state = 'ready' THEN 'calling' ELSE state END,
            called_at = CASE WHEN state = 'ready' THEN clock_timestamp() ELSE called_at END,
            attempts = attempts + 1
        WHERE id = ANY(:ids) RETURNING *
    ) {_WHOLE}
    """  # noqa: S608 - as above
).bindparams(
    bindparam("ids", type_=ARRAY(Uuid)), *arrays(lane=BigInteger, head=BigInteger, due_at=Moment)
)
NAMES = text(
    """
    SELECT connection_id, message_id, name, part FROM names
    WHERE message_id = ANY(:messages) AND name IS NOT NULL ORDER BY part, position
    """
).bindparams(bindparam("messages", type_=ARRAY(Uuid)))
QUOTED = text(
    """
    SELECT n.connection_id, n.digest, n.message_id FROM names AS n
    JOIN unnest(:connections, :digests) AS q(connection_id, digest) USING (connection_id, digest)
    """
).bindparams(bindparam("connections", type_=ARRAY(Uuid)), bindparam("digests", type_=ARRAY(BYTEA)))
FACTS = text(
    """
    SELECT DISTINCT ON (message_id, kind) message_id, kind, content FROM facts
    WHERE message_id = ANY(:messages) AND kind = ANY(:kinds)
    ORDER BY message_id, kind, revision DESC
    """
).bindparams(bindparam("messages", type_=ARRAY(Uuid)), bindparam("kinds", type_=ARRAY(Text)))
SPOKEN = text(
    """
    SELECT d.target_id, d.subject, d.part, d.detail,
        ARRAY(SELECT n.name FROM names AS n
              WHERE n.message_id = d.subject AND n.connection_id = d.target_id
                AND n.part = d.part AND n.name IS NOT NULL
              ORDER BY n.position) AS names
    FROM deliveries AS d
    WHERE d.target_id = ANY(:targets) AND d.kind = 'send' AND d.subject = ANY(:messages)
    ORDER BY d.part
    """
).bindparams(bindparam("targets", type_=ARRAY(Uuid)), bindparam("messages", type_=ARRAY(Uuid)))
PEERS = text(
    """
    SELECT o.connection_id, c.contact_id, o.external FROM conversation_links AS o
    JOIN conversations AS c ON c.id = o.conversation_id
    WHERE c.contact_id = ANY(:ids) ORDER BY o.external
    """
).bindparams(bindparam("ids", type_=ARRAY(Uuid)))


@dataclass(slots=True)
class Around:
    """What was loaded beside the deliveries themselves, keyed for quick look-up.

    `ensuring` are the deliveries that may look for their contact's record.
    """

    ensuring: AbstractSet[UUID] = frozenset()
    names: dict[tuple[UUID, UUID], list[str]] = field(default_factory=lambda: defaultdict(list))
    quoted: dict[tuple[UUID, bytes], UUID] = field(default_factory=dict)
    facts: dict[tuple[UUID, str], Fact] = field(default_factory=dict)
    spoken: dict[tuple[UUID, UUID], list[Spoken]] = field(default_factory=lambda: defaultdict(list))
    peers: dict[tuple[UUID, UUID], list[str]] = field(default_factory=lambda: defaultdict(list))
    files: Mapping[UUID, tuple[FileRow, ...]] = field(default_factory=dict)
    mapped: Mapping[UUID, MappedRow] = field(default_factory=dict)
    deals: Mapping[tuple[UUID, UUID], tuple[DealRow, ...]] = field(default_factory=dict)
    questions: Mapping[UUID, OpenQuestion] = field(default_factory=dict)


async def take(at: Session, turns: Turns) -> tuple[Job, ...]:
    """Record whose turn it is, and load those, in that order."""
    if not turns.moves:
        return ()
    values = {
        "lane": list(turns.moves),
        "head": [head for head, _ in turns.moves.values()],
        "due_at": [due_at for _, due_at in turns.moves.values()],
        "ids": list(turns.taken),
    }
    rows = (await at.execute(TAKE, values)).all()
    return await _jobs(at, rows, turns.taken, whole=False)


async def load(at: Session, taken: Mapping[UUID, DeliveryState]) -> tuple[Job, ...]:
    """Load deliveries as if they were taken, with what only some kinds need: for a rehearsal."""
    rows = (await at.execute(LOAD, {"ids": list(taken)})).all()
    return await _jobs(at, rows, taken, whole=True)


async def _jobs(
    at: Session, found: Sequence[Any], taken: Mapping[UUID, DeliveryState], *, whole: bool
) -> tuple[Job, ...]:
    rows = {row.id: row for row in found}
    said = {
        row.message_id: decode_message(row.content)
        for row in rows.values()
        if row.content is not None
    }
    around = Around(ensuring={row.id for row in rows.values() if whole or _ensures(row)})
    await _fill(around, at, list(rows.values()), said)
    return tuple(_job(rows[key], taken[key], said, around) for key in taken)


async def _fill(
    around: Around, at: Session, rows: Sequence[Any], said: Mapping[UUID, Message]
) -> None:
    ensured = [row.person_id for row in rows if row.id in around.ensuring and row.person_id]
    if ensured:
        for row in await at.execute(PEERS, {"ids": ensured}):
            around.peers[row.connection_id, row.contact_id].append(row.external)
    await _fill_talk(around, at, rows, said)
    selling = {row.person_id for row in rows if row.kind in ABOUT_DEALS} - {None}
    if selling:
        around.deals = await deals.of(at, list(selling))
    asked = {row.conversation_id for row in rows if row.kind == DeliveryKind.CREATE_TASK}
    around.questions = await questions.first(at, list(asked - {None}))
    around.mapped = await fields.mapped(at, rows, lambda row: _used(row, around))


async def _fill_talk(
    around: Around, at: Session, rows: Sequence[Any], said: Mapping[UUID, Message]
) -> None:
    await _quotes(at, rows, said, around)
    quoted = list(around.quoted.values())
    if quoted:
        for row in await at.execute(NAMES, {"messages": quoted}):
            around.names[row.connection_id, row.message_id].append(row.name)
    showing = [message for message, content in said.items() if content.attachments]
    if showing:
        around.files = await files.of(at, showing)
    await _fill_corrections(around, at, rows)


async def _fill_corrections(around: Around, at: Session, rows: Sequence[Any]) -> None:
    """Load what was said of messages later, and what of a corrected reply is with its channel."""
    wanted = {(row.message_id, FACTS_OF[row.kind]) for row in rows if row.kind in FACTS_OF}
    wanted |= {(row.message_id, TAKEN_BACK) for row in rows if row.kind in SAYS_REPLIES}
    if wanted:
        changed, kinds = zip(*wanted, strict=True)
        for row in await at.execute(FACTS, {"messages": list(changed), "kinds": list({*kinds})}):
            around.facts[row.message_id, row.kind] = decode_fact(row.content)
    corrected = [row for row in rows if row.kind in CORRECTS_REPLIES]
    if corrected:
        values = {
            "targets": [row.target_id for row in corrected],
            "messages": [row.message_id for row in corrected],
        }
        for row in await at.execute(SPOKEN, values):
            part = Spoken(part=row.part, detail=row.detail, names=tuple(row.names))
            around.spoken[row.target_id, row.subject].append(part)


async def _quotes(
    at: Session, rows: Sequence[Any], said: Mapping[UUID, Message], around: Around
) -> None:
    wanted = [
        (row.said_on, digest_of(quote.origin.message))
        for row in rows
        if row.message_id in said and (quote := said[row.message_id].quote) is not None
    ]
    if wanted:
        connections, digests = zip(*wanted, strict=True)
        values = {"connections": list(connections), "digests": list(digests)}
        for row in await at.execute(QUOTED, values):
            around.quoted[row.connection_id, row.digest] = row.message_id


def _deals_of(row: Any, around: Around) -> tuple[DealRow, ...]:
    return around.deals.get((row.person_id, row.target_id), ()) if row.kind in ABOUT_DEALS else ()


def _used(row: Any, around: Around) -> DealRow | None:
    """The deal that the route wants used."""
    policy = decode_policy(row.policy or {})
    wish = Wish(policy=policy, channel=row.channel, now=row.taken_at)
    return wish.choose(_deals_of(row, around))


def _job(row: Any, was: DeliveryState, said: Mapping[UUID, Message], around: Around) -> Job:
    message = said.get(row.message_id)
    looks_for_record = row.id in around.ensuring
    kind = DeliveryKind(row.kind)
    return Job(
        id=DeliveryId(row.id),
        workspace=WorkspaceId(row.workspace_id),
        target=row.target_id,
        lane=row.lane_id,
        seq=row.seq,
        kind=kind,
        subject=row.subject,
        part=row.part,
        revision=row.revision,
        was=was,
        attempts=row.attempts,
        failures=row.failures,
        called_at=row.called_at,
        taken_at=row.taken_at,
        created_at=row.created_at,
        policy=decode_policy(row.policy or {}),
        detail=row.detail,
        superseded=row.has_later and kind in SUPERSEDABLE,
        message=message,
        message_id=None if row.message_id is None else MessageId(row.message_id),
        operator=row.operator_id or "",
        fact=around.facts.get((row.message_id, FACTS_OF.get(kind, ""))),
        conversation=_conversation(row),
        contact=None if row.person_id is None else ContactId(row.person_id),
        person=_person(row),
        link=_link(row),
        opened=_opened(row),
        ours=row.ours or _ours_to_be(row),
        source=source_of(row.provider, row.account) if row.provider else "",
        quoted=_quoted(row, message, around),
        sent=tuple(row.sent),
        peers=tuple(around.peers[row.target_id, row.person_id]) if looks_for_record else (),
        deals=_deals_of(row, around),
        files=around.files.get(row.message_id, ()),
        mapped=around.mapped.get(row.id),
        route=None if row.route_id is None else RouteId(row.route_id),
        question=_question(row, around),
        taken_back=kind in SAYS_REPLIES and (row.message_id, TAKEN_BACK) in around.facts,
        spoken=tuple(around.spoken.get((row.target_id, row.message_id), ()))
        if kind in CORRECTS_REPLIES
        else (),
    )


def _question(row: Any, around: Around) -> OpenQuestion | None:
    asks = row.kind == DeliveryKind.CREATE_TASK
    return around.questions.get(row.conversation_id) if asks else None


def _ensures(row: Any) -> bool:
    """Say whether the contact's record may be looked for, be it in a rehearsal."""
    is_dry = bool((row.policy or {}).get("dry_run"))
    return is_dry or bool(row.kind == DeliveryKind.ENSURE_CONTACT)


def _ours_to_be(row: Any) -> str:
    """The name that a CRM will know the conversation by: made of what the outside knows."""
    return f"{row.provider}:{row.account}:{row.exchange}" if row.exchange else ""


def _conversation(row: Any) -> ConversationRow | None:
    if row.conversation_id is None:
        return None
    return ConversationRow(
        id=ConversationId(row.conversation_id),
        workspace=WorkspaceId(row.workspace_id),
        connection=row.channel,
        external=row.exchange,
        contact=None if row.partner is None else ContactId(row.partner),
        reachable=row.reachable,
        thread=None if row.thread_id is None else ContactId(row.thread_id),
    )


def _person(row: Any) -> Person | None:
    if row.person_id is None:
        return None
    known = [people.identity_of(*each) for each in row.identities or ()]
    return decode_profile(row.profile, as_met(known, row.provider or "", row.exchange or ""))


def _link(row: Any) -> LinkRow | None:
    if row.linked is None:
        return None
    return people.link_of(row.linked, row.link_state, row.link_evidence)


def _opened(row: Any) -> OpenedRow | None:
    if row.opened_as is None:
        return None
    return OpenedRow(
        opened=OpenedConversation(id=row.opened_as, user=row.customer),
        ours=row.ours,
        record=row.opened_for,
        opened_at=row.opened_at,
        behind_since=row.behind_since,
        asks=row.asks,
        begun_there=row.begun_there,
    )


def _quoted(row: Any, message: Message | None, around: Around) -> str:
    """The target's own name of the quoted message, when the target has it."""
    if message is None or message.quote is None:
        return ""
    key = (row.said_on, digest_of(message.quote.origin.message))
    if key not in around.quoted:
        return ""
    return next(iter(around.names.get((row.target_id, around.quoted[key]), ())), "")
