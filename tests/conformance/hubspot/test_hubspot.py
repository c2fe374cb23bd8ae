"""HubSpot with a custom channel keeps what every CRM promises."""

from tests.conformance.crms import CrmPromises


class TestHubSpot(CrmPromises):
    """A portal that let our application in."""
