"""How a message tells of its files: what is told of a file, and where it can be fetched."""

from .crm_model import FileHeld
from .inbox_model import Json
from .model import Portal
from .world import World


def shown(world: World, portal: Portal, attachment: Json) -> Json:
    """Tell an attachment; a file's name and address are the portal's affair."""
    held = portal.files.get(int(attachment.get("fileId") or 0))
    if held is None:
        return attachment
    told = {**attachment, "name": held.file_name}
    match world.switches.reply_file_links:
        case "open":
            told["url"] = address(world, portal, held, is_open=True)
        case "private":
            told["url"] = address(world, portal, held, is_open=False)
        case _:
            pass
    return told


def address(world: World, portal: Portal, held: FileHeld, *, is_open: bool) -> str:
    """Return where a file lies; nobody is let to a private one without its key."""
    key = f"?signature={held.key}" if is_open else ""
    return f"{world.base}/hubfs/{portal.hub_id}/{held.id}/{held.file_name}{key}"
