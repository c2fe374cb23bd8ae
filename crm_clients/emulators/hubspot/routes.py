"""Every call that the emulator knows; patterns are paths of the core."""

from . import (
    rest_associations,
    rest_batch,
    rest_channels,
    rest_files,
    rest_inbox,
    rest_objects,
    rest_pipelines,
    rest_properties,
    rest_publish,
    rest_search,
    rest_settings,
)
from .call import Route

ROUTES: tuple[Route, ...] = (
    *rest_settings.ROUTES,
    *rest_channels.ROUTES,
    *rest_publish.ROUTES,
    *rest_inbox.ROUTES,
    *rest_search.ROUTES,
    *rest_batch.ROUTES,
    *rest_objects.ROUTES,
    *rest_associations.ROUTES,
    *rest_properties.ROUTES,
    *rest_pipelines.ROUTES,
    *rest_files.ROUTES,
)
