"""Notes on cards, as those who work on the cards write and read them."""

import re
from dataclasses import dataclass
from html import escape, unescape

from .crm_model import Record
from .kinds import CONTACT, DEAL, NOTE
from .model import Portal
from .people import People

TITLE = re.compile(r"\A<p><strong>(.*?)</strong></p>", re.DOTALL)
MARK = re.compile(r"\n#[0-9a-f]{10}\Z")
_END, _TAG = re.compile(r"</p>|<br ?/?>"), re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteView:
    """A note, on the deal that it lies on or else on the contact.

    `title`: what an application's note begins with; nobody's own has one.
    """

    id: int
    entity: str
    entity_id: int
    title: str
    text: str
    files: tuple[str, ...]
    created_by: int
    created_at: float


class Notes(People):
    """The part of the emulator that writes and shows notes; what it shows is a copy."""

    def write_note(
        self,
        account: str | int,
        card_id: int,
        text: str,
        *,
        entity: str = "deals",
        user_id: int | None = None,
    ) -> Record:
        """Write a note on a card, as its editor does."""
        lines = "".join(f"<p>{escape(line, quote=False)}</p>" for line in text.split("\n"))
        written = {"hs_note_body": lines, "hs_timestamp": str(round(self.world.now() * 1000))}
        card = (entity, card_id)
        return self.add_record(account, NOTE, written, tied_to=[card], user_id=user_id)

    def notes(self, account: str | int) -> tuple[NoteView, ...]:
        """Every note that lies on a card and was not deleted, oldest first."""
        portal = self.world.portal(account)
        there = sorted(portal.crm.of(NOTE).values(), key=lambda each: each.id)
        views = (_view(portal, each) for each in there if not each.archived)
        return tuple(each for each in views if each is not None)


def _view(portal: Portal, note: Record) -> NoteView | None:
    tied = portal.crm.links.get(note.ref, {})
    cards = {kind: number for (kind, number), links in tied.items() if links}
    kind = DEAL if DEAL in cards else CONTACT
    if kind not in cards:
        return None
    body = note.value("hs_note_body")
    is_ours = note.value("hs_object_source") == "INTEGRATION"
    title = TITLE.match(body) if is_ours else None
    return NoteView(
        id=note.id,
        entity="leads" if kind == DEAL else "contacts",
        entity_id=cards[kind],
        title=words_of(title[1]) if title else "",
        text=MARK.sub("", words_of(body[title.end() :] if title else body)),
        files=tuple(filter(None, note.value("hs_attachment_ids").split(";"))),
        created_by=int(note.value("hs_created_by_user_id") or 0),
        created_at=note.created,
    )


def words_of(body: str) -> str:
    """What somebody reads: a line for each paragraph and each break."""
    return unescape(_TAG.sub("", _END.sub("\n", body))).strip()
