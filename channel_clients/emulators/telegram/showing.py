"""The methods by which a bot shows things: files, albums, places, cards.

What a bot uploads is kept, bytes and all. Source: https://core.telegram.org/bots/api#sending-files,
and the wording of tdlib's `FileManager.cpp` and `MessageContent.cpp`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from channel_clients.emulators.telegram.bots import Call
from channel_clients.emulators.telegram.parameters import Parameters
from channel_clients.emulators.telegram.refusals import Refused, bad_request
from channel_clients.emulators.telegram.sending import (
    inline_markup,
    post,
    replaced,
    words_of,
)
from channel_clients.emulators.telegram.world import File, Wire

CAPTION_LIMIT = 1024
ALBUM = range(2, 11)
MAX_PHOTO_BYTES = 10_485_760
MAX_FILE_BYTES = 52_428_800
_CAPTION = ("caption", "caption_entities", "reply_markup")
# What may stand in an album beside what.
_FAMILIES = ({"photo", "video"}, {"audio"}, {"document"})


def send_photo(call: Call) -> Wire:
    return _captioned(call, _photo(call))


def send_document(call: Call) -> Wire:
    return _captioned(call, _document(call))


def send_voice(call: Call) -> Wire:
    return _captioned(call, _lasting(call, "voice", "oga", {"mime_type": "audio/ogg"}))


def send_audio(call: Call) -> Wire:
    return _captioned(call, _audio(call))


def send_video(call: Call) -> Wire:
    return _captioned(call, _video(call))


def send_media_group(call: Call) -> list[Wire]:
    """Send an album: every item is checked before the first one is posted."""
    items = call.asked.objects("media")
    if len(items) not in ALBUM:
        raise bad_request("wrong number of items in the media group")
    kinds = {str(item.get("type")) for item in items}
    if not any(kinds <= family for family in _FAMILIES):
        raise bad_request("wrong type of the media group item")
    album = str(13_900_000_000_000_000 + call.world.number())
    calls = [replace(call, asked=_item(call, item)) for item in items]
    shown = [_KINDS[str(item["type"])](each) for item, each in zip(items, calls, strict=True)]
    captions = [_caption(each) for each in calls]
    chat, group = call.open_chat(), {"media_group_id": album}
    contents = [dict(one) | cap | group for one, cap in zip(shown, captions, strict=True)]
    return [post(call, chat, content) for content in contents]


def send_location(call: Call) -> Wire:
    return post(call, call.open_chat(), {"location": _point(call)})


def send_venue(call: Call) -> Wire:
    point = _point(call)
    title, address = call.asked.text("title"), call.asked.text("address")
    if not title or not address:
        raise bad_request("venue title and address must be non-empty")
    venue = {"location": point, "title": title, "address": address}
    return post(call, call.open_chat(), {"location": point, "venue": venue})


def send_contact(call: Call) -> Wire:
    phone, name = call.asked.text("phone_number"), call.asked.text("first_name")
    if not phone:
        raise bad_request("phone number must be non-empty")
    if not name:
        raise bad_request("first name must be non-empty")
    contact = {"phone_number": phone, "first_name": name}
    return post(call, call.open_chat(), {"contact": contact})


def edit_message_caption(call: Call) -> Wire:
    chat = call.open_chat()
    entry = call.entry(chat, "message to edit")
    if entry.side != "bot":
        raise bad_request("message can't be edited")
    if "text" in entry.wire or not entry.shown:
        raise bad_request("there is no caption in the message to edit")
    return replaced(call, chat, entry, _caption(call) | inline_markup(call), _CAPTION)


def _captioned(call: Call, content: Wire) -> Wire:
    caption = _caption(call)
    return post(call, call.open_chat(), content | caption)


def _caption(call: Call) -> Wire:
    words = words_of(call, "caption", "caption_entities")
    if words.length > CAPTION_LIMIT:
        raise bad_request("message caption is too long")
    said = {"caption": words.text, "caption_entities": list(words.entities)}
    return {name: value for name, value in said.items() if value}


def _point(call: Call) -> Wire:
    try:
        point = {name: float(call.asked.text(name)) for name in ("latitude", "longitude")}
    except ValueError:
        raise bad_request("wrong location specified") from None
    if abs(point["latitude"]) > 90 or abs(point["longitude"]) > 180:
        raise bad_request("wrong location specified")
    return point


def _item(call: Call, item: Mapping[str, object]) -> Parameters:
    """The parameters of one item, as if it were sent alone."""
    kind = str(item["type"])
    return Parameters({**item, kind: item.get("media")}, call.asked.uploads)


def _photo(call: Call) -> Wire:
    file = _file(call, "photo", "jpg")
    if file.size > MAX_PHOTO_BYTES:
        size = f"file of size {file.size} bytes is too big for a photo"
        raise bad_request(f"{size}; the maximum size is {MAX_PHOTO_BYTES} bytes")
    return {"photo": [{**file.wire, "width": 1280, "height": 960}]}


def _document(call: Call) -> Wire:
    return {"document": {**_named(call, "document"), **_file(call, "document", "bin").wire}}


def _audio(call: Call) -> Wire:
    return _lasting(call, "audio", "mp3", _named(call, "audio") | {"mime_type": "audio/mpeg"})


def _video(call: Call) -> Wire:
    size = {"width": 1280, "height": 720, "mime_type": "video/mp4"}
    return _lasting(call, "video", "mp4", _named(call, "video") | size)


def _lasting(call: Call, field: str, extension: str, look: Wire) -> Wire:
    file = _file(call, field, extension)
    return {field: {**file.wire, "duration": call.asked.integer("duration"), **look}}


def _named(call: Call, field: str) -> Wire:
    upload = call.asked.uploads.get(_upload_name(call, field))
    return {"file_name": upload.name} if upload else {}


_KINDS: Mapping[str, Callable[[Call], Wire]] = {
    "photo": _photo,
    "document": _document,
    "audio": _audio,
    "video": _video,
}


def _upload_name(call: Call, field: str) -> str:
    """Return the part of the form that holds the file: the field itself, or what it points to."""
    return call.asked.text(field).removeprefix("attach://") or field


def _file(call: Call, field: str, extension: str) -> File:
    """Take an upload, a file known by id, or a link, whose content is never fetched."""
    value = call.asked.text(field)
    upload = call.asked.uploads.get(_upload_name(call, field))
    if upload is not None:
        if not upload.content:
            raise bad_request("file must be non-empty")
        if len(upload.content) > MAX_FILE_BYTES:
            raise Refused(413, "Request Entity Too Large")
        return call.world.keep(field, extension, upload.content)
    if not value:
        raise bad_request(f"there is no {field} in the request")
    if value.startswith(("http://", "https://")):
        return call.world.keep(field, extension, b"", size=1)
    return call.world.file(value)
