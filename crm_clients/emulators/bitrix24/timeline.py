"""What is written into the timelines of cards: comments, and lines of the log."""

from collections.abc import Sequence

from . import events
from .crm_model import Comment, Json, Ref
from .model import Portal
from .world import World


def comment(
    world: World, portal: Portal, refs: Sequence[Ref], what: tuple[str, list[Json]], *, by: int
) -> Comment:
    """Write a comment, `what` being its text and files."""
    text, files = what
    made = Comment(
        id=portal.number("comment"),
        author_id=by,
        text=text,
        created=world.now(),
        bindings=list(refs),
        files=files,
    )
    portal.crm.comments[made.id] = made
    tell(world, portal, made, "ADD", by=by)
    return made


def log(world: World, portal: Portal, ref: Ref, what: tuple[str, str, str], *, by: int) -> Comment:
    """Write a line of the log, `what` being its title, text and icon; no event tells of it."""
    title, text, icon = what
    made = Comment(
        id=portal.number("comment"),
        author_id=by,
        text=text,
        title=title,
        icon=icon,
        created=world.now(),
        bindings=[ref],
    )
    portal.crm.comments[made.id] = made
    return made


def tell(world: World, portal: Portal, made: Comment, what: str, *, by: int) -> None:
    data = {"FIELDS": {"ID": made.id}}
    events.tell(world, portal, events.Event(f"ONCRMTIMELINECOMMENT{what}", data, by=by))
