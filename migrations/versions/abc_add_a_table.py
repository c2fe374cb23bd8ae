"""Add a table.

Locks are waited for briefly and statements are bounded: see `middleware.db.migrate.LIMITS`.
"""

import sqlalchemy as sa
from alembic import op

revision = "abc"
down_revision = "5c1e0a7d94b2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
