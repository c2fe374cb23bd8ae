"""The verdict: what people said, compared with what the other side holds. Pure.

The hub is not asked: everything here was seen on the two ends. A message is recognised in its
conversation by its words, each copy once: two equal messages said twice are two, and a third copy
found is a duplicate. A long message may arrive in pieces; the pieces must be the whole.
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

    Shape: `revisions` are its texts, the first and each correction. `is_shown`: something was
    shown rather than said, and the other side sees a description in brackets. `told` is what the
    author heard of its delivery last; `was_unsure`, whether a person had to decide about it.
    Units: `at` in seconds since the epoch, by the stage's clock.
    """

    revisions: tuple[str, ...] = field(repr=False)
    at: float
    is_shown: bool = False
    told: Told = ""
    was_unsure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One message, as it stands on the other side."""

    text: str = field(repr=False)
    at: float


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

    `lost` is absent although nobody was told so; `held` waits for a person, who was told;
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


class _Trace:
    """How much of one message was found so far, in characters of its squeezed newest text."""

    def __init__(self, said: Said) -> None:
        self.said = said
        self.newest = squeezed(said.revisions[-1])
        self.older = {squeezed(revision) for revision in said.revisions[:-1]} - {self.newest}
        self.whole = max(1, len(self.newest))
        self.covered = 0
        self.at = 0.0
        self.is_outdated = False

    def covers(self, text: str) -> int | None:
        """Say how far the message is covered with this text; None when it is not of it."""
        if self.said.is_shown:
            return 1 if text.startswith("[") else None
        if text == self.newest or text in self.older:
            return self.whole
        if len(self.newest) < NEVER_CUT or not text:
            return None
        if self.newest.startswith(text, self.covered):
            return self.covered + len(text)
        return 0 if text in self.newest else None

    def take(self, seen: Seen, covered: int) -> None:
        self.covered, self.at = covered, seen.at
        self.is_outdated = squeezed(seen.text) in self.older

    def found(self) -> Found:
        is_whole = self.covered >= self.whole
        lag_s = self.at - self.said.at if is_whole else None
        return Found(said=self.said, lag_s=lag_s, is_outdated=self.is_outdated)


def compare(said: Sequence[Said], seen: Sequence[Seen]) -> Direction:
    """Find every message of one direction on the other side, and what else is there."""
    traces = [_Trace(each) for each in said]
    order: list[int] = []
    duplicated = unexplained = 0
    for entry in seen:
        index, covered = _owner(traces, squeezed(entry.text))
        if index is None:
            unexplained += 1
        elif covered <= traces[index].covered:
            duplicated += 1
        else:
            traces[index].take(entry, covered)
            # What waited for a person is late by that person's word.
            if not traces[index].said.was_unsure:
                order.append(index)
    return Direction(
        found=tuple(trace.found() for trace in traces),
        duplicated=duplicated,
        unexplained=unexplained,
        out_of_order=out_of_place(order),
    )


def _owner(traces: Sequence[_Trace], text: str) -> tuple[int | None, int]:
    """Return whose text this is, and how much of that is covered with it.

    The first message that still lacks it, or else one that has it already.
    """
    owner, most = None, 0
    for index, trace in enumerate(traces):
        covered = trace.covers(text)
        if covered is not None and covered > trace.covered:
            return index, covered
        if covered is not None and owner is None:
            owner, most = index, covered
    return owner, most


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
