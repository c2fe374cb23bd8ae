"""What was said in dialogs: where a lost message is looked for, and a missed reply read back.

A dialog is one chat with one session after another, and a history shows one session. Of a chat it
shows the last; earlier ones are known by what their line put on cards.

Open lines refuse what is not there and what may not be seen in the same words. An administrator may
see everything, so to one of them the words have one meaning.

Source: apidocs.bitrix24.com/api-reference/imopenlines/openlines/sessions; refusals, and codes of
dialogs in activities: bitrix kernel, as reported by integrators.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from crm_clients.bitrix24.batch import Command, Part, result_of
from crm_clients.bitrix24.rest import Rest, all_of, only_of, results_of
from crm_clients.bitrix24.wire import HistoryMessage, Profile, SessionActivity
from mappers.vocabulary import Ambiguous, Blocked, Permanent, ProviderError

MOST_PAGES, PAGE = 4, 50
MOST_SESSIONS = 4
HISTORY = "imopenlines.session.history.get"


@dataclass(frozen=True, slots=True)
class History:
    """Dialogs of a portal, each named by the chat it is, or by its code.

    The last part of a code is a number of the portal's, as its kernel has it, or the channel's own
    id, as its documentation says: a dialog has as many codes as there may be.
    """

    rest: Rest = field(repr=False)

    async def holds(self, codes: Sequence[str], name: str) -> bool:
        """Say whether a message of ours is in a dialog, which may not have begun."""
        last = await self._last_of(codes)
        if last is None:
            return False
        if any(name in each.params.ours for each in last):
            return True
        return any(name in each.params.ours for each in await self._earlier(codes))

    async def chat_holds(self, chat: str, name: str) -> bool:
        return any(name in each.params.ours for each in await self._last(chat))

    async def said_in(self, codes: Sequence[str]) -> tuple[HistoryMessage, ...]:
        """Return what was said in the last sessions of a dialog, the oldest first."""
        last = await self._last_of(codes)
        if last is None:
            return ()
        said = (*await self._earlier(codes), *last)
        return tuple(sorted({each.id: each for each in said}.values(), key=_order))

    async def _last_of(self, codes: Sequence[str]) -> tuple[HistoryMessage, ...] | None:
        """Find the chat of a dialog and read its last session, in one call; None without a chat.

        What is refused is not there, or not for us to see: who we are is asked along.
        """
        commands = [Command("profile")]
        for code in codes:
            here = result_of(len(commands), "chatId")
            commands.append(Command("imopenlines.session.open", {"USER_CODE": code}))
            commands.append(Command(HISTORY, {"CHAT_ID": here}))
        who, *rest = await self.rest.ask_all(commands)
        for opened, told in zip(rest[::2], rest[1::2], strict=True):
            chat = _chat_in(_unless_absent(opened, who))
            if chat:
                return _said_in(chat, told)
        return None

    async def sessions(self, begins: str) -> tuple[SessionActivity, ...]:
        """Return the sessions of dialogs whose code begins so, the newest first.

        Codes cannot be searched for, so the newest sessions of the portal are looked through.
        """
        asked: dict[str, Any] = {
            "filter": {"=PROVIDER_ID": "IMOPENLINES_SESSION"},
            "select": ["ID", "ASSOCIATED_ENTITY_ID", "PROVIDER_PARAMS"],
            "order": {"ID": "DESC"},
        }
        found: list[SessionActivity] = []
        for page in range(MOST_PAGES):
            rows = await self.rest.ask("crm.activity.list", {**asked, "start": page * PAGE})
            seen = all_of(SessionActivity, rows)
            found += [each for each in seen if each.params.code.startswith(begins)]
            if len(seen) < PAGE or len(found) >= MOST_SESSIONS:
                break
        return tuple(found[:MOST_SESSIONS])

    async def _last(self, chat: str) -> tuple[HistoryMessage, ...]:
        (told,) = await self.rest.ask_all([Command(HISTORY, {"CHAT_ID": chat})])
        return _said_in(chat, told)

    async def _earlier(self, codes: Sequence[str]) -> tuple[HistoryMessage, ...]:
        """Read the sessions that cards tell of; one without a word may not be seen."""
        begins = codes[0].rpartition("|")[0]
        asked = [
            Command(HISTORY, {"SESSION_ID": each.session})
            for each in await self.sessions(f"{begins}|")
            if each.params.code in codes and each.session
        ]
        if not asked:
            return ()
        who, *told = await self.rest.ask_all([Command("profile"), *asked])
        return tuple(said for each in told for said in _messages(_unless_absent(each, who)))


def _unless_absent(part: Part, who: Part) -> Any:
    """Read what a part brought; None when there is nothing.

    Raises: `ProviderError` when nobody can tell, because `who` asked may not see everything.
    """
    if part.failure is None:
        return part.result
    if part.failure.code != "bitrix24.access_denied":
        raise ProviderError(part.failure)
    (profile,) = results_of([who])
    if not only_of(Profile, profile).is_admin:
        raise ProviderError(Blocked(code="bitrix24.not_an_administrator", by="provider"))
    return None


def _chat_in(opened: Any) -> str:
    found = opened.get("chatId") if isinstance(opened, dict) else None
    return str(found) if found else ""


def _said_in(chat: str, told: Part) -> tuple[HistoryMessage, ...]:
    """Read the last session of a chat. A chat that is there has one, with words in it.

    Raises: `ProviderError`; what is refused, or is of another chat, proves nothing.
    """
    if told.failure is not None and not isinstance(told.failure, Blocked | Permanent):
        raise ProviderError(told.failure)
    of = told.result.get("chatId", chat) if isinstance(told.result, dict) else ""
    if str(of) != chat:
        raise ProviderError(Ambiguous(code="bitrix24.history_closed"))
    return _messages(told.result)


def _messages(told: Any) -> tuple[HistoryMessage, ...]:
    found = told.get("message") if isinstance(told, dict) else None
    return all_of(HistoryMessage, found) if found else ()


def _order(message: HistoryMessage) -> int:
    return int(message.id) if message.id.isdecimal() else 0
