"""Mappings of fields, their versions, and the mapping that a route uses.

Locks are waited for briefly and statements are bounded: see `middleware.db.migrate.LIMITS`.
"""

from alembic import op

revision = "d417c95e02fb"
down_revision = "e4a91c7b50d6"
branch_labels = None
depends_on = None

UP = (
    """
    CREATE TABLE mappings (
        id uuid NOT NULL,
        workspace_id uuid NOT NULL,
        name text NOT NULL,
        active integer,
        previous integer,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_mappings PRIMARY KEY (id),
        CONSTRAINT fk_mappings_workspace_id FOREIGN KEY (workspace_id) REFERENCES workspaces (id),
        CONSTRAINT uq_mappings_workspace_id_name UNIQUE (workspace_id, name)
    )
    """,
    """
    CREATE TABLE mapping_versions (
        mapping_id uuid NOT NULL,
        number integer NOT NULL,
        digest text NOT NULL,
        document text NOT NULL,
        author text NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_mapping_versions PRIMARY KEY (mapping_id, number),
        CONSTRAINT uq_mapping_versions_mapping_id_digest UNIQUE (mapping_id, digest),
        CONSTRAINT fk_mapping_versions_mapping_id FOREIGN KEY (mapping_id) REFERENCES mappings (id)
    )
    """,
    """
    ALTER TABLE routes ADD COLUMN mapping_id uuid
        CONSTRAINT fk_routes_mapping_id REFERENCES mappings (id)
    """,
)
DOWN = (
    "ALTER TABLE routes DROP COLUMN mapping_id",
    "DROP TABLE mapping_versions",
    "DROP TABLE mappings",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
