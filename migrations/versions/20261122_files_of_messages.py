"""Messages have files, which are fetched, kept, and shown as soon as they are there.

Locks are waited for briefly and statements are bounded: see `middleware.db.migrate.LIMITS`.
"""

from alembic import op

revision = "d1704fa2c965"
down_revision = "d417c95e02fb"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE files (
            message_id uuid NOT NULL CONSTRAINT fk_files_message_id REFERENCES messages,
            position smallint NOT NULL,
            state text NOT NULL,
            reason text NOT NULL DEFAULT '',
            key text NOT NULL DEFAULT '',
            mime text NOT NULL DEFAULT '',
            size_bytes bigint NOT NULL DEFAULT '0',
            name bytea NOT NULL DEFAULT '',
            late uuid[] NOT NULL DEFAULT '{}',
            at timestamptz NOT NULL DEFAULT clock_timestamp(),
            CONSTRAINT pk_files PRIMARY KEY (message_id, position)
        )
        """
    )
    op.execute("CREATE INDEX ix_files_key ON files (key) WHERE key <> ''")
    op.execute("CREATE INDEX ix_files_at ON files (at)")


def downgrade() -> None:
    op.execute("DROP TABLE files")
