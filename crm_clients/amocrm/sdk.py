"""The account's catalogue, read through the amocrm-api package.

The package is synchronous, talks through `requests`, keeps one session and one token for the whole
process, knows no host but `amocrm.ru`, and has neither timeouts nor limits. Its *interactions*,
the layer below its models, accept a session and a token manager: they get ours, one pair per call,
and nothing above that layer is used. So paging is the package's, while addresses, limits, traces
and failures stay the gateway's.

It runs in a thread, since it blocks; each request of it is handed back to the loop that waits.
Source: PyPI amocrm-api 2.6.1, `amocrm/v2/interaction.py`.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from crm_clients.amocrm.rest import Rest, garbled
from mappers.vocabulary import (
    Catalogue,
    Field,
    FieldKind,
    HttpReply,
    Operator,
    Pipeline,
    ProviderError,
    Transient,
)

API = "/api/v4/"
# A page may wait for its turn in the budget behind operators' replies.
LONGEST_WAIT_S = 300.0
# Types that are not here hold objects, which no mapping can write. Source: custom-fields, types.
KINDS: Mapping[str, FieldKind] = {
    **dict.fromkeys(("text", "textarea", "url", "streetaddress", "multitext"), "text"),
    **dict.fromkeys(("numeric", "price", "monetary"), "number"),
    **dict.fromkeys(("select", "radiobutton", "multiselect", "category"), "choice"),
    "checkbox": "boolean",
    "date": "date",
    "birthday": "date",
    "date_time": "moment",
}
LISTS = frozenset({"multitext", "multiselect"})


async def read_catalogue(rest: Rest) -> Catalogue:
    """Read everything a mapping may name. Raises: `ProviderError`."""
    session = Session(rest, asyncio.get_running_loop())
    zone = await _zone(rest)
    return replace(await asyncio.to_thread(_read, session), zone=zone)


async def _zone(rest: Rest) -> str:
    """The account's time zone. Source: account, `with=datetime_settings`."""
    asked = {"with": "datetime_settings"}
    reply = await rest.raw("GET", "account", "catalogue", params=asked)
    return str(reply.at("_embedded", "datetime_settings", "timezone") or "UTC")


@dataclass(frozen=True, slots=True)
class Token:
    """Answers the two questions that the package asks of its token manager.

    The subdomain only fills a template whose host `Session` throws away.
    """

    subdomain: str = "account"

    def get_access_token(self) -> str:
        """Nothing: the true token is put in by `Rest`, and the package never sees it."""
        return ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Looks enough like `requests.Response`."""

    reply: HttpReply

    @property
    def status_code(self) -> int:
        return self.reply.status

    def json(self) -> Any:
        return self.reply.value()


@dataclass(frozen=True, slots=True)
class Session:
    """Looks enough like `requests.Session`; called in a thread, it speaks through the loop's port.

    Every refusal is raised here as `ProviderError`, so the package's own errors, which fold a
    limit, a missing object and a broken server into one class, never come about.
    """

    rest: Rest = field(repr=False)
    loop: asyncio.AbstractEventLoop = field(repr=False)

    def request(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002  # the package's own, token included
    ) -> Answer:
        path = urlsplit(url).path.removeprefix(API)
        given = {name: value for name, value in (params or {}).items() if value is not None}
        sending = self.rest.raw(method.upper(), path, "catalogue", json=json, params=given)
        waiting = asyncio.run_coroutine_threadsafe(sending, self.loop)
        try:
            return Answer(waiting.result(LONGEST_WAIT_S))
        except TimeoutError:
            waiting.cancel()
            raise ProviderError(Transient(code="amocrm.catalogue_too_slow")) from None


def _read(session: Session) -> Catalogue:
    interaction = _interaction_class()
    token = Token()

    def every(path: str, name: str, include: tuple[str, ...] = ()) -> list[Mapping[str, Any]]:
        reader = interaction(token_manager=token, session=session, path=path, field=name)
        return list(reader.get_all(include=include or None))

    try:
        return Catalogue(
            pipelines=tuple(_pipelines(every("leads/pipelines", "pipelines"))),
            operators=tuple(_operators(every("users", "users", ("amojo_id",)))),
            fields=(
                *_fields("contact", every("contacts/custom_fields", "custom_fields")),
                *_fields("deal", every("leads/custom_fields", "custom_fields")),
            ),
            tags=tuple(_tags(every("leads/tags", "tags"), every("contacts/tags", "tags"))),
        )
    except (KeyError, TypeError, AttributeError):
        # The package takes a page for granted: whatever else came is half of an answer.
        raise ProviderError(garbled(repeatable=True)) from None


def _interaction_class() -> Any:
    """Import the package as late as its first use, and without its manners.

    On import it hangs a handler that prints everything, debug level, on its logger; one that is
    there already keeps it from doing so.
    """
    logger = logging.getLogger("amocrm")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    from amocrm.v2.interaction import GenericInteraction  # noqa: PLC0415  # see above

    return GenericInteraction


def _pipelines(found: Iterable[Mapping[str, Any]]) -> Iterable[Pipeline]:
    """Archived pipelines take no deals; the stage of unsorted deals cannot be chosen."""
    for each in found:
        if each.get("is_archive"):
            continue
        statuses = each["_embedded"]["statuses"]
        stages = tuple((str(one["id"]), str(one["name"])) for one in statuses if one["type"] != 1)
        yield Pipeline(
            id=str(each["id"]),
            title=str(each["name"]),
            stages=stages,
            is_main=bool(each.get("is_main")),
        )


def _operators(found: Iterable[Mapping[str, Any]]) -> Iterable[Operator]:
    """Operators by the id under which their replies name them; one without chats has another."""
    for each in found:
        if (each.get("rights") or {}).get("is_active", True):
            yield Operator(
                id=str(each.get("amojo_id") or each["id"]),
                name=str(each["name"]),
                user=str(each["id"]),
            )


def _fields(
    entity: Literal["contact", "deal"], found: Iterable[Mapping[str, Any]]
) -> Iterable[Field]:
    for each in found:
        choices = each.get("enums") or ()
        yield Field(
            id=str(each["id"]),
            title=str(each["name"]),
            entity=entity,
            type=str(each["type"]),
            code=str(each.get("code") or ""),
            choices=tuple((str(one["id"]), str(one["value"])) for one in choices),
            kind=KINDS.get(str(each["type"]), "other"),
            read_only=bool(each.get("is_computed")),
            multiple=each["type"] in LISTS,
        )


def _tags(*found: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Tags of deals and of contacts are two dictionaries; a name is offered once."""
    return dict.fromkeys(str(tag["name"]) for tags in found for tag in tags)
