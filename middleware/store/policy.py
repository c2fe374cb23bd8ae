"""What a route decides."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from mappers.names import Manner


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a route decides. See docs/reference/routes.md."""

    deal_owner: Literal["hub", "crm"] = "hub"
    deal_policy: Literal["reuse_open", "never"] = "reuse_open"
    deal_rest: timedelta = timedelta()
    deal_scope: Literal["contact", "channel"] = "contact"
    deal_on: Literal["message", "text"] = "message"
    thread_window: timedelta = timedelta()
    pipeline: str = ""
    stage: str = ""
    lane_policy: Literal["skip", "wait"] = "skip"
    on_doubt: Literal["", "hold", "resend"] = ""
    operator_name: Manner = "none"
    pilot: tuple[str, ...] = field(default=(), repr=False)
    dry_run: bool = False
    responsible: str = ""
    responsible_fallback: str = ""
    tags: tuple[str, ...] = ()
    answer_within: timedelta = timedelta()
    hours: str = ""
    zone: str = ""
