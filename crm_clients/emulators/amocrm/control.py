"""The stage's own routes under `/_stage/`: the operators, the scenery and the record, over HTTP."""

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from channel_clients.emulators.stage import Request, Response, common_control
from crm_clients.emulators.workshop import plain

if TYPE_CHECKING:
    from .emulator import AmoCrmEmulator

Json = dict[str, Any]


class Control:
    """Calls the method of the emulator that a route stands for.

    The keys of a POST body are the arguments of the method, by name. What a method cannot find
    is a 404, what it cannot accept a 400.
    """

    def __init__(self, emulator: "AmoCrmEmulator") -> None:
        self._emulator = emulator
        self._actions: Mapping[str, Callable[..., Any]] = {
            "reply": emulator.reply,
            "reply_with_files": emulator.reply_with_files,
            "upload": self._upload,
            "reply_with_buttons": emulator.reply_with_buttons,
            "write_first": emulator.write_first,
            "write_note": emulator.write_note,
            "typing": emulator.type_in,
            "react": emulator.react,
            "close_talk": emulator.close_talk,
            "close_lead": emulator.close_lead,
            "edit_lead": emulator.edit_lead,
            "delete_lead": emulator.delete_lead,
            "restore_lead": emulator.restore_lead,
            "edit_contact": emulator.edit_contact,
            "delete_contact": emulator.delete_contact,
            "restore_contact": emulator.restore_contact,
            "merge_contacts": emulator.merge_contacts,
            "accept_unsorted": emulator.accept_unsorted,
            "decline_unsorted": emulator.decline_unsorted,
            "uninstall": emulator.uninstall,
            "revoke": emulator.revoke,
            "rename": emulator.rename,
            "unblock": emulator.unblock,
            "switch": emulator.switches.set,
        }
        self._scenery: Mapping[str, Callable[..., Any]] = {
            "account": emulator.add_account,
            "user": emulator.add_user,
            "pipeline": emulator.add_pipeline,
            "field": emulator.add_field,
            "contact": emulator.add_contact,
            "lead": emulator.add_lead,
            "integration": emulator.add_integration,
            "channel": emulator.add_channel,
            "connection": emulator.connect_channel,
            "tokens": emulator.tokens,
            "long_lived_token": emulator.long_lived_token,
            "code": emulator.consent,
        }

    async def answer(self, request: Request) -> Response:
        common = await common_control(self._emulator.stage, request)
        if common is not None:
            return common
        name = request.path.removeprefix("/_stage/")
        try:
            result = (
                self._get(name, request) if request.method == "GET" else self._do(name, request)
            )
        except LookupError as missing:
            return Response.of({"error": str(missing)}, 404)
        except (TypeError, ValueError) as wrong:
            return Response.of({"error": str(wrong)}, 400)
        return Response.of(result)

    def _get(self, name: str, request: Request) -> Json:
        emulator = self._emulator
        account = request.param("account") or next(iter(emulator.world.accounts), "")
        match name:
            case "timeline":
                return {"chats": plain(emulator.timeline(account))}
            case "contacts":
                return {"contacts": list(emulator.contacts(account))}
            case "leads":
                return {"leads": list(emulator.leads(account))}
            case "notes":
                return {"notes": plain(emulator.notes(account))}
            case "tasks":
                return {"tasks": list(emulator.tasks(account))}
            case "replies":
                return {"replies": plain(emulator.replies)}
            case "state":
                return emulator.state()
            case _:
                raise LookupError(f"there is nothing to see at {name!r}")

    def _upload(
        self, base: str, name: str, content: str, kind: str = "picture", **told: str
    ) -> Json:
        """Take what the stages of other CRMs take: `account` says nothing here."""
        del told
        return self._emulator.upload(base, name, b64decode(content, validate=True), kind=kind)

    def _do(self, name: str, request: Request) -> Json:
        body = request.json() or {}
        if not isinstance(body, dict):
            raise TypeError("the body should be an object")
        if name != "setup":
            return {"result": plain(self._actions[name](**body))}
        unknown = set(body) - set(self._scenery)
        if unknown:
            raise ValueError(f"cannot set up {sorted(unknown)}; there are {sorted(self._scenery)}")
        return {what: plain(self._scenery[what](**body[what])) for what in body}
