"""Every update and every field that the Bot API publishes: read, and lost in no case.

The shapes are taken from aiogram's models, which are printed from Telegram's own page; a version
of it that knows more kinds of updates makes these tests try them, too.
"""

import json
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from aiogram.types import Message, Update
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from typing_extensions import TypeAliasType

from mappers.vocabulary import (
    ConversationMoved,
    ConversationRefused,
    MessageArrived,
    MessageDeleted,
    MessageEdited,
    ReachabilityChanged,
    ReactionChanged,
    Reading,
)
from tests.unit.test_telegram_reading import CHAT, HEAD, NIKA, read

Shape = st.SearchStrategy[Any]
DEEP = 3
KINDS = sorted(set(Update.model_fields) - {"update_id"})
FIELDS = sorted(field.alias or name for name, field in Message.model_fields.items())
# What a private message may carry that says and shows nothing by itself.
SILENT = "message.without_content"
RELAYED = (MessageArrived, ConversationMoved, ConversationRefused)
words = st.text(st.characters(exclude_categories=()), max_size=30)
numbers = st.integers(-(2**52), 2**52)
times = st.integers(0, 2**33)


def shape_of(kind: Any, depth: int = 0) -> Shape:
    """Turn a published type into values that have its shape, as they stand in JSON."""
    origin, inside = get_origin(kind), get_args(kind)
    if isinstance(kind, TypeAliasType):
        return shape_of(kind.__value__, depth)
    if origin is Annotated:
        return shape_of(inside[0], depth)
    if origin in {Union, UnionType}:
        some = [each for each in inside if each is not NoneType and is_json(each)]
        return st.one_of(*(shape_of(each, depth) for each in some))
    if origin is Literal:
        return st.sampled_from([plain(each) for each in inside])
    if origin is list:
        most = 0 if depth > DEEP else 2
        return st.lists(st.deferred(lambda: shape_of(inside[0], depth + 1)), max_size=most)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return object_of(kind, depth)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from([plain(each) for each in kind])
    return PLAIN.get(kind, st.none())


PLAIN: dict[Any, Shape] = {
    bool: st.booleans(),
    int: numbers,
    float: st.floats(-90, 90),  # most of them are degrees
    str: words,
    datetime: times,
}


def is_json(kind: Any) -> bool:
    return getattr(kind, "__name__", "") != "Default"


def plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


@cache
def object_of(model: type[BaseModel], depth: int) -> Shape:
    """Objects with what they must have; the deeper they lie, the less else."""
    needed, more = {}, {}
    for name, field in model.model_fields.items():
        if field.is_required() or get_origin(field.annotation) is Literal:
            needed[field.alias or name] = later(name, field.annotation, depth)
        elif depth < DEEP:
            more[field.alias or name] = later(name, field.annotation, depth)
    optional = st.sets(st.sampled_from(sorted(more)), max_size=4) if more else st.just(set[str]())
    return optional.flatmap(
        lambda chosen: st.fixed_dictionaries(needed | {name: more[name] for name in sorted(chosen)})
    )


def later(name: str, kind: Any, depth: int) -> Shape:
    """Make a shape when it is needed; moments are numbers here, and no number is any moment."""
    return times if name.endswith("date") else st.deferred(lambda: shape_of(kind, depth + 1))


def told(reading: Reading) -> bool:
    """Say whether an update became something, or is named among what is not relayed."""
    names_are_plain = all(name.isascii() and name == name.strip() for name in reading.ignored)
    return names_are_plain and bool(reading.events) != bool(reading.ignored)


@pytest.mark.parametrize("kind", KINDS)
def test_every_published_update_has_a_meaning_or_a_name(kind: str) -> None:
    @given(value=shape_of(Update.model_fields[kind].annotation))
    @settings(max_examples=10)
    def check(value: Any) -> None:
        assert told(read(kind, value))

    check()


def private(field: str) -> Shape:
    """A private message that has this field, whatever else it has."""
    name = next(name for name, each in Message.model_fields.items() if field in {name, each.alias})
    value = later(name, Message.model_fields[name].annotation, 1)
    return value.map(lambda given: HEAD | ({} if field in HEAD else {field: given}))


@pytest.mark.parametrize("field", FIELDS)
def test_every_published_field_of_a_message_is_said_shown_or_named(field: str) -> None:
    """Words beside it are words still, unless the message only reports something."""

    @given(value=private(field), text=st.sampled_from(["", "слова"]))
    @settings(max_examples=4)
    def check(value: Any, text: str) -> None:
        reading = read("message", value | ({"text": text} if text else {}))
        assert told(reading)
        assert not (text and SILENT in reading.ignored)
        for event in reading.events:
            assert isinstance(event, RELAYED)
            if text and isinstance(event, MessageArrived):
                assert event.message.text == text

    check()


MEANS: dict[str, Callable[[], tuple[Any, type]]] = {
    "message": lambda: (HEAD | {"text": "a"}, MessageArrived),
    "edited_message": lambda: (HEAD | {"text": "a", "edit_date": 1793300001}, MessageEdited),
    "business_message": lambda: (
        HEAD | {"text": "a", "business_connection_id": "B"},
        MessageArrived,
    ),
    "edited_business_message": lambda: (
        HEAD | {"text": "a", "business_connection_id": "B"},
        MessageEdited,
    ),
    "deleted_business_messages": lambda: (
        {"business_connection_id": "B", "chat": CHAT, "message_ids": [1]},
        MessageDeleted,
    ),
    "message_reaction": lambda: (
        {
            "chat": CHAT,
            "message_id": 1,
            "user": NIKA,
            "date": 1,
            "old_reaction": [],
            "new_reaction": [{"type": "emoji", "emoji": "👍"}],
        },
        ReactionChanged,
    ),
    "callback_query": lambda: (
        {"id": "1", "from": NIKA, "message": HEAD | {"text": "a"}, "data": "yes"},
        MessageArrived,
    ),
    "my_chat_member": lambda: (
        {"chat": CHAT, "from": NIKA, "date": 1, "new_chat_member": {"status": "kicked"}},
        ReachabilityChanged,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_relayed_is_relayed_and_the_rest_is_named(kind: str) -> None:
    if kind in MEANS:
        value, event = MEANS[kind]()
        assert [type(each) for each in read(kind, value).events] == [event]
    else:
        reading = read(kind, {"id": "1", "user": NIKA, "user_chat_id": 1, "date": 1})
        assert not reading.events
        assert reading.ignored[0].startswith((f"update.{kind}", f"{kind}."))


def test_the_shapes_are_those_of_the_page() -> None:
    """The generator makes what the models themselves accept."""

    @given(value=shape_of(Message))
    @settings(max_examples=10)
    def check(value: Any) -> None:
        json.dumps(value)
        assert {"message_id", "date", "chat"} <= set(value)

    check()
    assert {"message", "callback_query", "deleted_business_messages"} <= set(KINDS)
