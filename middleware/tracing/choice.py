"""Whether a hub is traced. OpenTelemetry is loaded only where it is."""

from middleware.errors import HubError
from middleware.settings import Settings
from middleware.tracing.port import UNTRACED, Tracer


class NoTraces(HubError):
    code = "traces.not_installed"


def tracer_of(settings: Settings, owner: str) -> Tracer:
    """Raises: `NoTraces` when traces are wanted and their package is not installed."""
    if not settings.traces:
        return UNTRACED
    try:
        from middleware.tracing.otel import exporting  # noqa: PLC0415  # an extra of the package
    except ImportError:
        raise NoTraces(
            "THREADLINE_TRACES is on; the package that sends traces is not installed. Install it:"
            " pip install 'threadline[otel]', or turn traces off."
        ) from None
    return exporting(owner)
