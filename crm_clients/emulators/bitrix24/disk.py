"""`disk.*`: files put into a folder or a storage, whose names are taken once."""

from collections.abc import Iterator

from . import fetching
from .call import Call, Handler, Page, is_yes, methods
from .filters import listed
from .model import Json
from .problems import Refused


def upload(call: Call) -> Json:
    """Put down a file that was sent with the call."""
    sent = call.need("fileContent")
    folder = str(call.need("id"))
    named = call.choice("data").get("NAME")
    first, content = sent if isinstance(sent, list) and len(sent) == 2 else ("file", sent)
    name = str(named or first)
    if any(each["NAME"] == name for each in _in_folder(call, folder)):
        if not is_yes(call.get("generateUniqueName")):
            raise Refused(400, "DISK_OBJ_22000", "Файл с таким именем уже есть")
        name = _unique(call, folder, name)
    held = fetching.keep_sent(call, [name, content])
    url = f"{call.world.base}/{call.portal.slug}/pub/im.file.php"
    row = {
        "ID": str(held["id"]),
        "NAME": name,
        "PARENT_ID": folder,
        "TYPE": "file",
        "SIZE": str(held["size"]),
        "DOWNLOAD_URL": f"{url}?FILE_ID={held['id']}&SIGN={held['key']}",
        "DETAIL_URL": f"https://{call.portal.host}/docs/file/{name}",
    }
    call.portal.files[held["id"]] = row
    return row


def _in_folder(call: Call, folder: str) -> Iterator[Json]:
    return (each for each in call.portal.files.values() if each["PARENT_ID"] == folder)


def _unique(call: Call, folder: str, name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    taken = {each["NAME"] for each in _in_folder(call, folder)}
    count = 1
    while f"{stem or suffix} ({count}){dot}{suffix if stem else ''}" in taken:
        count += 1
    return f"{stem or suffix} ({count}){dot}{suffix if stem else ''}"


def children(call: Call) -> Page:
    return listed(call, list(_in_folder(call, str(call.need("id")))))


def get(call: Call) -> Json:
    """Tell where a file is fetched from, an operator's in a chat too."""
    number = call.number("id")
    if number in call.portal.files:
        return dict(call.portal.files[number])
    held = call.portal.lines.files.get(number)
    if held is None:
        raise Refused(400, "ERROR_NOT_FOUND", f"Could not find entity with id `{number}`")
    url = f"{call.world.base}/{call.portal.slug}/pub/im.file.php"
    return {
        "ID": str(held.id),
        "NAME": held.name,
        "TYPE": "file",
        "SIZE": str(len(held.body)),
        "DOWNLOAD_URL": f"{url}?FILE_ID={held.id}&SIGN={held.key}",
    }


TABLE: dict[str, Handler] = {
    "disk.folder.uploadFile": upload,
    "disk.storage.uploadFile": upload,
    "disk.file.get": get,
    "disk.folder.getChildren": children,
    "disk.storage.getChildren": children,
}
METHODS = methods(TABLE, "disk")
