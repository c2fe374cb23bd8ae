"""Every method that the emulator knows, by its lower-case name."""

from collections.abc import Mapping

from . import connectors, rest_app, rest_lines, sending
from .call import Method

METHODS: Mapping[str, Method] = {
    **rest_app.METHODS,
    **connectors.METHODS,
    **sending.METHODS,
    **rest_lines.METHODS,
}
