"""How amoCRM refuses: problem documents, pages of its nginx, and the way handlers raise them."""

from typing import Any

from channel_clients.emulators.stage import HTML, Response

PROBLEM = "application/problem+json"
HAL = "application/hal+json"
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


class Refused(Exception):
    """Unwinds to the router, which answers with `response`."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"refused with {response.status}")
        self.response = response


def problem(status: int, detail: str, **more: Any) -> Response:
    title = TITLES[status]
    body = {
        **more,
        "title": title,
        "type": f"https://httpstatus.es/{status}",
        "status": status,
        "detail": detail,
    }
    return Response.of(body, status=status, kind=PROBLEM)


def invalid(errors: list[dict[str, Any]]) -> Response:
    """A 400 that names, for every bad item of a batch, its request id and its mistakes."""
    return problem(400, "Request validation failed", **{"validation-errors": errors})


def invalid_item(
    request_id: str, path: str, detail: str, code: str = "NotSupportedChoice"
) -> Response:
    return invalid([{"request_id": request_id, "errors": [mistake(path, detail, code)]}])


def mistake(
    path: str,
    detail: str = "The value you selected is not a valid choice.",
    code: str = "NotSupportedChoice",
) -> dict[str, str]:
    return {"code": code, "path": path, "detail": detail}


def wrong_type(path: str, kind: str) -> dict[str, str]:
    return mistake(path, f"This value should be of type {kind}.", "InvalidType")


def nginx(status: int) -> Response:
    """A page of the web server in front, which knows nothing of JSON."""
    name = f"{status} {TITLES[status]}"
    page = (
        f"<html>\r\n<head><title>{name}</title></head>\r\n<body>\r\n"
        f"<center><h1>{name}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Response(status=status, body=page.encode(), headers=HTML)


def hal(value: Any, status: int = 200) -> Response:
    return Response.of(value, status=status, kind=HAL)


def empty(status: int = 204) -> Response:
    return Response(status=status)
