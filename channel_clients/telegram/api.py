"""The Bot API's methods, described, and the one way to call them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar

from pydantic import ValidationError

from channel_clients.telegram import wire
from channel_clients.telegram.config import Config
from channel_clients.telegram.failures import failure_in
from mappers.multipart import FilePart, multipart
from mappers.vocabulary import Ambiguous, Http, HttpCall, ProviderError, Transient

ResultT = TypeVar("ResultT")
LISTEN_FOR = timedelta(seconds=50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method(Generic[ResultT]):
    """`repeatable` says what `HttpCall.repeatable` says: twice is the same as once."""

    name: str
    answer: type[wire.Answer[ResultT]]
    repeatable: bool
    timeout: timedelta = timedelta(seconds=10)


Done = wire.Answer[Literal[True]]
GET_ME = Method(name="getMe", answer=wire.Answer[wire.User], repeatable=True)
GET_UPDATES = Method(
    name="getUpdates",
    answer=wire.Answer[tuple[wire.Numbered, ...]],
    repeatable=True,
    timeout=LISTEN_FOR + timedelta(seconds=10),
)
GET_WEBHOOK = Method(name="getWebhookInfo", answer=wire.Answer[wire.WebhookInfo], repeatable=True)
SET_WEBHOOK = Method(name="setWebhook", answer=Done, repeatable=True)
DELETE_WEBHOOK = Method(name="deleteWebhook", answer=Done, repeatable=True)
GET_FILE = Method(name="getFile", answer=wire.Answer[wire.FileFound], repeatable=True)
# Longer than this no worker is sure to be the only one, and the call would never be begun.
FILE_TAKES = timedelta(seconds=20)


def _sending(name: str, timeout: timedelta = timedelta(seconds=10)) -> Method[wire.Sent]:
    return Method(name=name, answer=wire.Answer[wire.Sent], repeatable=False, timeout=timeout)


def _editing(name: str) -> Method[wire.Sent | Literal[True]]:
    answer = wire.Answer[wire.Sent | Literal[True]]
    return Method(name=name, answer=answer, repeatable=True)


SEND_MESSAGE = _sending("sendMessage")
SEND_LOCATION = _sending("sendLocation")
SEND_VENUE = _sending("sendVenue")
SEND_CONTACT = _sending("sendContact")
SEND_PHOTO = _sending("sendPhoto", FILE_TAKES)
SEND_VIDEO = _sending("sendVideo", FILE_TAKES)
SEND_AUDIO = _sending("sendAudio", FILE_TAKES)
SEND_VOICE = _sending("sendVoice", FILE_TAKES)
SEND_DOCUMENT = _sending("sendDocument", FILE_TAKES)
SEND_GROUP = Method(
    name="sendMediaGroup",
    answer=wire.Answer[tuple[wire.Sent, ...]],
    repeatable=False,
    timeout=FILE_TAKES,
)
EDIT_TEXT = _editing("editMessageText")
EDIT_CAPTION = _editing("editMessageCaption")
ANSWER_PRESS = Method(
    name="answerCallbackQuery", answer=Done, repeatable=True, timeout=timedelta(seconds=5)
)
DELETE_BUSINESS = Method(name="deleteBusinessMessages", answer=Done, repeatable=True)
SEND_ACTION = Method(
    name="sendChatAction", answer=Done, repeatable=True, timeout=timedelta(seconds=3)
)
SET_REACTION = Method(name="setMessageReaction", answer=Done, repeatable=True)
DELETE_MESSAGE = Method(name="deleteMessage", answer=Done, repeatable=True)


@dataclass(frozen=True, slots=True)
class BotApi:
    config: Config
    http: Http

    async def call(
        self,
        method: Method[ResultT],
        form: Mapping[str, Any] | None = None,
        files: Sequence[FilePart] = (),
        *,
        budgets: tuple[str, ...] = ("bot",),
    ) -> ResultT:
        """Return what the method returns. `files` are uploaded with the form.

        Raises: `ProviderError`.
        """
        token = self.config.token.get_secret_value()
        call = HttpCall(
            method="POST",
            url=f"{self.config.api_base}/bot{token}/{method.name}",
            label=f"telegram.{method.name}",
            json=dict(form or {}),
            timeout=method.timeout,
            repeatable=method.repeatable,
            budgets=budgets,
        )
        reply = await self.http.send(_with_files(call, files) if files else call)
        if failure := failure_in(reply, repeatable=method.repeatable):
            raise ProviderError(failure)
        try:
            return method.answer.model_validate_json(reply.body).result
        except ValidationError:
            unsure = Transient if method.repeatable else Ambiguous
            raise ProviderError(unsure(code="telegram.garbled_success")) from None


def _with_files(call: HttpCall, files: Sequence[FilePart]) -> HttpCall:
    """Make a multipart form of the call; in it whatever is no text is spelt as JSON."""
    fields = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in call.json.items()
    }
    kind, content = multipart(fields, files)
    return replace(call, json=None, headers={"content-type": kind}, content=content)
