"""An attempt keeps what it would have done, where it was only a rehearsal.

Locks are waited for briefly and statements are bounded: see `middleware.db.migrate.LIMITS`.
"""

from alembic import op

revision = "9d2f6c30ab18"
down_revision = "7a3e58c1f0b4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE attempts ADD COLUMN effects jsonb DEFAULT '[]' NOT NULL")


def downgrade() -> None:
    op.execute("ALTER TABLE attempts DROP COLUMN effects")
