"""Forms with files in them, as browsers and HTTP clients send them. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from .problems import invalid

BOUNDARY = re.compile(r'multipart/form-data\s*;.*?boundary="?([^";,]+)', re.IGNORECASE)
DISPOSED = re.compile(r"^content-disposition:(.*)$", re.IGNORECASE | re.MULTILINE)
TYPED = re.compile(r"^content-type:\s*([^;\s]+)", re.IGNORECASE | re.MULTILINE)
PARAM = re.compile(r';\s*([\w-]+\*?)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))')


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One field of a form; a file has a `file_name`."""

    name: str
    file_name: str = ""
    mime: str = ""
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def parts(headers: Mapping[str, str], body: bytes) -> dict[str, Part]:
    """Read a form by its fields' names, or refuse what is none."""
    found = BOUNDARY.match(headers.get("content-type", ""))
    if found is None:
        raise invalid("A multipart/form-data body is expected")
    return {part.name: part for part in _read(found[1].encode(), body)}


def _read(boundary: bytes, body: bytes) -> Iterator[Part]:
    for piece in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        said = head.decode("utf-8", "replace").replace("\r", "")
        disposed, typed = DISPOSED.search(said), TYPED.search(said)
        params = dict(_params(disposed[1] if disposed else ""))
        yield Part(
            name=params.get("name", ""),
            file_name=params.get("filename*", params.get("filename", "")),
            mime=typed[1] if typed else "",
            body=content,
        )


def _params(disposition: str) -> Iterator[tuple[str, str]]:
    """Read parameters, whichever way their letters are written."""
    for name, quoted, bare in PARAM.findall(disposition):
        if name.endswith("*"):
            yield name.lower(), unquote((quoted or bare).rpartition("'")[2])
        else:
            yield name.lower(), re.sub(r"\\(.)", r"\1", quoted) or bare
