"""People decide who is who: claims can be decided, contacts joined and taken apart again.

Locks are waited for briefly and statements are bounded: see `middleware.db.migrate.LIMITS`.
"""

from alembic import op

revision = "e4a91c7b50d6"
down_revision = "b83f2d6a1c47"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE claims
        ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid(),
        ADD COLUMN decision text NOT NULL DEFAULT '',
        ADD COLUMN decided_at timestamptz,
        ADD COLUMN decided_by text NOT NULL DEFAULT '',
        ADD CONSTRAINT uq_claims_id UNIQUE (id)
    """,
    "CREATE INDEX ix_claims_holder_id ON claims (holder_id)",
    """
    ALTER TABLE conversations
        ADD COLUMN thread_id uuid CONSTRAINT fk_conversations_thread_id REFERENCES contacts (id)
    """,
    """
    CREATE TABLE joins (
        id uuid CONSTRAINT pk_joins PRIMARY KEY,
        workspace_id uuid NOT NULL
            CONSTRAINT fk_joins_workspace_id REFERENCES workspaces (id),
        kind text NOT NULL,
        kept_id uuid NOT NULL CONSTRAINT fk_joins_kept_id REFERENCES contacts (id),
        joined_id uuid CONSTRAINT fk_joins_joined_id REFERENCES contacts (id),
        moved jsonb NOT NULL,
        by text NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        undone_at timestamptz,
        undone_by text NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX ix_joins_kept_id ON joins (kept_id)",
    "CREATE INDEX ix_joins_joined_id ON joins (joined_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE joins")
    op.execute("ALTER TABLE conversations DROP COLUMN thread_id")
    op.execute("DROP INDEX ix_claims_holder_id")
    op.execute(
        "ALTER TABLE claims DROP COLUMN id, DROP COLUMN decision, DROP COLUMN decided_at,"
        " DROP COLUMN decided_by"
    )
