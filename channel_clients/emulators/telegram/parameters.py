"""What a bot asked for: parameters from the query, JSON, a form, or multipart, read alike.

Outside JSON every nested object is a JSON string, and so is every number; the readers here accept
both, as Telegram does. Source: https://core.telegram.org/bots/api#making-requests
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from python_multipart import parse_form

from channel_clients.emulators.stage import Request
from channel_clients.emulators.telegram.refusals import Refused, bad_request

MAX_UPLOAD_BYTES = 53_000_000  # a file of 50 MiB and what surrounds it


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Parameters:
    """The arguments of one call. An absent one and an empty one are the same to Telegram."""

    values: Mapping[str, Any]
    uploads: Mapping[str, Upload] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return "" if value is None else value if isinstance(value, str) else json.dumps(value)

    def integer(self, name: str, default: int = 0) -> int:
        try:
            return int(self.text(name))
        except ValueError:
            return default

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in {"true", "yes", "1"}

    def structure(self, name: str) -> Any:
        """Return a nested object, parsed if it came as a string; None if there is none."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            words = name.replace("_", " ")
            raise bad_request(f"can't parse {words} JSON object") from None

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Return a nested object; an absent one is empty."""
        value = self.structure(name) or {}
        if not isinstance(value, dict):
            raise bad_request(f"object expected as {name.replace('_', ' ')}")
        return value

    def objects(self, name: str) -> list[dict[str, Any]]:
        """Return a list of nested objects; an absent one is empty."""
        return objects_in(self.structure(name), name)


def objects_in(value: Any, name: str) -> list[dict[str, Any]]:
    """Check that a part of the arguments is a list of objects.

    Raises: `Refused` if it is not.
    """
    items = value or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise bad_request(f"array of objects expected as {name.replace('_', ' ')}")
    return items


def parameters_of(request: Request) -> Parameters:
    """Read the arguments; those of the body win over those of the query.

    Raises: `Refused` for a body that is too large or not what it says it is.
    """
    if len(request.body) > MAX_UPLOAD_BYTES:
        raise Refused(413, "Request Entity Too Large")
    values: dict[str, Any] = dict(request.query)
    uploads: dict[str, Upload] = {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    match kind:
        case "application/json":
            values |= _read_json(request)
        case "application/x-www-form-urlencoded":
            values |= dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
        case "multipart/form-data":
            _read_multipart(request, values, uploads)
        case _:
            pass
    return Parameters(values, uploads)


def _read_json(request: Request) -> dict[str, Any]:
    try:
        values = request.json()
    except ValueError:
        values = False
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise bad_request("can't parse JSON: JSON object expected")
    return values


def _read_multipart(request: Request, values: dict[str, Any], uploads: dict[str, Upload]) -> None:
    headers = {
        "Content-Type": request.headers["content-type"].encode("latin-1"),
        "Content-Length": str(len(request.body)).encode(),
    }

    def keep_file(file: Any) -> None:
        file.file_object.seek(0)
        name = (file.file_name or b"file").decode()
        uploads[file.field_name.decode()] = Upload(name=name, content=file.file_object.read())
        file.close()

    def keep_field(item: Any) -> None:
        values[item.field_name.decode()] = (item.value or b"").decode()

    try:
        parse_form(headers, BytesIO(request.body), keep_field, keep_file)
    except ValueError:
        raise bad_request("can't parse multipart form") from None
