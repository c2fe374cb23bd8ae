"""A form with files in it, as bytes.

Source: RFC 7578. How readers undo escapes in a file's name differs, so nothing is escaped: what
would need it gives way to a character that looks like it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

HARMLESS = str.maketrans({'"': "'", "\\": "_", "\r": " ", "\n": " "})
MIME = re.compile(r"[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+")
UNKNOWN = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A file under the name `key` of the form."""

    key: str
    name: str = field(repr=False)
    mime: str
    body: bytes = field(repr=False)


def multipart(fields: Mapping[str, str], files: Sequence[FilePart]) -> tuple[str, bytes]:
    """Return the content type and the content. The same form is the same bytes."""
    parts = [*(_text(key, value) for key, value in fields.items()), *map(_file, files)]
    boundary = _boundary(parts)
    content = b"".join(_lines(boundary, parts))
    return f"multipart/form-data; boundary={boundary.decode()}", content


def _text(key: str, value: str) -> tuple[str, bytes]:
    return _disposition(key), value.encode("utf-8", "replace")


def _file(part: FilePart) -> tuple[str, bytes]:
    mime = part.mime if MIME.fullmatch(part.mime) else UNKNOWN
    name = part.name.translate(HARMLESS)
    return f'{_disposition(part.key)}; filename="{name}"\r\nContent-Type: {mime}', part.body


def _disposition(key: str) -> str:
    return f'Content-Disposition: form-data; name="{key.translate(HARMLESS)}"'


def _boundary(parts: Sequence[tuple[str, bytes]]) -> bytes:
    """A digest of what it separates, which therefore cannot contain it."""
    digest = blake2b(digest_size=16)
    for head, body in parts:
        digest.update(head.encode("utf-8", "replace"))
        digest.update(body)
    return b"threadline-" + digest.hexdigest().encode()


def _lines(boundary: bytes, parts: Sequence[tuple[str, bytes]]) -> Iterator[bytes]:
    for head, body in parts:
        yield b"--" + boundary + b"\r\n" + head.encode("utf-8", "replace") + b"\r\n\r\n"
        yield body
        yield b"\r\n"
    yield b"--" + boundary + b"--\r\n"
