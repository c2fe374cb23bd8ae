"""What was said in dialogs: where a lost message is looked for, and a missed reply read back.

A dialog is one chat with one session after another, and a history shows one session. Of a chat it
shows the last; earlier ones are known by what their line put on cards.

Open lines refuse what is not there and what may not be seen in the same words. An administrator may
see everything, so to one of them the words have one meaning.

Source: apidocs.bitrix24.com/api-reference/imopenlines/openlines/sessions; refusals, and codes of
dialogs in activities: bitrix kernel, as reported by integrators.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from crm_clients.bitrix24.batch import Command, Part, result_of
from crm_clients.bitrix24.rest import PAGE, Rest, all_of, only_of, results_of
from crm_clients.bitrix24.wire import HistoryMessage, Profile, SessionActivity
from mappers.vocabulary import Ambiguous, Blocked, Permanent, ProviderError

MOST_PAGES = 4
MOST_SESSIONS = 4
NO_SESSION = "bitrix24.invalid.INVALID_SESSION_ID"
HISTORY = "imopenlines.session.history.get"
# The newest sessions of the portal, all pages that we look at: they are read in one call.
PAGES = tuple(
    Command(
        "crm.activity.list",
        {
            "filter": {"=PROVIDER_ID": "IMOPENLINES_SESSION"},
            "select": ["ID", "ASSOCIATED_ENTITY_ID", "PROVIDER_PARAMS"],
            "order": {"ID": "DESC"},
            "start": page * PAGE,
        },
    )
    for page in range(MOST_PAGES)
)


@dataclass(frozen=True, slots=True)
class History:
    """Dialogs of a portal, each named by the chat it is, or by its code.

    The last part of a code is a number of the portal's, as its kernel has it, or the channel's own
    id, as its documentation says: a dialog has as many codes as there may be.
    """

    rest: Rest = field(repr=False)

    async def holds(self, codes: Sequence[str], name: str) -> bool:
        """Say whether a message of ours is in a dialog, which may not have begun."""
        found = await self._look(codes)
        if found.chat and not found.names(name):
            found = await self._look(codes, is_whole=True)
        return found.names(name)

    async def chat_holds(self, chat: str, name: str) -> bool:
        return any(name in each.params.ours for each in await self._last(chat))

    async def said_in(self, codes: Sequence[str]) -> tuple[HistoryMessage, ...]:
        """Return what was said in the last sessions of a dialog, the oldest first."""
        found = await self._look(codes, is_whole=True)
        return tuple(sorted({each.id: each for each in found.said}.values(), key=_order))

    async def _look(self, codes: Sequence[str], *, is_whole: bool = False) -> "_Found":
        """Find the chat of a dialog and read its last session, in one call; in two all of them.

        What is refused is not there, or not for us to see: who we are is asked along.
        """
        commands = [Command("profile")]
        for code in codes:
            here = result_of(len(commands), "chatId")
            commands.append(Command("imopenlines.session.open", {"USER_CODE": code}))
            commands.append(Command(HISTORY, {"CHAT_ID": here}))
        pages = PAGES if is_whole else ()
        who, *parts = await self.rest.ask_all([*commands, *pages])
        told = parts[: 2 * len(codes)]
        for opened, last in zip(told[::2], told[1::2], strict=True):
            if chat := _chat_in(_unless_absent(opened, who)):
                found = await self._seen(chat, last)
                begins = f"{codes[0].rpartition('|')[0]}|"
                sessions = _sessions_in(parts[len(told) :], begins)
                wanted = [each.session for each in sessions if each.params.code in codes]
                return await self._with_earlier(found, wanted)
        return _Found()

    async def _seen(self, chat: str, told: Part) -> "_Found":
        """Read the last session. That there is none is asked by number before it is believed.

        Said of a reference it might mean that this led nowhere.
        """
        if told.failure is not None and told.failure.code == NO_SESSION:
            (told,) = await self.rest.ask_all([Command(HISTORY, {"CHAT_ID": chat})])
        return _Found(chat, *_said_in(chat, told))

    async def _with_earlier(self, found: "_Found", sessions: Sequence[str]) -> "_Found":
        """Read the sessions that cards tell of; one without a word may not be seen."""
        asked = [
            Command(HISTORY, {"SESSION_ID": session})
            for session in sessions
            if session and session != found.session
        ]
        if not asked:
            return found
        who, *told = await self.rest.ask_all([Command("profile"), *asked])
        earlier = (each for part in told for each in _messages(_unless_absent(part, who)))
        return replace(found, said=(*earlier, *found.said))

    async def sessions(self, begins: str) -> tuple[SessionActivity, ...]:
        """Return the sessions of dialogs whose code begins so, the newest first."""
        return _sessions_in(await self.rest.ask_all(PAGES), begins)

    async def _last(self, chat: str) -> tuple[HistoryMessage, ...]:
        (told,) = await self.rest.ask_all([Command(HISTORY, {"CHAT_ID": chat})])
        _, said = _said_in(chat, told)
        return said


@dataclass(frozen=True, slots=True)
class _Found:
    """A dialog as it was seen: its chat, its last session, and what was said."""

    chat: str = ""
    session: str = ""
    said: tuple[HistoryMessage, ...] = ()

    def names(self, name: str) -> bool:
        return any(name in each.params.ours for each in self.said)


def _sessions_in(pages: Sequence[Part], begins: str) -> tuple[SessionActivity, ...]:
    """Codes cannot be searched for, so the newest sessions of the portal are looked through."""
    seen = [each for rows in results_of(pages) for each in all_of(SessionActivity, rows)]
    found = {each.session: each for each in seen if each.params.code.startswith(begins)}
    return tuple(found.values())[:MOST_SESSIONS]


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


def _said_in(chat: str, told: Part) -> tuple[str, tuple[HistoryMessage, ...]]:
    """Read the last session of a chat, if it has one; one that is there has words in it.

    Raises: `ProviderError`; what is refused, or is of another chat, proves nothing.
    """
    if told.failure is not None and told.failure.code == NO_SESSION:
        return "", ()
    if told.failure is not None and not isinstance(told.failure, Blocked | Permanent):
        raise ProviderError(told.failure)
    shown = told.result if isinstance(told.result, dict) else {"chatId": ""}
    if str(shown.get("chatId", chat)) != chat:
        raise ProviderError(Ambiguous(code="bitrix24.history_closed"))
    return str(shown.get("sessionId", "")), _messages(shown)


def _messages(told: Any) -> tuple[HistoryMessage, ...]:
    found = told.get("message") if isinstance(told, dict) else None
    return all_of(HistoryMessage, found) if found else ()


def _order(message: HistoryMessage) -> int:
    return int(message.id) if message.id.isdecimal() else 0
