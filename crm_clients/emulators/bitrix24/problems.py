"""How a portal refuses: JSON with the key `error`, pages of its proxy, and how handlers raise."""

from channel_clients.emulators.stage import HTML, Response


class Refused(Exception):
    """Unwinds to the router, or to the batch, which answers with it.

    `code` may be empty, numeric or in lower case; only its presence tells of an error.
    """

    def __init__(self, status: int, code: str, text: str, **more: str) -> None:
        super().__init__(f"{code or 'refused'}: {text}")
        self.status = status
        self.body = {"error": code, "error_description": text, **more}

    @property
    def response(self) -> Response:
        return Response.of(self.body, self.status)


def missing(name: str) -> Refused:
    text = f"Argument '{name}' is null or empty"
    return Refused(400, "ERROR_ARGUMENT", text, argument=name)


def not_found() -> Refused:
    """As the old CRM methods say it: with an empty code."""
    return Refused(400, "", "Not found")


def invalid(text: str) -> Refused:
    """As the old CRM methods say it: with an empty code, and the text alone."""
    return Refused(400, "", text)


def page(status: int, title: str) -> Response:
    """A page of the proxy, which is no JSON."""
    html = f"<html><head><title>{status} {title}</title></head></html>"
    return Response(status=status, body=html.encode(), headers=HTML)
