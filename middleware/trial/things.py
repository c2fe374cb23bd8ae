"""What people show in a trial: files of every kind, no two alike, and what is no file.

Each file begins as its kind really begins, for the hub believes the bytes alone.
"""

from base64 import b64encode
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from crm_clients.emulators.contract import Sent

PADDING = 2000
_FTYP = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
_OGG = b"OggS" + b"\0" * 24 + b"OpusHead"
_JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0"
_WEBP = b"RIFF\x24\0\0\0WEBPVP8 "
# How the bytes of what a customer may show begin.
FILES: Mapping[str, bytes] = MappingProxyType(
    {
        "photo": _JPEG,
        "document": b"%PDF-1.4\n",
        "voice": _OGG,
        "audio": b"ID3\x04\0\0",
        "video": _FTYP,
        "video_note": _FTYP,
        "animation": _FTYP,
        "sticker": _WEBP,
    }
)
# Of these no words are shown.
MUTE = frozenset({"video_note", "sticker"})
OTHERS = ("location", "live_location", "venue", "poll", "dice")
TITLED = frozenset({"venue", "poll"})


def content_of(kind: str, unlike: object) -> bytes:
    """Make the bytes of a file that no other `unlike` makes."""
    return FILES[kind] + f"{kind} {unlike} ".encode() * (PADDING // (len(kind) + 8))


def look_of(kind: str, unlike: object, caption: str = "") -> dict[str, Any]:
    """Describe what a customer shows, as the stage takes it."""
    look: dict[str, Any] = {"kind": kind}
    if kind in FILES:
        look["content"] = b64encode(content_of(kind, unlike)).decode()
    if kind in TITLED:
        look["file_name"] = f"«{unlike}»"
    if caption and kind in FILES and kind not in MUTE:
        look["caption"] = caption
    return look


def answers(unlike: object) -> tuple[Sent, ...]:
    """One file of each kind that operators send."""
    return (
        Sent("picture", f"photo {unlike}.jpg", content_of("photo", f"reply {unlike}")),
        Sent("file", f"invoice {unlike}.pdf", content_of("document", f"reply {unlike}")),
        Sent("voice", f"voice {unlike}.ogg", content_of("voice", f"reply {unlike}")),
        Sent("audio", f"song {unlike}.mp3", content_of("audio", f"reply {unlike}")),
        Sent("video", f"video {unlike}.mp4", content_of("video", f"reply {unlike}")),
    )
