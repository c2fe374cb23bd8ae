"""Where the words of a reply go that its author changed: into the parts that it has."""

from collections.abc import Sequence

from channel_clients.contract import Can
from mappers.text import Slice, length, split
from middleware.pipeline.rules import lead

Shape = Sequence[Sequence[int]]
NO_WORDS = Slice(0, 0)


def relaid(text: str, by: str, shape: Shape, can: Can) -> tuple[Slice | None, ...] | None:
    """Lay a text into the parts of a reply; `shape` lists the files of each, by position.

    Words stay where they were planned: in the caption of the first file, or in the messages before
    it. A part that is None has nothing left to say. None for all when there is no room: what would
    come as a new part could only stand after everything that was said since.
    """
    if shape and shape[0]:
        fits = not text or length(lead(by) + text, can.text_unit) <= can.caption_limit
        return (Slice(0, len(text)), *(NO_WORDS for _ in shape[1:])) if fits else None
    room = sum(not files for files in shape)
    before = lead(by) if text else ""
    slices = split(before + text, can.text_limit, can.text_unit) if text else ()
    if len(slices) > room:
        return None
    words = (Slice(max(each.start - len(before), 0), each.end - len(before)) for each in slices)
    surplus = (None,) * (room - len(slices))
    return (*words, *surplus, *(NO_WORDS for files in shape if files))
