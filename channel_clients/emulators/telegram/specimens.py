"""Messages that are not text, one of each kind, with files that can be fetched.

Source: https://core.telegram.org/bots/api#message and the types it names.
"""

from collections.abc import Callable, Mapping

from channel_clients.emulators.telegram.world import Wire, World

Specimen = Callable[[World, int | None], Wire]


def _photo(world: World, size: int | None) -> Wire:
    small = world.keep("photos", "jpg", b"\xff\xd8\xff small")
    large = world.keep("photos", "jpg", b"\xff\xd8\xff large", size)
    return {
        "photo": [
            {**small.wire, "width": 90, "height": 67},
            {**large.wire, "width": 1280, "height": 960},
        ]
    }


def _voice(world: World, size: int | None) -> Wire:
    file = world.keep("voice", "oga", b"OggS specimen", size)
    return {"voice": {**file.wire, "duration": 4, "mime_type": "audio/ogg"}}


def _document(world: World, size: int | None) -> Wire:
    file = world.keep("documents", "pdf", b"%PDF-1.4 specimen", size)
    return {"document": {**file.wire, "file_name": "счёт.pdf", "mime_type": "application/pdf"}}


def _sticker(world: World, size: int | None) -> Wire:
    file = world.keep("stickers", "webp", b"RIFF specimen", size)
    look = {"type": "regular", "is_animated": False, "is_video": False, "emoji": "👍"}
    return {"sticker": {**file.wire, **look, "width": 512, "height": 512}}


def _location(_: World, __: int | None) -> Wire:
    return {"location": {"latitude": 55.751244, "longitude": 37.618423}}


SPECIMENS: Mapping[str, Specimen] = {
    "photo": _photo,
    "voice": _voice,
    "document": _document,
    "sticker": _sticker,
    "location": _location,
}
