"""The catalogue of what a mapping may read: each path, its kind, and when it is there at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from mappers.mapping.model import Kind
from mappers.vocabulary import AttachmentKind, Direction

FORM = "form."
INBOUND, OUTBOUND = Direction.INBOUND.value, Direction.OUTBOUND.value
TEXT_KIND = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One path. `always` is never empty; `only` is the one direction in which it is ever filled."""

    path: str
    kind: Kind
    about: str
    always: bool = False
    only: str = ""
    choices: tuple[str, ...] = ()


def _of(path: str, about: str, kind: Kind = "text", *, always: bool = False) -> Source:
    return Source(path=path, kind=kind, about=about, always=always)


_ALL = (
    _of("channel.provider", "The channel's name in this build, in lower case.", always=True),
    _of("channel.title", "The channel's name for people.", always=True),
    _of("connection.title", "The title of the channel's connection.", always=True),
    _of("connection.account", "The account's own id at its provider.", always=True),
    _of("contact.name", "The customer's name, as the channel shows it."),
    _of("contact.username", "The customer's handle."),
    _of("contact.language", "The language of the customer's app, such as `ru`."),
    _of("contact.profile_url", "The customer's page."),
    _of("contact.phone", "The first phone that is surely theirs, as E.164."),
    _of("contact.phones", "Every phone that is surely theirs.", "texts"),
    _of("contact.email", "The first e-mail that is surely theirs."),
    _of("contact.emails", "Every e-mail that is surely theirs.", "texts"),
    _of("contact.is_new", "Whether nothing came of this person before.", "boolean", always=True),
    _of("message.text", "What was said."),
    Source(
        path="message.kind",
        kind="text",
        about="The first thing shown, or `text` when nothing is.",
        always=True,
        choices=(TEXT_KIND, *(each.value for each in AttachmentKind)),
    ),
    Source(
        path="message.direction",
        kind="text",
        about="Whether the customer writes or we do.",
        always=True,
        choices=tuple(each.value for each in Direction),
    ),
    _of("message.sent_at", "When it was said, by the provider's clock.", "moment", always=True),
    _of("message.forwarded_from", "Whose words the message passes on."),
    _of("message.automatic", "Whether a machine wrote it.", "boolean", always=True),
    _of("conversation.external", "The provider's id of the conversation.", always=True),
    _of("entry_point.payload", "What the link carried that the customer came by."),
    _of("entry_point.referral", "The advert, or the post, that the customer came by."),
    _of("entry_point.page", "The page that the customer came from."),
    _of("entry_point.utm_source", "`utm_source` of that page's address."),
    _of("entry_point.utm_medium", "`utm_medium` of it."),
    _of("entry_point.utm_campaign", "`utm_campaign` of it."),
    _of("entry_point.utm_content", "`utm_content` of it."),
    _of("entry_point.utm_term", "`utm_term` of it."),
    _of("route.crm", "The title of the CRM's connection.", always=True),
    _of("route.pipeline", "The pipeline that the route names, by id."),
    _of("route.stage", "The stage that the route names, by id."),
    Source(path="operator.id", kind="text", about="The CRM's id of who answers.", only=OUTBOUND),
    Source(path="operator.name", kind="text", about="The name of who answers.", only=OUTBOUND),
)
SOURCES: Mapping[str, Source] = {each.path: each for each in _ALL}


def source_of(path: str) -> Source | None:
    """Find a source. Fields of forms are open: any name after `form.` is one."""
    if path.startswith(FORM) and len(path) > len(FORM):
        return Source(path=path, kind="text", about="A field of a form.", only=INBOUND)
    return SOURCES.get(path)


def closest(asked: str, known: tuple[str, ...]) -> str:
    """Guess what was meant, as the end of a sentence; or list what there is, if it is little."""
    folded = {each.casefold(): each for each in known}
    found = get_close_matches(asked.casefold(), folded, n=1, cutoff=0.6)
    if found:
        return f"Did you mean “{folded[found[0]]}”?"
    return f"There are: {', '.join(known[:12])}{'…' if len(known) > 12 else ''}." if known else ""
