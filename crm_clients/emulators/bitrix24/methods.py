"""Every method that the emulator knows, by its lower-case name."""

from collections.abc import Mapping

from . import (
    connectors,
    disk,
    offline,
    rest_activities,
    rest_app,
    rest_cards,
    rest_items,
    rest_lines,
    rest_settings,
    rest_timeline,
    sending,
    telephony,
    texting,
)
from .call import Method

METHODS: Mapping[str, Method] = {
    **rest_app.METHODS,
    **connectors.METHODS,
    **sending.METHODS,
    **rest_lines.METHODS,
    **rest_cards.METHODS,
    **rest_items.METHODS,
    **rest_settings.METHODS,
    **rest_activities.METHODS,
    **rest_timeline.METHODS,
    **offline.METHODS,
    **telephony.METHODS,
    **texting.METHODS,
    **disk.METHODS,
}
