"""Every call that the emulator knows; patterns are paths of the core."""

from . import rest_channels, rest_inbox, rest_publish, rest_settings
from .call import Route

ROUTES: tuple[Route, ...] = (
    *rest_settings.ROUTES,
    *rest_channels.ROUTES,
    *rest_publish.ROUTES,
    *rest_inbox.ROUTES,
)
