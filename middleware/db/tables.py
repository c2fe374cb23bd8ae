"""Every table, as SQLAlchemy Core sees it; `migrations/` brings a database here.

Three rules shape the schema. Tables that carry uniqueness are narrow and whole; bodies and
attempts are wide, partitioned by time and dropped by partition. Keys and names are stored as
digests, so that they outlive what they named. Provider bytes and customers' words are `bytea`:
PostgreSQL's text refuses NUL.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)

Moment = TIMESTAMP(timezone=True)
NOW = func.clock_timestamp()
EMPTY = text("'{}'::jsonb")


def _id() -> Column[object]:
    return Column("id", Uuid, primary_key=True)


def _workspace() -> Column[object]:
    return Column("workspace_id", Uuid, ForeignKey("workspaces.id"), nullable=False)


def _connection(name: str = "connection_id", *, nullable: bool = False) -> Column[object]:
    return Column(name, Uuid, ForeignKey("connections.id"), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, Moment, nullable=nullable, server_default=None if nullable else NOW)


workspaces = Table(
    "workspaces",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False, server_default="ru"),
    _moment("created_at"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    _id(),
    _workspace(),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    _moment("created_at"),
    _moment("revoked_at", nullable=True),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("workspace_id", Uuid, ForeignKey("workspaces.id")),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=EMPTY),
    _moment("at"),
)


applications = Table(
    "applications",
    metadata,
    _id(),
    _workspace(),
    Column("provider", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("config", LargeBinary, nullable=False),
    Column("address", Text, nullable=False, unique=True),
    _moment("created_at"),
    UniqueConstraint("provider", "external_id"),
)

connections = Table(
    "connections",
    metadata,
    _id(),
    _workspace(),
    Column("kind", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("application_id", Uuid, ForeignKey("applications.id")),
    Column("account", Text, nullable=False),
    Column("aliases", ARRAY(Text), nullable=False, server_default="{}"),
    Column("title", Text, nullable=False),
    Column("config", LargeBinary, nullable=False),
    Column("config_version", Integer, nullable=False, server_default="1"),
    Column("address", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False, server_default="active"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("settings", JSONB, nullable=False, server_default=EMPTY),
    Column("cursor", Text, nullable=False, server_default=""),
    _moment("created_at"),
)
Index(
    "uq_connections_account",
    connections.c.provider,
    connections.c.account,
    unique=True,
    postgresql_where=connections.c.state != "removed",
)

leases = Table(
    "leases",
    metadata,
    Column("connection_id", Uuid, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("until", Moment, nullable=False),
    PrimaryKeyConstraint("connection_id", "purpose"),
)

mappings = Table(
    "mappings",
    metadata,
    _id(),
    _workspace(),
    Column("name", Text, nullable=False),
    Column("active", Integer),
    Column("previous", Integer),
    _moment("created_at"),
    UniqueConstraint("workspace_id", "name"),
)

mapping_versions = Table(
    "mapping_versions",
    metadata,
    Column("mapping_id", Uuid, ForeignKey("mappings.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("author", Text, nullable=False),
    _moment("created_at"),
    PrimaryKeyConstraint("mapping_id", "number"),
    UniqueConstraint("mapping_id", "digest"),
)

filled_places = Table(
    "filled_places",
    metadata,
    _connection(),
    Column("card", Text, nullable=False),
    Column("key", Text, nullable=False),
    _moment("at"),
    PrimaryKeyConstraint("connection_id", "card", "key"),
)

routes = Table(
    "routes",
    metadata,
    _id(),
    _workspace(),
    _connection("source_id"),
    _connection("target_id"),
    Column("state", Text, nullable=False, server_default="active"),
    Column("policy", JSONB, nullable=False, server_default=EMPTY),
    _moment("created_at"),
    Column("mapping_id", Uuid, ForeignKey("mappings.id")),
    UniqueConstraint("source_id", "target_id"),
)


inbox = Table(
    "inbox",
    metadata,
    _connection(),
    Column("digest", LargeBinary, nullable=False),
    Column("arrival", BigInteger, Identity(always=False), nullable=False),
    Column("form", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False, server_default="new"),
    Column("awaits", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("received_at", Moment, nullable=False, server_default=NOW),
    Column("said_at", Moment),
    PrimaryKeyConstraint("connection_id", "digest"),
)
Index(
    "ix_inbox_unread",
    inbox.c.connection_id,
    inbox.c.arrival,
    postgresql_where=inbox.c.state == "new",
)
Index(
    "ix_inbox_waiting",
    inbox.c.connection_id,
    inbox.c.awaits,
    postgresql_where=inbox.c.state == "waiting",
)
Index(
    "ix_inbox_set_aside",
    inbox.c.connection_id,
    inbox.c.arrival,
    postgresql_where=inbox.c.state == "set_aside",
)

bodies = Table(
    "bodies",
    metadata,
    Column("received_at", Moment, nullable=False),
    Column("connection_id", Uuid, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("received_at", "connection_id", "digest"),
    postgresql_partition_by="RANGE (received_at)",
)

refusals = Table(
    "refusals",
    metadata,
    Column("address", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("hour", Moment, nullable=False),
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("address", "reason", "hour"),
)

pulses = Table(
    "pulses",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("database", Text, nullable=False),
    _moment("restored_at", nullable=True),
    _moment("lost_since", nullable=True),
)


contacts = Table(
    "contacts",
    metadata,
    _id(),
    _workspace(),
    Column("profile", LargeBinary, nullable=False),
    _moment("created_at"),
)

identities = Table(
    "identities",
    metadata,
    _workspace(),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("contact_id", Uuid, ForeignKey("contacts.id"), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("confidence", Text, nullable=False),
    _moment("since"),
    PrimaryKeyConstraint("workspace_id", "kind", "value"),
)
Index("ix_identities_contact_id", identities.c.contact_id)

claims = Table(
    "claims",
    metadata,
    Column("contact_id", Uuid, ForeignKey("contacts.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("holder_id", Uuid, ForeignKey("contacts.id"), nullable=False),
    _moment("at"),
    Column("id", Uuid, nullable=False, unique=True, server_default=func.gen_random_uuid()),
    Column("decision", Text, nullable=False, server_default=""),
    _moment("decided_at", nullable=True),
    Column("decided_by", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("contact_id", "kind", "value"),
)
Index("ix_claims_holder_id", claims.c.holder_id)

joins = Table(
    "joins",
    metadata,
    _id(),
    _workspace(),
    Column("kind", Text, nullable=False),
    Column("kept_id", Uuid, ForeignKey("contacts.id"), nullable=False),
    Column("joined_id", Uuid, ForeignKey("contacts.id")),
    Column("moved", JSONB, nullable=False),
    Column("by", Text, nullable=False),
    _moment("at"),
    _moment("undone_at", nullable=True),
    Column("undone_by", Text, nullable=False, server_default=""),
)
Index("ix_joins_kept_id", joins.c.kept_id)
Index("ix_joins_joined_id", joins.c.joined_id)

contact_links = Table(
    "contact_links",
    metadata,
    Column("contact_id", Uuid, ForeignKey("contacts.id"), nullable=False),
    _connection(),
    Column("record", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="live"),
    Column("evidence", Text, nullable=False),
    _moment("since"),
    PrimaryKeyConstraint("contact_id", "connection_id"),
)
Index("ix_contact_links_record", contact_links.c.connection_id, contact_links.c.record)

operators = Table(
    "operators",
    metadata,
    _connection(),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("connection_id", "id"),
)

deals = Table(
    "deals",
    metadata,
    _connection(),
    Column("deal", Text, nullable=False),
    Column("contact_id", Uuid, ForeignKey("contacts.id"), nullable=False),
    Column("record", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    _moment("seen_at"),
    Column("pipeline", Text, nullable=False, server_default=""),
    _connection("source_id", nullable=True),
    _moment("closed_at", nullable=True),
    _moment("used_at", nullable=True),
    PrimaryKeyConstraint("connection_id", "deal"),
)
Index("ix_deals_contact_id", deals.c.contact_id, deals.c.connection_id)

conversations = Table(
    "conversations",
    metadata,
    _id(),
    _workspace(),
    _connection(),
    Column("external", Text, nullable=False),
    Column("contact_id", Uuid, ForeignKey("contacts.id")),
    Column("reachable", Boolean, nullable=False, server_default="true"),
    Column("refused", Text, nullable=False, server_default=""),
    _moment("created_at"),
    Column("thread_id", Uuid, ForeignKey("contacts.id")),
    UniqueConstraint("connection_id", "external"),
)
Index("ix_conversations_contact_id", conversations.c.contact_id)

conversation_links = Table(
    "conversation_links",
    metadata,
    Column("conversation_id", Uuid, ForeignKey("conversations.id"), nullable=False),
    _connection(),
    Column("external", Text, nullable=False),
    Column("ours", Text, nullable=False),
    Column("customer", Text, nullable=False, server_default=""),
    Column("record", Text, nullable=False),
    _moment("opened_at"),
    _moment("behind_since", nullable=True),
    Column("asks", Boolean, nullable=False, server_default="false"),
    Column("begun_there", Boolean, nullable=False, server_default="false"),
    PrimaryKeyConstraint("conversation_id", "connection_id"),
    UniqueConstraint("connection_id", "external"),
    UniqueConstraint("connection_id", "ours"),
)
Index(
    "ix_conversation_links_behind",
    conversation_links.c.connection_id,
    postgresql_where=conversation_links.c.behind_since.is_not(None),
)

messages = Table(
    "messages",
    metadata,
    _id(),
    _workspace(),
    _connection(),
    Column("conversation_id", Uuid, ForeignKey("conversations.id"), nullable=False),
    Column("direction", Text, nullable=False),
    Column("sent_at", Moment, nullable=False),
    Column("content", LargeBinary),
    Column("operator_id", Text, nullable=False, server_default=""),
    Column("status", Text, nullable=False, server_default="queued"),
    Column("planned", Boolean, nullable=False),
    _moment("recorded_at"),
)
Index("ix_messages_conversation_id", messages.c.conversation_id, messages.c.sent_at)
Index(
    "ix_messages_unplanned",
    messages.c.conversation_id,
    postgresql_where=messages.c.planned.is_(False),
)

names = Table(
    "names",
    metadata,
    _connection(),
    Column("digest", LargeBinary, nullable=False),
    Column("name", Text),
    Column("message_id", Uuid, nullable=False),
    Column("part", SmallInteger, nullable=False, server_default="0"),
    Column("position", SmallInteger, nullable=False, server_default="1"),
    PrimaryKeyConstraint("connection_id", "digest"),
)
Index("ix_names_message_id", names.c.message_id)

facts = Table(
    "facts",
    metadata,
    Column("message_id", Uuid, ForeignKey("messages.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("content", LargeBinary),
    _moment("at"),
    PrimaryKeyConstraint("message_id", "kind", "revision"),
)


files = Table(
    "files",
    metadata,
    Column("message_id", Uuid, ForeignKey("messages.id"), nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("key", Text, nullable=False, server_default=""),
    Column("mime", Text, nullable=False, server_default=""),
    Column("size_bytes", BigInteger, nullable=False, server_default="0"),
    Column("name", LargeBinary, nullable=False, server_default=""),
    Column("late", ARRAY(Uuid), nullable=False, server_default="{}"),
    _moment("at"),
    PrimaryKeyConstraint("message_id", "position"),
)
Index("ix_files_key", files.c.key, postgresql_where=files.c.key != "")
Index("ix_files_at", files.c.at)


lanes = Table(
    "lanes",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _connection("target_id"),
    Column("key", Text, nullable=False),
    Column("head", BigInteger, nullable=False, server_default="1"),
    Column("tail", BigInteger, nullable=False, server_default="0"),
    Column("priority", SmallInteger, nullable=False),
    _moment("due_at", nullable=True),
    UniqueConstraint("target_id", "key"),
)
Index(
    "ix_lanes_due",
    lanes.c.target_id,
    lanes.c.priority,
    lanes.c.due_at,
    postgresql_where=lanes.c.due_at.is_not(None),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    _workspace(),
    _connection("target_id"),
    Column("lane_id", BigInteger, ForeignKey("lanes.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Uuid, nullable=False),
    Column("part", SmallInteger, nullable=False, server_default="0"),
    Column("revision", BigInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="ready"),
    Column("after", Uuid),
    Column("route_id", Uuid, ForeignKey("routes.id")),
    Column("message_id", Uuid),
    Column("conversation_id", Uuid),
    Column("contact_id", Uuid),
    Column("detail", JSONB, nullable=False, server_default=EMPTY),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    _moment("called_at", nullable=True),
    _moment("due_at", nullable=True),
    Column("failure", Text, nullable=False, server_default=""),
    Column("code", Text, nullable=False, server_default=""),
    _moment("created_at"),
    _moment("settled_at", nullable=True),
    UniqueConstraint("target_id", "kind", "subject", "part", "revision"),
    UniqueConstraint("lane_id", "seq"),
)
Index(
    "ix_deliveries_in_flight",
    deliveries.c.target_id,
    postgresql_where=deliveries.c.state.in_(["calling", "doubt"]),
)
Index(
    "ix_deliveries_set_aside",
    deliveries.c.target_id,
    deliveries.c.state,
    postgresql_where=deliveries.c.state.in_(["parked", "held", "dead"]),
)
Index(
    "ix_deliveries_after",
    deliveries.c.after,
    postgresql_where=deliveries.c.after.is_not(None),
)
Index("ix_deliveries_message_id", deliveries.c.message_id)

attempts = Table(
    "attempts",
    metadata,
    Column("started_at", Moment, nullable=False),
    Column("delivery_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Column("duration_ms", Integer, nullable=False),
    Column("exchanges", JSONB, nullable=False),
    Column("effects", JSONB, nullable=False, server_default="[]"),
    PrimaryKeyConstraint("started_at", "delivery_id", "number"),
    postgresql_partition_by="RANGE (started_at)",
)
Index("ix_attempts_delivery_id", attempts.c.delivery_id)

PARTITIONED = (bodies, attempts)
