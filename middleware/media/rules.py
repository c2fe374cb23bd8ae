"""What a file is and what it may be called: decided from its bytes, never from what is claimed."""

import re

import filetype

from mappers.text import Language, clean
from mappers.vocabulary import Attachment, AttachmentKind

UNKNOWN = "application/octet-stream"
LONGEST_NAME = 120
# Controls, what a path or a header is made of, and what breaks a line or turns it around.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+')
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")
# What a browser may show as itself without running anything in it.
SHOWN = ("image/jpeg", "image/png", "image/gif", "image/webp", "audio/", "video/")
SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "application/pdf": ".pdf",
}
NAMES = {
    AttachmentKind.IMAGE: "photo",
    AttachmentKind.VOICE: "voice",
    AttachmentKind.AUDIO: "audio",
    AttachmentKind.VIDEO: "video",
    AttachmentKind.STICKER: "sticker",
}
TOO_LARGE, NO_ADDRESS, EMPTY = "file.too_large", "file.no_address", "file.empty"
REASONS: dict[Language, dict[str, str]] = {
    "ru": {
        TOO_LARGE: "файл больше {megabytes} МБ, посмотрите его в канале",
        NO_ADDRESS: "у хаба нет публичного адреса, файл остался в канале",
        EMPTY: "файл пустой",
        "": "файл не удалось получить, посмотрите его в канале",
    },
    "en": {
        TOO_LARGE: "larger than {megabytes} MB, look at it in the channel",
        NO_ADDRESS: "the hub has no public address, the file stayed in the channel",
        EMPTY: "the file is empty",
        "": "could not be fetched, look at it in the channel",
    },
}


def path_of(key: str) -> str:
    """Spell where the bytes with this key lie.

    Raises: `ValueError` for what is no key of ours, so that no key leads out of the store.
    """
    if len(key) != 64 or not set(key) <= set("0123456789abcdef"):
        raise ValueError("a key is a SHA-256 in hexadecimal")
    return f"{key[:2]}/{key}"


def sniff(body: bytes) -> str:
    """Return the media type that the first bytes speak of; unknown bytes are just bytes."""
    found = filetype.guess_mime(body[:8192])
    return str(found) if found else UNKNOWN


def safe_name(name: str, kind: AttachmentKind, mime: str) -> str:
    """Spell a file's name so that no system takes it for a path, a command or another type."""
    last = clean(name).replace("\\", "/").rpartition("/")[2]
    bare = _UNSAFE.sub("_", last).strip(" ._")
    stem, dot, suffix = bare.rpartition(".")
    is_suffix = bool(dot and stem and _SUFFIX.fullmatch(dot + suffix))
    ending = dot + suffix if is_suffix else SUFFIXES.get(mime, "")
    stem = (stem if is_suffix else bare) or NAMES.get(kind, "file")
    return stem[: LONGEST_NAME - len(ending)] + ending


def may_be_shown(mime: str) -> bool:
    """Say whether a browser may open it in place. Anything else is only ever downloaded."""
    return mime.startswith(SHOWN)


def why_not(reason: str, limit_bytes: int, language: Language) -> str:
    """Say in words why a file is not here."""
    words = REASONS[language]
    return words.get(reason, words[""]).format(megabytes=limit_bytes // 1_000_000)


def is_too_large(attachment: Attachment, limit_bytes: int) -> bool:
    """Say so before fetching, when the provider told the size."""
    return attachment.size_bytes is not None and attachment.size_bytes > limit_bytes
