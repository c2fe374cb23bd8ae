"""Evidence: what the stages tell, put in the words of the verdict. Pure.

A conversation is a customer's chat with one shop's bot. The timeline names it by the id that the
hub gave it there, which ends in the channel's own; two chats of one conversation would be seen as
one, and their doubles as duplicates.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crm_clients.emulators.contract import FAILED
from middleware.outbox.words import DOUBT, NOT_SENT
from middleware.trial.verdict import Said, Seen, Thread, Told

Json = Mapping[str, Any]
# What an operator reads when a person has to decide, up to where the link begins.
UNSURE = tuple(words.split("{")[0] for words in (*DOUBT.values(), *NOT_SENT.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What the stages hold of one shop, as they tell it."""

    said: Sequence[Json] = field(repr=False)
    chats: Sequence[Json] = field(repr=False)
    timeline: Sequence[Json] = field(repr=False)
    replies: Sequence[Json] = field(repr=False)


def threads_of(records: Records) -> tuple[Thread, ...]:
    """Put both sides of every conversation next to each other."""
    said: dict[str, list[Json]] = defaultdict(list)
    typed: dict[str, list[Json]] = defaultdict(list)
    shown: dict[str, list[Json]] = defaultdict(list)
    phone = {str(chat["chat_id"]): chat["messages"] for chat in records.chats}
    for act in records.said:
        said[str(act["chat_id"])].append(act)
    for reply in records.replies:
        typed[conversation_of(reply["client_conversation_id"])].append(reply)
    for chat in records.timeline:
        shown[conversation_of(chat["client_id"])] += chat["messages"]
    return tuple(
        Thread(
            messages=messages_of(said[key]),
            timeline=tuple(entries_of(shown[key])),
            replies=tuple(reply_of(reply) for reply in typed[key]),
            chat=tuple(received_of(phone.get(key, ()))),
        )
        for key in sorted({*said, *typed, *shown, *phone})
    )


def conversation_of(ours: str | None) -> str:
    """Take the channel's own id from the end of the one that the hub gave a conversation."""
    return (ours or "").rpartition(":")[2]


def messages_of(acts: Iterable[Json]) -> tuple[Said, ...]:
    """What a customer wrote, each message with its corrections."""
    first: dict[int, Json] = {}
    revisions: dict[int, list[str]] = defaultdict(list)
    for act in acts:
        first.setdefault(act["message_id"], act)
        revisions[act["message_id"]].append(act["text"])
    return tuple(
        Said(
            revisions=tuple(revisions[key]),
            at=act["at"],
            file=file_in(act),
            is_shown=bool(act["shown"]) and not file_in(act),
            title=_title(act),
        )
        for key, act in first.items()
    )


def file_in(message: Json) -> str:
    """Return the digest of what a message of the channel shows; empty when it is no file."""
    return next((str(thing["sha256"]) for thing in message["shown"] if "sha256" in thing), "")


def _title(message: Json) -> str:
    names = (thing.get("title") or thing.get("question") for thing in message["shown"])
    return next((str(name) for name in names if name), "")


def entries_of(messages: Iterable[Json]) -> Iterable[Seen]:
    """What the customer's messages have become in the timeline."""
    for message in messages:
        if not message["is_from_operator"]:
            yield Seen(text=message["text"], at=message["appeared_at"], file=message["sha256"])


def received_of(messages: Iterable[Json]) -> Iterable[Seen]:
    """What the customer received from the bot."""
    for message in messages:
        if message["from"] == "bot":
            yield Seen(text=message["text"], at=message["at"], file=file_in(message))


def reply_of(reply: Json) -> Said:
    """What an operator typed or sent, and what came back to them about it."""
    told = [_told(status) for status in reply["statuses"]]
    return Said(
        revisions=(reply["text"],),
        at=reply["at"],
        file=reply["sha256"],
        told=told[-1] if told else "",
        was_unsure="unsure" in told,
    )


def _told(status: Json) -> Told:
    if status["code"] != FAILED:
        return "arrived"
    return "unsure" if str(status["error"] or "").startswith(UNSURE) else "failed"
