"""A deal knows its pipeline, the channel it is used for, when it was closed and last used.

Locks are waited for briefly and statements are bounded: see `middleware.db.migrate.LIMITS`.
"""

from alembic import op

revision = "c6f19d2b8e37"
down_revision = "6f0b7c2e91ad"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE deals
            ADD COLUMN pipeline text NOT NULL DEFAULT '',
            ADD COLUMN source_id uuid
                CONSTRAINT fk_deals_source_id REFERENCES connections (id),
            ADD COLUMN closed_at timestamptz,
            ADD COLUMN used_at timestamptz
        """
    )


def downgrade() -> None:
    op.execute(
        "ALTER TABLE deals DROP COLUMN pipeline, DROP COLUMN source_id, DROP COLUMN closed_at,"
        " DROP COLUMN used_at"
    )
