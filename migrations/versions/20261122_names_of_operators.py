"""Operators have names, which customers may be shown.

Locks are waited for briefly and statements are bounded: see `middleware.db.migrate.LIMITS`.
"""

from alembic import op

revision = "7a3e58c1f0b4"
down_revision = "a90c36e1b7f4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE operators (
            connection_id uuid NOT NULL
                CONSTRAINT fk_operators_connection_id REFERENCES connections (id),
            id text NOT NULL,
            name text NOT NULL,
            CONSTRAINT pk_operators PRIMARY KEY (connection_id, id)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE operators")
