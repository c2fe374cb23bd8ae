"""Calls of a portal's REST API, and what its answers mean.

The key `error` in an answer is the refusal, whatever the status and even if its value is empty; a
status alone proves nothing. Only Bitrix24's own refusals prove that nothing was done: a page of
HTML, an empty body and the two words for a crash leave it open.

Source: apidocs.bitrix24.com/{error-codes, limits, settings/how-to-call-rest-api}.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from crm_clients.bitrix24.batch import MOST, STOPS_NOWHERE, Command, Part, key_of
from crm_clients.bitrix24.oauth import USER_AGENT, Application, Config, portal_base
from crm_clients.bitrix24.pace import (
    BUCKET_LEAKS_IN,
    OPERATING_BUCKET,
    budgets_of,
    terms_of,
    terms_of_batch,
)
from mappers.vocabulary import (
    Ambiguous,
    AuthExpired,
    Blocked,
    Failure,
    Gone,
    Http,
    HttpCall,
    HttpReply,
    Permanent,
    ProviderError,
    RateLimited,
    Transient,
)

ModelT = TypeVar("ModelT", bound=BaseModel)
# A call may not outlast the lease of whoever makes it.
PATIENCE = timedelta(seconds=15)
# Rows on a page of a list, and a start at which none of them are counted.
PAGE, WITHOUT_COUNTING = 50, -1
SIGN_IN_ENDED = frozenset(
    {"expired_token", "invalid_token", "no_auth_found", "authorization_error", "not_installed"}
)
SHUT: Mapping[str, str] = MappingProxyType(
    {
        "insufficient_scope": "scope",
        "invalid_scope": "scope",
        "access_denied": "access_denied",
        "invalid_credentials": "access_denied",
        "user_access_error": "access_denied",
        "allowed_only_intranet_user": "access_denied",
        "wrong_auth_type": "application_required",
        "wrong_license": "plan",
        "payment_required": "plan",
        "method_confirm_waiting": "not_confirmed",
        "method_confirm_denied": "not_confirmed",
        "error_method_not_found": "no_method",
        "overload_limit": "overloaded",
        "portal_deleted": "portal_deleted",
        "not_active_line": "line_inactive",
        "imconnector_no_correct_provider": "no_connector",
    }
)
ABSENT = frozenset({"not_found", "owner_not_found", "error_not_found"})
CRASHES = frozenset({"internal_server_error", "error_unexpected_answer"})
MAY_HIDE_CRASHES = frozenset({"error_core"})
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Rest:
    """One portal's REST API, spoken to as our application or through a webhook."""

    config: Config
    application: Application | None
    http: Http = field(repr=False)

    async def ask(
        self, method: str, params: Mapping[str, Any] | None = None, *, gone: Gone = ""
    ) -> Any:
        """Read, or write what may be written twice; return `result`."""
        return await self._send(method, params or {}, repeatable=True, gone=gone)

    async def make(self, method: str, params: Mapping[str, Any], *, gone: Gone = "") -> Any:
        """Write what must not be written twice; return `result`."""
        return await self._send(method, params, repeatable=False, gone=gone)

    async def ask_all(self, commands: Sequence[Command]) -> tuple[Part, ...]:
        """Do in few calls what may be done twice; return what became of each, in order."""
        found: list[Part] = []
        for begin in range(0, len(commands), MOST):
            found += await self._send_all(commands[begin : begin + MOST], repeatable=True)
        return tuple(found)

    async def make_all(self, commands: Sequence[Command]) -> tuple[Part, ...]:
        """Do in one call what must not be done twice. A lost answer is doubt about each."""
        return await self._send_all(commands, repeatable=False)

    async def _send(
        self, method: str, params: Mapping[str, Any], *, repeatable: bool, gone: Gone
    ) -> Any:
        call = self._call(method, params, repeatable=repeatable)
        reply = await self._answer(replace(call, terms=terms_of(method)), method)
        if failure := failure_in(reply, repeatable=repeatable, gone=gone):
            raise ProviderError(failure)
        return reply.at("result")

    async def _send_all(self, commands: Sequence[Command], *, repeatable: bool) -> tuple[Part, ...]:
        asked = {key_of(at): command for at, command in enumerate(commands)}
        methods = {key: command.method for key, command in asked.items()}
        spelt = {key: command.spelt() for key, command in asked.items()}
        params = {"halt": STOPS_NOWHERE, "cmd": spelt}
        call = self._call("batch", params, repeatable=repeatable, inside=methods.values())
        reply = await self._answer(replace(call, terms=terms_of_batch(methods)), "batch")
        if failure := failure_in(reply, repeatable=repeatable):
            raise ProviderError(failure)
        told = reply.at("result")
        return tuple(
            part_in(told, key, repeatable=repeatable, gone=each.gone) for key, each in asked.items()
        )

    def _call(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        repeatable: bool,
        inside: Collection[str] = (),
    ) -> HttpCall:
        key = self.config.key
        auth = {} if key else {"auth": self.config.access_token.get_secret_value()}
        return HttpCall(
            method="POST",
            url=f"{self.config.base}/rest/{self._named(method)}",
            label=f"bitrix24.{method}",
            headers={"user-agent": USER_AGENT},
            json={**params, **auth},
            timeout=PATIENCE,
            repeatable=repeatable,
            budgets=budgets_of(inside or (method,)),
        )

    def _named(self, method: str) -> str:
        return f"{self.config.key}/{method}" if self.config.key else method

    async def _answer(self, call: HttpCall, method: str) -> HttpReply:
        """A portal that was renamed answers at its old name with the new one, and does nothing.

        Whoever follows a redirect blindly loses the body of the call, or gives it to a stranger.
        """
        reply = await self.http.send(call)
        if 300 <= reply.status < 400:
            named = self._named(method)
            base = moved_to(reply, named, self.application)
            return await self.http.send(replace(call, url=f"{base}/rest/{named}"))
        return reply


def results_of(parts: Sequence[Part]) -> tuple[Any, ...]:
    """Return what each part of a batch brought. Raises: `ProviderError` of the first refusal."""
    return tuple(part.told() for part in parts)


def moved_to(reply: HttpReply, named: str, application: Application | None) -> str:
    """Return the portal's new address. Raises: `ProviderError` when nobody vouches for it."""
    base, found, rest = reply.headers.get("location", "").rpartition(f"/rest/{named}")
    try:
        if found and not rest:
            return portal_base(base, application)
    except ValueError:
        pass
    raise ProviderError(Blocked(code="bitrix24.portal_moved", by="provider"))


def failure_in(reply: HttpReply, *, repeatable: bool, gone: Gone = "") -> Failure | None:
    """Read an answer. `gone` says what it is that a refusal can miss."""
    body = reply.value()
    if not isinstance(body, dict):
        return _without_words(reply, repeatable=repeatable)
    if "error" not in body:
        is_success = 200 <= reply.status < 300 and "result" in body
        return None if is_success else garbled(repeatable=repeatable)
    return refusal_in(body, reply.status, repeatable=repeatable, gone=gone)


def refusal_in(
    told: Mapping[str, Any], status: int = 200, *, repeatable: bool, gone: Gone = ""
) -> Failure:
    """Read a refusal of the portal's own: of a call or, without a status, of a part of one."""
    code = told.get("error")
    detail = str(told.get("error_description") or "")[:500]
    named = code if isinstance(code, str) else str(code)
    return _refusal(named, status, detail, repeatable=repeatable, gone=gone)


def part_in(told: Any, key: str, *, repeatable: bool, gone: Gone = "") -> Part:
    """Read what became of one command. No status tells a crash from a refusal in there."""
    refused, done = (_inside(told, name) for name in ("result_error", "result"))
    if key in refused:
        error = refused[key]
        if not isinstance(error, dict) or "error" not in error:
            return Part(failure=garbled(repeatable=repeatable))
        status = 500 if str(error["error"]).lower() in MAY_HIDE_CRASHES else 200
        return Part(failure=refusal_in(error, status, repeatable=repeatable, gone=gone))
    if key not in done:
        return Part(failure=garbled(repeatable=repeatable))
    total, time = str(_inside(told, "result_total").get(key)), _inside(told, "result_time").get(key)
    at = str(time.get("date_start") or "") if isinstance(time, dict) else ""
    return Part(done[key], total=int(total) if total.isdecimal() else 0, at=at)


def _inside(told: Any, name: str) -> Mapping[str, Any]:
    found = told.get(name) if isinstance(told, dict) else None
    return found if isinstance(found, dict) else {}


def _refusal(code: str, status: int, detail: str, *, repeatable: bool, gone: Gone) -> Failure:
    match code.lower():
        case word if word in SIGN_IN_ENDED:
            return AuthExpired(code=f"bitrix24.{word}", detail=detail)
        case word if word in SHUT:
            return Blocked(code=f"bitrix24.{SHUT[word]}", detail=detail, by="provider")
        case "query_limit_exceeded":
            return RateLimited(code="bitrix24.too_fast", detail=detail, retry_after=BUCKET_LEAKS_IN)
        case "operation_time_limit":
            return RateLimited(
                code="bitrix24.too_long", detail=detail, retry_after=OPERATING_BUCKET
            )
        case word if word in CRASHES or status >= 500:
            unsure = Transient if repeatable else Ambiguous
            return unsure(code="bitrix24.crashed", detail=detail)
        case word if word in ABSENT:
            return Permanent(code="bitrix24.not_found", detail=detail, gone=gone)
        case _:
            named = f".{code}" if _WORD.fullmatch(code) else ""
            return Permanent(code=f"bitrix24.invalid{named}", detail=detail)


def _without_words(reply: HttpReply, *, repeatable: bool) -> Failure:
    """Somebody in front of REST answered: a proxy, or the page of a portal that is not paid."""
    match reply.status:
        case 401 | 403:
            return Blocked(code="bitrix24.plan", by="provider")
        case 404 | 410:
            return Blocked(code="bitrix24.no_portal", by="provider")
        case 429:
            return RateLimited(code="bitrix24.too_fast", retry_after=BUCKET_LEAKS_IN)
        case _:
            return garbled(repeatable=repeatable)


def garbled(*, repeatable: bool) -> Failure:
    """An answer that cannot be read is doubt, unless asking again changes nothing."""
    return (Transient if repeatable else Ambiguous)(code="bitrix24.garbled")


def only_of(model: type[ModelT], value: Any, *, repeatable: bool = True) -> ModelT:
    """Read one thing out of an answer."""
    try:
        return model.model_validate(value)
    except ValidationError:
        raise ProviderError(garbled(repeatable=repeatable)) from None


def all_of(model: type[ModelT], value: Any) -> tuple[ModelT, ...]:
    """Read a list, which may be a map by its indexes."""
    if not isinstance(value, list | dict):
        raise ProviderError(garbled(repeatable=True))
    found = value.values() if isinstance(value, dict) else value
    return tuple(only_of(model, each) for each in found)


def created_id(value: Any) -> str:
    """Read the id of what was made; without it the creation is in doubt."""
    if isinstance(value, bool) or not str(value).isdecimal() or int(value) == 0:
        raise ProviderError(garbled(repeatable=False))
    return str(value)


def number(given: str, gone: Gone) -> int:
    """Turn an id of ours into Bitrix24's number; anything else names a thing it never had."""
    if not (given.isascii() and given.isdigit() and len(given) < 20):
        raise ProviderError(Permanent(code="bitrix24.not_an_id", gone=gone))
    return int(given)
