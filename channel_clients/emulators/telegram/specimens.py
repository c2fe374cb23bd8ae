"""Messages that are not text, one of each kind, with files that can be fetched.

Source: https://core.telegram.org/bots/api#message and the types it names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from channel_clients.emulators.telegram.world import Wire, World

POINT: Wire = {"latitude": 55.751244, "longitude": 37.618423}


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a file is made of; what is left out is invented.

    `size_bytes` is what it claims to be.
    """

    content: bytes | None = None
    size_bytes: int | None = None
    name: str = ""

    def kept(self, world: World, folder: str, extension: str, usual: bytes) -> Wire:
        content = usual if self.content is None else self.content
        return world.keep(folder, extension, content, self.size_bytes).wire


Specimen = Callable[[World, Material], Wire]


def _photo(world: World, given: Material) -> Wire:
    small = world.keep("photos", "jpg", b"\xff\xd8\xff small")
    large = given.kept(world, "photos", "jpg", b"\xff\xd8\xff large")
    return {
        "photo": [
            {**small.wire, "width": 90, "height": 67},
            {**large, "width": 1280, "height": 960},
        ]
    }


def _voice(world: World, given: Material) -> Wire:
    file = given.kept(world, "voice", "oga", b"OggS specimen")
    return {"voice": {**file, "duration": 4, "mime_type": "audio/ogg"}}


def _audio(world: World, given: Material) -> Wire:
    file = given.kept(world, "music", "mp3", b"ID3 specimen")
    tune = {"performer": "Кино", "title": "Звезда", "mime_type": "audio/mpeg"}
    return {"audio": {**file, **tune, "duration": 240, "file_name": given.name or "кино.mp3"}}


def _video(world: World, given: Material) -> Wire:
    file = given.kept(world, "videos", "mp4", b"ftypmp42 specimen")
    look = {"width": 1280, "height": 720, "duration": 7, "mime_type": "video/mp4"}
    return {"video": {**file, **look, "file_name": given.name or "ролик.mp4"}}


def _video_note(world: World, given: Material) -> Wire:
    file = given.kept(world, "video_notes", "mp4", b"ftypmp42 round specimen")
    return {"video_note": {**file, "length": 240, "duration": 5}}


def _animation(world: World, given: Material) -> Wire:
    file = given.kept(world, "animations", "mp4", b"ftypmp42 silent specimen")
    look = {"file_name": "кот.mp4", "mime_type": "video/mp4"}
    moving = {**file, **look, "width": 320, "height": 240, "duration": 2}
    return {"animation": moving, "document": {**file, **look}}


def _document(world: World, given: Material) -> Wire:
    extension = given.name.rpartition(".")[2] or "pdf"
    file = given.kept(world, "documents", extension, b"%PDF-1.4 specimen")
    name = given.name or "счёт.pdf"
    return {"document": {**file, "file_name": name, "mime_type": "application/pdf"}}


def _sticker(world: World, given: Material) -> Wire:
    file = given.kept(world, "stickers", "webp", b"RIFF specimen")
    look = {"type": "regular", "is_animated": False, "is_video": False, "emoji": "👍"}
    return {"sticker": {**file, **look, "width": 512, "height": 512}}


def _location(_: World, __: Material) -> Wire:
    return {"location": dict(POINT)}


def _live_location(_: World, __: Material) -> Wire:
    return {"location": {**POINT, "live_period": 900}}


def _venue(_: World, given: Material) -> Wire:
    venue = {"location": dict(POINT), "title": given.name or "Кафе", "address": "Арбат, 1"}
    return {"location": dict(POINT), "venue": venue}


def _poll(world: World, given: Material) -> Wire:
    options = [
        {"text": text, "voter_count": 0, "persistent_id": str(number)}
        for number, text in enumerate(("Да", "Нет"))
    ]
    flags = {"is_closed": False, "is_anonymous": True, "allows_multiple_answers": False}
    flags |= {"allows_revoting": True, "members_only": False}
    head = {"id": str(world.number()), "question": given.name or "Удобно?", "options": options}
    return {"poll": {**head, **flags, "total_voter_count": 0, "type": "regular"}}


def _dice(_: World, __: Material) -> Wire:
    return {"dice": {"emoji": "🎲", "value": 6}}


SPECIMENS: Mapping[str, Specimen] = {
    "photo": _photo,
    "voice": _voice,
    "audio": _audio,
    "video": _video,
    "video_note": _video_note,
    "animation": _animation,
    "document": _document,
    "sticker": _sticker,
    "location": _location,
    "live_location": _live_location,
    "venue": _venue,
    "poll": _poll,
    "dice": _dice,
}
