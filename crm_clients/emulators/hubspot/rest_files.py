"""Files of the portal: taking them in, telling of them, and giving them out by their address."""

import json
from base64 import b64encode
from hashlib import md5
from mimetypes import guess_type
from typing import Any

from channel_clients.emulators.stage import Request, Response

from . import multipart
from .call import Call, Route, page_of
from .crm_model import FileHeld, Json
from .file_links import address
from .model import Portal
from .multipart import Part
from .problems import conflict, invalid, not_found, page
from .world import World, iso

READS = frozenset({"files", "files.read", "files.ui_hidden.read"})
WRITES = frozenset({"files", "files.write", "files.ui_hidden.write"})
ACCESSES = {
    *("PUBLIC_INDEXABLE", "PUBLIC_NOT_INDEXABLE", "PRIVATE"),
    *("HIDDEN_INDEXABLE", "HIDDEN_NOT_INDEXABLE", "HIDDEN_PRIVATE", "HIDDEN_SENSITIVE"),
    "SENSITIVE",
}
STRATEGIES = {"NONE", "REJECT", "RETURN_EXISTING"}
SCOPES = {"ENTIRE_PORTAL", "EXACT_FOLDER"}
KINDS = {"image": "IMG", "audio": "AUDIO", "video": "MOVIE", "text": "DOCUMENT"}
DOCUMENTS = {"pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "csv"}


def upload(call: Call) -> Response:
    """Take a file in. What is a duplicate, and what becomes of it, the options say."""
    form = multipart.parts(call.request.headers, call.request.body)
    options = _options(form.get("options"))
    folder = _folder(call.portal, form)
    sent = form.get("file")
    if sent is None or not sent.file_name:
        raise invalid("A file is required")
    named = form["fileName"].text if "fileName" in form else sent.file_name
    stem, extension = _split(named, sent.file_name)
    twin = _twin(call, options, (folder, stem, extension), sent.body)
    strategy = options.get("duplicateValidationStrategy", "NONE")
    if twin is not None and strategy == "RETURN_EXISTING":
        return Response.of(told(call.world, call.portal, twin), 201)
    if twin is not None and strategy == "REJECT":
        raise conflict(f"A file {twin.path} exists already")
    held = _put(call, (folder, stem, extension), sent, options)
    return Response.of(told(call.world, call.portal, held), 201)


def _options(part: Part | None) -> Json:
    try:
        options = json.loads(part.text) if part else None
    except ValueError:
        options = None
    if not isinstance(options, dict):
        raise invalid("options must be a JSON object in a string")
    wanted = (
        ("access", ACCESSES),
        ("duplicateValidationStrategy", STRATEGIES | {None}),
        ("duplicateValidationScope", SCOPES | {None}),
    )
    for name, allowed in wanted:
        if options.get(name) not in allowed:
            raise invalid(f"{name} has no such value: {options.get(name)}")
    return options


def _folder(portal: Portal, form: dict[str, Part]) -> str:
    """Return the path of the folder that is asked for; one that is not there is made."""
    if ("folderId" in form) == ("folderPath" in form):
        raise invalid("Either folderId or folderPath is required")
    if "folderPath" in form:
        path = f"/{form['folderPath'].text.strip('/')}"
        portal.folders.setdefault(path, portal.number("file"))
        return path
    for path, number in portal.folders.items():
        if str(number) == form["folderId"].text:
            return path
    raise not_found(f"Folder {form['folderId'].text} does not exist")


def _split(named: str, sent: str) -> tuple[str, str]:
    """Return a name without its extension, and the extension, which the file's own may lend."""
    stem, dot, extension = named.rpartition(".")
    if dot and stem:
        return stem, extension.lower()
    return named, sent.rpartition(".")[2].lower() if "." in sent else ""


Place = tuple[str, str, str]  # folder, name, extension


def _twin(call: Call, options: Json, place: Place, body: bytes) -> FileHeld | None:
    folder, stem, extension = place
    whole = options.get("duplicateValidationScope") == "ENTIRE_PORTAL"
    for held in call.portal.files.values():
        if held.archived_at is not None or not (whole or held.folder == folder):
            continue
        by_content = call.world.switches.same_file == "content"
        same = held.body == body if by_content else _is_named(held, stem, extension)
        if same:
            return held
    return None


def _is_named(held: FileHeld, stem: str, extension: str) -> bool:
    return (held.name, held.extension) == (stem, extension)


def _put(call: Call, place: Place, sent: Part, options: Json) -> FileHeld:
    """Lay a file down: over one of the same name if that is asked for, else beside it."""
    folder, stem, extension = place
    there = {
        held.name: held
        for held in call.portal.files.values()
        if held.archived_at is None and (held.folder, held.extension) == (folder, extension)
    }
    if stem in there and options.get("overwrite"):
        there[stem].body, there[stem].updated = sent.body, call.world.now()
        return there[stem]
    name, number = stem, 0
    while name in there:
        number += 1
        name = f"{stem}-{number}"
    held = FileHeld(
        id=call.portal.number("file"),
        name=name,
        extension=extension,
        folder=folder,
        folder_id=call.portal.folders[folder],
        access=str(options["access"]),
        mime=sent.mime or guess_type(f"x.{extension}")[0] or "application/octet-stream",
        body=sent.body,
        key=call.world.hex(32),
        created=call.world.now(),
        updated=call.world.now(),
    )
    call.portal.files[held.id] = held
    return held


def kind_of(held: FileHeld) -> str:
    if held.extension in DOCUMENTS:
        return "DOCUMENT"
    return KINDS.get(held.mime.partition("/")[0], "OTHER")


def told(world: World, portal: Portal, held: FileHeld) -> Json:
    url = address(world, portal, held, is_open=False)
    digest = md5(held.body, usedforsecurity=False).digest()
    shown: Json = {
        "id": str(held.id),
        "createdAt": iso(held.created),
        "updatedAt": iso(held.updated),
        "archived": held.archived_at is not None,
        "parentFolderId": str(held.folder_id),
        "name": held.name,
        "path": held.path,
        "size": len(held.body),
        "type": kind_of(held),
        "extension": held.extension,
        "defaultHostingUrl": url,
        "url": url,
        "isUsableInContent": True,
        "access": held.access,
        "fileMd5": b64encode(digest).decode(),
    }
    return shown


def _found(call: Call) -> FileHeld:
    held = call.portal.files.get(int(call.args[0]))
    if held is None or held.archived_at is not None:
        raise not_found(f"File {call.args[0]} does not exist")
    return held


def get_file(call: Call) -> Response:
    return Response.of(told(call.world, call.portal, _found(call)))


def delete_file(call: Call) -> Response:
    _found(call).archived_at = call.world.now()
    return Response(status=204)


def stat(call: Call) -> Response:
    """Tell what lies at a path, a file or a folder."""
    path = f"/{call.args[0].strip('/')}"
    for held in call.portal.files.values():
        if held.archived_at is None and held.path == path:
            return Response.of({"file": told(call.world, call.portal, held)})
    if path in call.portal.folders:
        number = str(call.portal.folders[path])
        folder = {"id": number, "name": path.rpartition("/")[2], "path": path, "archived": False}
        dates = {"createdAt": iso(call.world.now()), "updatedAt": iso(call.world.now())}
        return Response.of({"folder": {**folder, **dates}})
    raise not_found(f"Nothing lies at {path}")


def search(call: Call) -> Response:
    """Find files by their name, path or extension."""
    wanted: dict[str, Any] = {
        name: call.param(name) for name in ("name", "path", "extension") if call.param(name)
    }
    rows = [
        told(call.world, call.portal, held)
        for held in call.portal.files.values()
        if held.archived_at is None
        and all(getattr(held, name) == value for name, value in wanted.items())
    ]
    return page_of(call, rows)


def sign(call: Call) -> Response:
    """Give an address by which whoever has it gets the file, for a while."""
    held = _found(call)
    ends = call.world.now() + call.world.switches.signed_url_life_s
    url = address(call.world, call.portal, held, is_open=True)
    body = {
        "url": f"{url}&expires={int(ends * 1000)}",
        "expiresAt": iso(ends),
        "name": held.name,
        "extension": held.extension,
        "size": len(held.body),
        "type": kind_of(held),
    }
    return Response.of(body)


def give_out(world: World, request: Request) -> Response:
    """Answer the address of a file: a private one is not there for whoever has no key."""
    _, hub, number, *_ = [*request.path.strip("/").split("/"), "", ""]
    portal = world.portals.get(int(hub) if hub.isdigit() else 0)
    held = portal.files.get(int(number) if number.isdigit() else 0) if portal else None
    if held is None or held.archived_at is not None or not _may_see(world, request, held):
        return page(404, "Not Found")
    return Response(status=200, body=held.body, headers={"content-type": held.mime})


def _may_see(world: World, request: Request, held: FileHeld) -> bool:
    if held.access.startswith("PUBLIC"):
        return True
    ends = request.param("expires") or ""
    is_stale = ends.isdigit() and int(ends) <= world.now() * 1000
    return request.param("signature") == held.key and not is_stale


ROUTES = (
    Route("POST", "files/files", upload, WRITES),
    Route("GET", "files/files/search", search, READS),
    Route("GET", "files/files/stat/(.+)", stat, READS),
    Route("GET", r"files/files/(\d+)", get_file, READS),
    Route("DELETE", r"files/files/(\d+)", delete_file, WRITES),
    Route("GET", r"files/files/(\d+)/signed-url", sign, READS),
)
