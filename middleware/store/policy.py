"""What a route decides."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a route decides. See docs/reference/routes.md."""

    deal_owner: Literal["hub", "crm"] = "hub"
    deal_policy: Literal["reuse_open", "never"] = "reuse_open"
    pipeline: str = ""
    stage: str = ""
    lane_policy: Literal["skip", "wait"] = "skip"
    pilot: tuple[str, ...] = field(default=(), repr=False)
