"""What was said in dialogs: where a lost message is looked for, and a missed reply read back.

A dialog is one chat with one session after another, and a history shows one session. Of a chat it
shows the last; earlier ones are known by what their line put on cards.

Open lines refuse what is not there and what may not be seen in the same words. An administrator may
see everything, so to one of them the words have one meaning.

Source: apidocs.bitrix24.com/api-reference/imopenlines/openlines/sessions; refusals, and codes of
dialogs in activities: bitrix kernel, as reported by integrators.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crm_clients.bitrix24.rest import PAGE, Rest, all_of, only_of
from crm_clients.bitrix24.wire import HistoryMessage, Profile, SessionActivity
from mappers.vocabulary import Ambiguous, Blocked, Permanent, ProviderError

MOST_PAGES = 4
MOST_SESSIONS = 4
NO_SESSION = "bitrix24.invalid.INVALID_SESSION_ID"


@dataclass(frozen=True, slots=True)
class History:
    """Dialogs of a portal, each named by the chat it is, or by its code.

    The last part of a code is a number of the portal's, as its kernel has it, or the channel's own
    id, as its documentation says: a dialog has as many codes as there may be.
    """

    rest: Rest = field(repr=False)

    async def holds(self, codes: Sequence[str], name: str) -> bool:
        """Say whether a message of ours is in a dialog, which may not have begun."""
        chat = await self.chat_of(codes)
        if not chat:
            return False
        if await self.chat_holds(chat, name):
            return True
        return any(name in each.params.ours for each in await self._earlier(codes))

    async def chat_holds(self, chat: str, name: str) -> bool:
        return any(name in each.params.ours for each in await self._last(chat))

    async def said_in(self, codes: Sequence[str]) -> tuple[HistoryMessage, ...]:
        """Return what was said in the last sessions of a dialog, the oldest first."""
        chat = await self.chat_of(codes)
        if not chat:
            return ()
        said = (*await self._earlier(codes), *await self._last(chat))
        return tuple(sorted({each.id: each for each in said}.values(), key=_order))

    async def chat_of(self, codes: Sequence[str]) -> str:
        """Return the chat of a dialog; empty when it has none yet."""
        for code in codes:
            found = await self._unless_absent("imopenlines.session.open", {"USER_CODE": code})
            if isinstance(found, dict) and found.get("chatId"):
                return str(found["chatId"])
        return ""

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
        """Read the last session of a chat, if it has one; one that is there has words in it."""
        asked = {"CHAT_ID": chat}
        try:
            return _messages(await self.rest.ask("imopenlines.session.history.get", asked))
        except ProviderError as refused:
            if refused.failure.code == NO_SESSION:
                return ()
            if isinstance(refused.failure, Blocked | Permanent):
                raise ProviderError(Ambiguous(code="bitrix24.history_closed")) from refused
            raise

    async def _earlier(self, codes: Sequence[str]) -> tuple[HistoryMessage, ...]:
        """Read the sessions that cards tell of; one without a word may not be seen."""
        found: list[HistoryMessage] = []
        begins = codes[0].rpartition("|")[0]
        for each in await self.sessions(f"{begins}|"):
            if each.params.code in codes and each.session:
                asked = {"SESSION_ID": each.session}
                told = await self._unless_absent("imopenlines.session.history.get", asked)
                found += _messages(told)
        return tuple(found)

    async def _unless_absent(self, method: str, params: Mapping[str, Any]) -> Any:
        """Ask; None when there is nothing. Raises: `ProviderError` when nobody can tell."""
        try:
            return await self.rest.ask(method, params)
        except ProviderError as refused:
            if refused.failure.code != "bitrix24.access_denied":
                raise
        if not only_of(Profile, await self.rest.ask("profile")).is_admin:
            raise ProviderError(Blocked(code="bitrix24.not_an_administrator", by="provider"))
        return None


def _messages(told: Any) -> tuple[HistoryMessage, ...]:
    found = told.get("message") if isinstance(told, dict) else None
    return all_of(HistoryMessage, found) if found else ()


def _order(message: HistoryMessage) -> int:
    return int(message.id) if message.id.isdecimal() else 0
