"""What an application may ask for, and what a portal's tier lets it have."""

from .model import Tier

REQUIRED = (
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.owners.read",
)
OPTIONAL = (
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.schemas.deals.read",
    "crm.schemas.deals.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "tickets",
    "files",
    "sales-email-read",
    "conversations.read",
    "conversations.write",
    "conversations.custom_channels.read",
    "conversations.custom_channels.write",
)
EVERY_SCOPE = (*REQUIRED, *OPTIONAL)
OF_PROFESSIONALS = frozenset(
    {"conversations.custom_channels.read", "conversations.custom_channels.write"}
)
RICH: frozenset[Tier] = frozenset({"professional", "enterprise"})


def within(tier: Tier, scopes: frozenset[str]) -> frozenset[str]:
    """Those of the scopes that a portal of this tier has to give."""
    return scopes if tier in RICH else scopes - OF_PROFESSIONALS
