"""Calls of an account's REST API, and what its refusals mean.

amoCRM answers "nothing" with 204 and no body, refuses in three shapes of JSON and, from the web
server in front, in HTML. So the status decides and the body only sharpens.

Source: amocrm.ru/developers/content/crm_platform/error-codes; the HTML pages of 403 and 429 are
reported in amocrm/amocrm-api-php #434, #517.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from crm_clients.amocrm.oauth import USER_AGENT, Config
from mappers.vocabulary import (
    Ambiguous,
    Blocked,
    Failure,
    Gone,
    Http,
    HttpCall,
    HttpReply,
    Permanent,
    ProviderError,
    Transient,
    usual_failure,
)

ModelT = TypeVar("ModelT", bound=BaseModel)
_WORD = re.compile(r"[A-Za-z]{1,40}")


@dataclass(frozen=True, slots=True)
class Rest:
    """One account's REST API. `client_id` is empty where no registration of ours is used."""

    config: Config
    client_id: str
    http: Http = field(repr=False)

    async def get(
        self, path: str, label: str, params: Mapping[str, Any] | None = None, *, gone: Gone = ""
    ) -> HttpReply:
        """Read. An answer without a body means that there is nothing."""
        call = self._call("GET", path, label, params=params or {}, repeatable=True)
        return await self._send(call, gone)

    async def post(
        self,
        path: str,
        label: str,
        json: Any,
        *,
        repeatable: bool = False,
        gone: Gone = "",
    ) -> HttpReply:
        return await self._send(
            self._call("POST", path, label, json=json, repeatable=repeatable), gone
        )

    async def patch(self, path: str, label: str, json: Any, *, gone: Gone = "") -> HttpReply:
        """Write absolute values, which is safe to repeat."""
        return await self._send(self._call("PATCH", path, label, json=json, repeatable=True), gone)

    async def delete(self, path: str, label: str, json: Any = None) -> HttpReply:
        return await self._send(self._call("DELETE", path, label, json=json, repeatable=True), "")

    async def raw(self, method: str, path: str, label: str, **parts: Any) -> HttpReply:
        """Send for the package behind `sdk`, which builds its own paths and parameters."""
        repeatable = method in {"GET", "PATCH"}
        return await self._send(self._call(method, path, label, repeatable=repeatable, **parts), "")

    def _call(
        self, method: str, path: str, label: str, *, repeatable: bool, **parts: Any
    ) -> HttpCall:
        token = self.config.access_token.get_secret_value()
        return HttpCall(
            method=method,
            url=f"{self.config.base}/api/v4/{path}",
            label=f"amocrm.{label}",
            headers={
                "authorization": f"Bearer {token}",
                "user-agent": USER_AGENT,
                **({"x-client-uuid": self.client_id} if self.client_id else {}),
            },
            repeatable=repeatable,
            budgets=("rest",),
            **parts,
        )

    async def _send(self, call: HttpCall, gone: Gone) -> HttpReply:
        reply = await self.http.send(call)
        if failure := failure_in(reply, repeatable=call.repeatable, gone=gone):
            raise ProviderError(failure)
        if reply.status != 204 and reply.body.strip() and reply.value() is None:
            raise ProviderError(garbled(repeatable=call.repeatable))
        return reply


def failure_in(reply: HttpReply, *, repeatable: bool, gone: Gone = "") -> Failure | None:
    """Sharpen the usual reading of a status with what amoCRM adds.

    `gone` says what a 404, or a complaint about the id in a batch, was about.
    """
    usual = usual_failure(reply, repeatable=repeatable)
    detail = usual.detail if usual else ""
    match usual, reply.status:
        case None, _:
            return None
        case _, 402:
            return Blocked(code="amocrm.payment_required", detail=detail, by="provider")
        case _, 403 if reply.value() is None:
            # The page of nginx: amoCRM shut us out for calling too fast, until support is asked.
            return Blocked(code="amocrm.blocked", detail=detail, by="provider")
        case _, 403:
            return Blocked(code="amocrm.forbidden", detail=detail, by="provider")
        case _, status if 300 <= status < 400:
            return Blocked(code="amocrm.account_moved", detail=detail, by="provider")
        case Permanent() as failure, 400:
            return _sharpened(failure, reply, _gone(reply, gone))
        case Permanent() as failure, 404:
            return replace(failure, gone=gone)
        case failure, _:
            return failure


def garbled(*, repeatable: bool) -> Failure:
    """A success that cannot be read is doubt, unless asking again changes nothing."""
    return (Transient if repeatable else Ambiguous)(code="amocrm.garbled_success")


def only_of(model: type[ModelT], value: Any, *, repeatable: bool = True) -> ModelT:
    """Read one thing out of an answer."""
    try:
        return model.model_validate(value)
    except ValidationError:
        raise ProviderError(garbled(repeatable=repeatable)) from None


def all_of(model: type[ModelT], reply: HttpReply, *path: str) -> tuple[ModelT, ...]:
    """Read a list under `_embedded`. 204, the empty list, has no body."""
    if reply.status == 204 or not reply.body.strip():
        return ()
    found = reply.at("_embedded", *path)
    if not isinstance(found, list):
        raise ProviderError(garbled(repeatable=True))
    return tuple(only_of(model, item) for item in found)


def created_id(reply: HttpReply, entity: str) -> str:
    """Read the id that a batch of one was given; without it the creation is in doubt."""
    made = reply.at("_embedded", entity, 0, "id")
    if not isinstance(made, int) or isinstance(made, bool):
        raise ProviderError(garbled(repeatable=False))
    return str(made)


def number(given: str, gone: Gone) -> int:
    """Turn an id of ours into amoCRM's number; anything else names a thing it never had."""
    if not (given.isascii() and given.isdigit() and len(given) < 20):
        raise ProviderError(Permanent(code="amocrm.not_an_id", gone=gone))
    return int(given)


def _mistakes(reply: HttpReply) -> list[Mapping[str, Any]]:
    """Collect the mistakes of a refusal, whichever of the three shapes it came in."""
    body = reply.value()
    if not isinstance(body, dict):
        return []
    listed = body.get("validation-errors") or body.get("errors") or ()
    found: list[Any] = []
    for item in listed if isinstance(listed, Sequence) else (listed,):
        inner = item.get("errors", item) if isinstance(item, dict) else None
        found.extend(inner if isinstance(inner, list) else [inner])
    return [mistake for mistake in found if isinstance(mistake, dict)]


def _code_of_refusal(reply: HttpReply) -> str:
    codes = [mistake.get("code") for mistake in _mistakes(reply)]
    named = [code for code in codes if isinstance(code, str) and _WORD.fullmatch(code)]
    return f"amocrm.invalid.{named[0]}" if named else "amocrm.invalid"


def _sharpened(failure: Permanent, reply: HttpReply, gone: Gone) -> Permanent:
    is_about_user = gone == "responsible"
    code = "amocrm.no_such_user" if is_about_user else _code_of_refusal(reply)
    return replace(failure, code=code, gone=gone)


def _gone(reply: HttpReply, gone: Gone) -> Gone:
    """Tell a complaint about an id we named, a user's among them, from one about a value."""
    ids = ("contact_id", "entity_id", "_embedded.contacts.0.id", "id")
    paths = [str(mistake.get("path", "")) for mistake in _mistakes(reply)]
    is_about_id = any(path == each or path.endswith(f".{each}") for path in paths for each in ids)
    # `custom_fields_values.0.field_id` and the like end differently, on purpose.
    if is_about_id and gone:
        return gone
    is_about_user = any(path.endswith("responsible_user_id") for path in paths)
    return "responsible" if is_about_user else ""
