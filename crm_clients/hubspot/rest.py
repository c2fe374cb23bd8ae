"""Calls of HubSpot's API for one portal, and what its refusals mean.

Every field of a refusal may be missing, so the status decides and the body only sharpens. A success
that cannot be read is doubt.

Source: developers.hubspot.com/docs/api-reference/error-handling, …/docs/api/usage-details; bodies
without a category: the developers' public Slack.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from crm_clients.hubspot.oauth import USER_AGENT, Application, Config
from crm_clients.hubspot.pace import CALLS, SEARCH, terms_of, wait_of
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
    usual_failure,
)

ModelT = TypeVar("ModelT", bound=BaseModel)
# A call may not outlast the lease of whoever makes it.
PATIENCE = timedelta(seconds=15)
MISSING_SCOPE = "hubspot.missing_scope"
KINDS: Mapping[str, Gone] = MappingProxyType(
    {"CONTACT": "record", "DEAL": "deal", "TICKET": "deal"}
)
SCOPE_KEYS = ("requiredGranularScopes", "requiredScopes")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_SCOPE = re.compile(r"[A-Za-z0-9_.-]{1,80}")


@dataclass(frozen=True, slots=True)
class Rest:
    """One portal's API. Paths are those of `versions.path`.

    `gone` says what a 404, or a complaint about a card that we named, was about; `kept` are the
    statuses of refusals that the caller reads itself.
    """

    config: Config
    application: Application | None
    http: Http = field(repr=False)
    kept: frozenset[int] = frozenset()

    def keeping(self, *statuses: int) -> "Rest":
        """Return these refusals as answers."""
        return replace(self, kept=frozenset(statuses))

    async def get(
        self,
        path: str,
        label: str,
        params: Mapping[str, Any] | None = None,
        *,
        gone: Gone = "",
    ) -> HttpReply:
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
        call = self._call("POST", path, label, json=json, repeatable=repeatable)
        return await self._send(call, gone)

    async def search(self, path: str, label: str, json: Any) -> HttpReply:
        """Search, which has a budget of its own, and an index that lags behind what was written."""
        call = self._call("POST", path, label, json=json, repeatable=True, budgets=(SEARCH,))
        return await self._send(call, "")

    async def patch(
        self,
        path: str,
        label: str,
        json: Any,
        *,
        params: Mapping[str, Any] | None = None,
        gone: Gone = "",
    ) -> HttpReply:
        """Write absolute values, which is safe to repeat."""
        call = self._call("PATCH", path, label, json=json, params=params or {}, repeatable=True)
        return await self._send(call, gone)

    async def put(self, path: str, label: str, json: Any = None, *, gone: Gone = "") -> HttpReply:
        call = self._call("PUT", path, label, json=json, repeatable=True)
        return await self._send(call, gone)

    async def delete(self, path: str, label: str, *, gone: Gone = "") -> HttpReply:
        call = self._call("DELETE", path, label, repeatable=True)
        return await self._send(call, gone)

    async def upload(
        self, path: str, label: str, content: bytes, content_type: str, *, repeatable: bool
    ) -> HttpReply:
        """Send a form with a file, as `content_type` names its boundary."""
        call = self._call("POST", path, label, content=content, repeatable=repeatable)
        headers = {**call.headers, "content-type": content_type}
        return await self._send(replace(call, headers=headers), "")

    async def as_developer(
        self,
        method: str,
        path: str,
        label: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
    ) -> HttpReply:
        """Call for the registration itself, which its developer key alone may do.

        Raises: `ProviderError`, also where the registration has none.
        """
        ours = self.application
        key = "" if ours is None else ours.developer_key.get_secret_value()
        if ours is None or not key:
            raise ProviderError(Blocked(code="hubspot.no_developer_key", by="provider"))
        asked = {
            **(params or {}),
            "hapikey": key,
            **({"appId": ours.app_id} if ours.app_id else {}),
        }
        repeatable = method != "POST"
        call = self._call(method, path, label, json=json, params=asked, repeatable=repeatable)
        nobodys = {name: value for name, value in call.headers.items() if name != "authorization"}
        return await self._send(replace(call, headers=nobodys), "")

    def _call(
        self,
        method: str,
        path: str,
        label: str,
        *,
        repeatable: bool,
        budgets: tuple[str, ...] = (CALLS,),
        **parts: Any,
    ) -> HttpCall:
        token = self.config.access_token.get_secret_value()
        return HttpCall(
            method=method,
            url=f"{self.config.api_base}{path}",
            label=f"hubspot.{label}",
            headers={"authorization": f"Bearer {token}", "user-agent": USER_AGENT},
            timeout=PATIENCE,
            repeatable=repeatable,
            budgets=budgets,
            terms=terms_of(self.config.zone, self.http.now()),
            **parts,
        )

    async def _send(self, call: HttpCall, gone: Gone) -> HttpReply:
        reply = await self.http.send(call)
        if reply.status in self.kept:
            return reply
        wait = wait_of(reply, self.config.zone, self.http.now())
        failure = failure_in(reply, repeatable=call.repeatable, gone=gone, wait=wait)
        if failure is not None:
            raise ProviderError(failure)
        if reply.body.strip() and reply.value() is None:
            raise ProviderError(garbled(repeatable=call.repeatable))
        return reply


def failure_in(
    reply: HttpReply, *, repeatable: bool, gone: Gone = "", wait: timedelta | None = None
) -> Failure | None:
    """Sharpen the usual reading of a status with what HubSpot adds. `wait` is what it asks for."""
    usual = usual_failure(reply, repeatable=repeatable)
    if usual is None:
        return None
    detail = str(reply.at("message") or "")[:500]
    match reply.status:
        case 401:
            return AuthExpired(code="hubspot.token_refused", detail=detail)
        case 403 if scopes := missing_scopes(reply):
            return Blocked(code=MISSING_SCOPE, detail=" ".join(scopes), by="provider")
        case 403:
            return Blocked(code="hubspot.forbidden", detail=detail, by="provider")
        case 404:
            return Permanent(code="hubspot.not_found", detail=detail, gone=gone)
        case 409:
            return Permanent(code="hubspot.conflict", detail=detail)
        case 423 | 429 | 477 as status:
            return _for_a_while(status, detail, wait)
        case status if status == 408 or status >= 500:
            unsure = Transient if repeatable else Ambiguous
            return unsure(code=f"http.{status}", detail=detail)
        case _:
            return invalid(reply.value(), gone, detail)


def _for_a_while(status: int, detail: str, wait: timedelta | None) -> Failure:
    if status == 423:
        return RateLimited(code="hubspot.locked", detail=detail, retry_after=wait)
    if status == 477:
        return RateLimited(code="hubspot.moving", detail=detail, retry_after=wait)
    return RateLimited(code="hubspot.too_fast", detail=detail, retry_after=wait)


def missing_scopes(reply: HttpReply) -> tuple[str, ...]:
    """Return what scopes a refusal asks for; that it asks at all when it names none."""
    told = [reply.at("context"), *(_in(each, "context") for each in _listed(reply.at("errors")))]
    named = [scope for each in told for key in SCOPE_KEYS for scope in _listed(_in(each, key))]
    known = [each for each in named if isinstance(each, str) and _SCOPE.fullmatch(each)]
    if known or reply.at("category") == "MISSING_SCOPES":
        return tuple(dict.fromkeys(known)) or ("?",)
    return ()


def invalid(told: Any, gone: Gone, detail: str = "") -> Permanent:
    """Read a refusal of what was said: of a call as a whole, or of one input of a batch."""
    mistakes = [each for each in _listed(_in(told, "errors")) if isinstance(each, dict)]
    codes = [str(each.get("code") or "") for each in mistakes]
    code = next((each for each in codes if _WORD.fullmatch(each)), "")
    about = {
        name for each in mistakes for name in _listed(_in(_in(each, "context"), "propertyName"))
    }
    if "hubspot_owner_id" in about:
        return Permanent(code="hubspot.no_such_owner", detail=detail, gone="responsible")
    named = f"hubspot.invalid.{code}" if code else "hubspot.invalid"
    return Permanent(code=named, detail=detail, gone=_missed(told, gone))


def garbled(*, repeatable: bool) -> Failure:
    """A success that cannot be read is doubt, unless asking again changes nothing."""
    return (Transient if repeatable else Ambiguous)(code="hubspot.garbled_success")


def only_of(model: type[ModelT], value: Any, *, repeatable: bool = True) -> ModelT:
    """Read one thing out of an answer."""
    try:
        return model.model_validate(value)
    except ValidationError:
        raise ProviderError(garbled(repeatable=repeatable)) from None


def all_of(model: type[ModelT], reply: HttpReply) -> tuple[ModelT, ...]:
    """Read the results of a list, a search or a batch that only reads."""
    found = reply.at("results")
    if not isinstance(found, list):
        raise ProviderError(garbled(repeatable=True))
    return tuple(only_of(model, each) for each in found)


def after(reply: HttpReply) -> str:
    """Return where the next page begins; empty when this was the last."""
    told = reply.at("paging", "next", "after")
    return str(told) if isinstance(told, str | int) else ""


def checked_id(given: str, gone: Gone) -> str:
    """Refuse what is no id of HubSpot's: it names a thing that never was there."""
    if not (given.isascii() and given.isdigit() and len(given) < 20):
        raise ProviderError(Permanent(code="hubspot.not_an_id", gone=gone))
    return given


def _missed(told: Any, gone: Gone) -> Gone:
    """Tell a complaint about a card that we would be tied to from one about a value."""
    context = _in(told, "context")
    if not _listed(_in(context, "INVALID_OBJECT_IDS")) and "associations are" not in _said(told):
        return ""
    kinds = [str(each).upper() for each in _listed(_in(context, "objectType"))]
    return next((KINDS[each] for each in kinds if each in KINDS), gone)


def _said(told: Any) -> str:
    return str(_in(told, "message")).lower()


def _in(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
