"""The Bot API's methods, described, and the one way to call them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar

from pydantic import ValidationError

from channel_clients.telegram import wire
from channel_clients.telegram.config import Config
from channel_clients.telegram.failures import failure_in
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
SEND_MESSAGE = Method(name="sendMessage", answer=wire.Answer[wire.Sent], repeatable=False)
EDIT_TEXT = Method(
    name="editMessageText", answer=wire.Answer[wire.Sent | Literal[True]], repeatable=True
)
DELETE_MESSAGE = Method(name="deleteMessage", answer=Done, repeatable=True)


@dataclass(frozen=True, slots=True)
class BotApi:
    config: Config
    http: Http

    async def call(
        self,
        method: Method[ResultT],
        form: Mapping[str, Any] | None = None,
        *,
        budgets: tuple[str, ...] = ("bot",),
    ) -> ResultT:
        """Return what the method returns.

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
        reply = await self.http.send(call)
        if failure := failure_in(reply, repeatable=method.repeatable):
            raise ProviderError(failure)
        try:
            return method.answer.model_validate_json(reply.body).result
        except ValidationError:
            unsure = Transient if method.repeatable else Ambiguous
            raise ProviderError(unsure(code="telegram.garbled_success")) from None
