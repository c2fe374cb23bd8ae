"""Every call that the emulator knows; patterns are paths of the core."""

from . import rest_settings
from .call import Route

ROUTES: tuple[Route, ...] = (*rest_settings.ROUTES,)
