"""The pulse remembers that the database was restored, and since when its memory is missing.

Locks are waited for briefly and statements are bounded: see `middleware.db.migrate.LIMITS`.
"""

from alembic import op

revision = "7e2a94c0d6b1"
down_revision = "c6f19d2b8e37"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE pulses ADD COLUMN restored_at timestamptz")
    op.execute("ALTER TABLE pulses ADD COLUMN lost_since timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE pulses DROP COLUMN lost_since")
    op.execute("ALTER TABLE pulses DROP COLUMN restored_at")
