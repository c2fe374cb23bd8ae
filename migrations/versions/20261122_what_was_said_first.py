"""The inbox remembers when a hook says that it was said, so that overtakers are put back in order.

Locks are waited for briefly and statements are bounded: see `middleware.db.migrate.LIMITS`.
"""

from alembic import op

revision = "b83f2d6a1c47"
down_revision = "5c1e0a7d94b2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE inbox ADD COLUMN said_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE inbox DROP COLUMN said_at")
