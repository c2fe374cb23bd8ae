"""What a portal means by a deal, a deal or a ticket, and how either calls what it has.

Source: developers.hubspot.com/docs/api/crm/{deals, tickets}.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The properties of a kind of cards; `price` is empty where there is none."""

    title: str
    price: str
    pipeline: str
    stage: str
    closed: str

    @property
    def all(self) -> tuple[str, ...]:
        """What is read of a deal as the hub knows one."""
        return self.title, self.pipeline, self.stage, self.closed, "createdate", "hubspot_owner_id"


NAMES: Mapping[str, Names] = MappingProxyType(
    {
        "deals": Names(
            title="dealname",
            price="amount",
            pipeline="pipeline",
            stage="dealstage",
            closed="closedate",
        ),
        "tickets": Names(
            title="subject",
            price="",
            pipeline="hs_pipeline",
            stage="hs_pipeline_stage",
            closed="closed_date",
        ),
    }
)
