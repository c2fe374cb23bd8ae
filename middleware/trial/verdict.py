"""The verdict: what people said, compared with what the other side holds. Pure.

The hub is not asked: everything here was seen on the two ends. A message is recognised in its
conversation by its words, each copy once: two equal messages said twice are two, and a third copy
found is a duplicate. A long message may arrive in pieces; the pieces must be the whole. A file is
recognised by the digest of its bytes, and may come after the words that were said with it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from math import ceil
from typing import Any, Literal

Told = Literal["", "arrived", "failed", "unsure"]

# Shorter messages are never cut, so a piece of them is somebody else's message.
NEVER_CUT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message, as its author made it.

    Shape: `revisions` are its texts, the first and each correction. `file` is the digest of the
    file shown with it, if any. `is_shown`: something else was shown rather than said, and the other
    side sees a description with the `title` in it, or in brackets if it has none. `told` is what
    the author heard of its delivery last; `was_unsure`, whether a person had to decide about it.
    Units: `at` in seconds since the epoch, by the stage's clock.
    """

    revisions: tuple[str, ...] = field(repr=False)
    at: float
    file: str = ""
    is_shown: bool = False
    title: str = ""
    told: Told = ""
    was_unsure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One message, as it stands on the other side. `file` is a digest."""

    text: str = field(repr=False)
    at: float
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """One conversation: both directions, each in the order of its side."""

    messages: tuple[Said, ...] = ()
    timeline: tuple[Seen, ...] = ()
    replies: tuple[Said, ...] = ()
    chat: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of one message. `lag_s` is None unless all of it arrived."""

    said: Said
    lag_s: float | None
    is_outdated: bool
    lacks_file: bool = False

    @property
    def is_whole(self) -> bool:
        return self.lag_s is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """How one direction of one conversation went."""

    found: tuple[Found, ...] = ()
    duplicated: int = 0
    unexplained: int = 0
    out_of_order: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Units: milliseconds; None when nothing arrived."""

    p50: int | None
    p95: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Counts over all conversations.

    `lost` is absent, whole or in part, although nobody was told so: `files_missing` counts those
    that lack their file, or have another one's bytes; `held` waits for a person, who was told;
    `refused` was not delivered, and the operator knows. `unexplained` was said by nobody,
    `outdated` was corrected and still shows the old words, `misreported` arrived although the
    operator was told that it did not.
    """

    customers: int
    messages_in: int
    timeline_entries: int
    replies: int
    replies_delivered: int
    statuses_returned: int
    contacts_created: int
    files_in: int
    files_out: int
    files_missing: int
    lost: int
    held: int
    refused: int
    duplicated: int
    out_of_order: int
    unexplained: int
    outdated: int
    misreported: int
    lag_ms: dict[str, Lag]

    @property
    def is_clean(self) -> bool:
        """Nothing went wrong; what is held or refused is in good hands."""
        return not (self.lost or self.duplicated or self.out_of_order or self.other_faults)

    @property
    def other_faults(self) -> int:
        return self.unexplained + self.outdated + self.misreported

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def squeezed(text: str) -> str:
    """Leave out blanks, which a messenger may drop where a text was cut."""
    return "".join(text.split())


def bare(text: str) -> str:
    """Leave out what the hub says in brackets before a message's own words."""
    lines = text.split("\n")
    while lines and lines[0].startswith("["):
        lines.pop(0)
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Reach:
    """How much of a message has been seen: characters of its newest text, and its file.

    `is_corrected`: its newest text was seen under a line of the hub's that says so.
    """

    words: int = 0
    file: bool = False
    is_corrected: bool = False

    def adds_to(self, other: "_Reach") -> bool:
        is_corrected = self.is_corrected > other.is_corrected
        return self.words > other.words or self.file > other.file or is_corrected


class _Trace:
    """How much of one message was found so far, by the squeezed newest text."""

    def __init__(self, said: Said) -> None:
        self.said = said
        self.newest = squeezed(said.revisions[-1])
        self.older = {squeezed(revision) for revision in said.revisions[:-1]} - {self.newest}
        self.whole = max(1, len(self.newest))
        self.reached = _Reach()
        self.at = 0.0
        self.is_outdated = False

    def reach(self, seen: Seen) -> _Reach | None:
        """Say how far the message is seen with this; None when it is not of it."""
        if seen.file and seen.file != self.said.file:
            return None
        words = self._words(seen)
        if words is None:
            return None
        before, corrects = self.reached, self._corrects(seen.text)
        if seen.text and words <= before.words and corrects <= before.is_corrected:
            return _Reach()
        return _Reach(words, before.file or bool(seen.file), corrects or before.is_corrected)

    def _corrects(self, text: str) -> bool:
        """Say whether these are the newest of several texts, under a line of the hub's."""
        own = bare(text)
        return bool(self.older) and own != text and squeezed(own) == self.newest

    def _words(self, seen: Seen) -> int | None:
        """Say up to where the words are seen with this; None when they are of somebody else."""
        if seen.file and not seen.text:
            return self.reached.words if self.newest else self.whole
        if self.said.is_shown:
            return self._description(seen.text, self.said.title)
        if self.said.file and not self.newest:
            return self._description(seen.text, "")
        return self._spoken(squeezed(seen.text)) or self._spoken(squeezed(bare(seen.text)))

    def _description(self, text: str, title: str) -> int | None:
        is_of_it = squeezed(title) in squeezed(text) if title else text.startswith("[")
        return self.whole if is_of_it else None

    def _spoken(self, text: str) -> int | None:
        if text == self.newest or text in self.older:
            return self.whole
        if len(self.newest) < NEVER_CUT or not text:
            return None
        if self.newest.startswith(text, self.reached.words):
            return self.reached.words + len(text)
        return 0 if text in self.newest else None

    def take(self, seen: Seen, reached: _Reach) -> None:
        self.reached, self.at = reached, seen.at
        if seen.text:
            self.is_outdated = not {squeezed(seen.text), squeezed(bare(seen.text))}.isdisjoint(
                self.older
            )

    def found(self) -> Found:
        lacks_file = bool(self.said.file) and not self.reached.file
        is_whole = self.reached.words >= self.whole and not lacks_file
        return Found(
            said=self.said,
            lag_s=self.at - self.said.at if is_whole else None,
            is_outdated=self.is_outdated,
            lacks_file=lacks_file,
        )


def compare(said: Sequence[Said], seen: Sequence[Seen]) -> Direction:
    """Find every message of one direction on the other side, and what else is there."""
    traces = [_Trace(each) for each in said]
    order: list[int] = []
    duplicated = unexplained = 0
    for entry in seen:
        index, reached = _owner(traces, entry)
        if index is None:
            unexplained += 1
        elif not reached.adds_to(traces[index].reached):
            duplicated += 1
        else:
            # A file that follows its words, and what waited for a person, are late by design.
            is_follow_up = traces[index].reached.words >= traces[index].whole
            traces[index].take(entry, reached)
            if not (is_follow_up or traces[index].said.was_unsure):
                order.append(index)
    return Direction(
        found=tuple(trace.found() for trace in traces),
        duplicated=duplicated,
        unexplained=unexplained,
        out_of_order=out_of_place(order),
    )


def _owner(traces: Sequence[_Trace], seen: Seen) -> tuple[int | None, _Reach]:
    """Return whose this is, and how far that one is seen with it.

    The first message that still lacks it, or else one that has it already.
    """
    owner = None
    for index, trace in enumerate(traces):
        reached = trace.reach(seen)
        if reached is not None and reached.adds_to(trace.reached):
            return index, reached
        if reached is not None and owner is None:
            owner = index
    return owner, _Reach()


def out_of_place(order: Sequence[int]) -> int:
    """Count the messages that would have to move for the rest to be in order."""
    tails: list[int] = []
    for index in order:
        place = bisect_right(tails, index)
        tails[place : place + 1] = [index]
    return len(order) - len(tails)


def judge(threads: Iterable[Thread], *, contacts_created: int) -> Verdict:
    """Judge a whole trial."""
    known = tuple(threads)
    inward = [compare(thread.messages, thread.timeline) for thread in known]
    outward = [compare(thread.replies, thread.chat) for thread in known]
    both = [*inward, *outward]
    messages = [found for direction in inward for found in direction.found]
    replies = [found for direction in outward for found in direction.found]
    absent = [found for found in replies if not found.is_whole]
    present = [found for found in replies if found.is_whole]
    return Verdict(
        customers=sum(bool(thread.messages) for thread in known),
        messages_in=len(messages),
        timeline_entries=sum(len(thread.timeline) for thread in known),
        replies=len(replies),
        replies_delivered=len(present),
        statuses_returned=sum(bool(found.said.told) for found in replies),
        contacts_created=contacts_created,
        files_in=sum(bool(found.said.file) for found in messages),
        files_out=sum(bool(found.said.file) for found in replies),
        files_missing=sum(found.lacks_file for found in messages)
        + sum(found.lacks_file for found in absent if found.said.told in {"", "arrived"}),
        lost=sum(not found.is_whole for found in messages)
        + sum(found.said.told in {"", "arrived"} for found in absent),
        held=sum(found.said.told == "unsure" for found in replies),
        refused=sum(found.said.told == "failed" for found in absent),
        duplicated=sum(direction.duplicated for direction in both),
        out_of_order=sum(direction.out_of_order for direction in both),
        unexplained=sum(direction.unexplained for direction in both),
        outdated=sum(found.is_outdated for found in messages + replies),
        misreported=sum(found.said.told == "failed" for found in present),
        lag_ms={"in": _lag(messages), "out": _lag(replies)},
    )


def _lag(found: Iterable[Found]) -> Lag:
    lags = sorted(each.lag_s for each in found if each.lag_s is not None)
    return Lag(p50=_percentile(lags, 0.50), p95=_percentile(lags, 0.95))


def _percentile(ordered: Sequence[float], share: float) -> int | None:
    """The nearest rank, in milliseconds."""
    if not ordered:
        return None
    return round(1000 * ordered[max(0, ceil(share * len(ordered)) - 1)])
