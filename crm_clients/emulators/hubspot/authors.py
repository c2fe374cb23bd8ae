"""In whose name something is done: an application's, a static token's, or a person's."""

from dataclasses import dataclass
from typing import Any

from .call import Call
from .crm_model import Change, Record
from .model import User
from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """`source` and `source_id` are what webhooks and records tell of it."""

    source: str
    source_id: str
    user_id: int
    app_id: int | None = None

    def marks(self) -> dict[str, str]:
        """What a record that they make says of them."""
        return {
            "hs_object_source": self.source,
            "hs_object_source_id": self.source_id,
            "hs_object_source_label": self.source,
            "hs_object_source_user_id": str(self.user_id),
            "hs_created_by_user_id": str(self.user_id),
        }

    def change(self, world: World, event: str, record: Record, **details: Any) -> Change:
        """Describe what they did to a record, now."""
        return Change(
            event=event,
            kind=record.kind,
            record_id=record.id,
            at=world.now(),
            source=self.source,
            source_id=self.source_id,
            app_id=self.app_id,
            details=dict(details),
        )


def calling(call: Call) -> Author:
    """Whoever calls, through an application."""
    app_id = call.caller.app_id
    return Author(
        source="INTEGRATION", source_id=str(app_id), user_id=call.caller.user_id, app_id=app_id
    )


def person(user: User) -> Author:
    """Somebody at a screen."""
    return Author(source="CRM_UI", source_id=f"userId:{user.id}", user_id=user.id)
