"""A CRM may begin a conversation itself, and is told our name of it by the first entry.

Locks are waited for briefly and statements are bounded: see `middleware.db.migrate.LIMITS`.
"""

from alembic import op

revision = "6f0b7c2e91ad"
down_revision = "9d2f6c30ab18"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE conversation_links ADD COLUMN begun_there boolean NOT NULL DEFAULT false"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE conversation_links DROP COLUMN begun_there")
