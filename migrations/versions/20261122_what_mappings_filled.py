"""Which places of which cards mappings have filled, so that `once` is once.

Locks are waited for briefly and statements are bounded: see `middleware.db.migrate.LIMITS`.
"""

from alembic import op

revision = "a90c36e1b7f4"
down_revision = "d1704fa2c965"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE filled_places (
            connection_id uuid NOT NULL
                CONSTRAINT fk_filled_places_connection_id REFERENCES connections (id),
            card text NOT NULL,
            key text NOT NULL,
            at timestamptz NOT NULL DEFAULT clock_timestamp(),
            CONSTRAINT pk_filled_places PRIMARY KEY (connection_id, card, key)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE filled_places")
