"""How words are kept: JSON bytes of vocabulary values, readable by any later version.

Unknown keys are ignored and absent ones take their default, so that a row written by the next
release is still read by this one during a rolling upgrade.
"""

import json
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

from mappers.text import clean
from mappers.vocabulary import Identity, Message, Person
from middleware.store.policy import Policy
from middleware.store.rows import Fact

T = TypeVar("T")

_MESSAGE = TypeAdapter(Message)
_FACT = TypeAdapter(Fact)
_POLICY = TypeAdapter(Policy)


def scrub(value: T) -> T:
    """Clean every string inside a vocabulary value: NUL and lone surrogates survive nowhere."""
    return cast("T", _scrubbed(value))


def _scrubbed(value: Any) -> Any:
    kind: Any = type(value)
    if kind is str:
        return value if value.isascii() and "\0" not in value else clean(value)
    if kind is tuple:
        return tuple(map(_scrubbed, value)) if value else value
    names = _names_of(kind)
    if not names:
        return value
    changed = {}
    for name in names:
        was = getattr(value, name)
        if (new := _scrubbed(was)) is not was and new != was:
            changed[name] = new
    return replace(value, **changed) if changed else value


@cache
def _names_of(kind: Any) -> tuple[str, ...]:
    """Name the fields of a vocabulary class; a value of anything else holds no words."""
    return tuple(each.name for each in fields(kind)) if is_dataclass(kind) else ()


def encode_message(message: Message) -> bytes:
    return _MESSAGE.dump_json(message, exclude_defaults=True)


def decode_message(content: bytes) -> Message:
    return _MESSAGE.validate_json(content)


def encode_fact(fact: Fact) -> bytes:
    return _FACT.dump_json(fact)


def decode_fact(content: bytes) -> Fact:
    return _FACT.validate_json(content)


def encode_profile(person: Person) -> bytes:
    """Keep what a person looks like. Who they are lives in `identities`."""
    profile = {
        "name": person.name,
        "username": person.username,
        "language": person.language,
        "avatar": person.avatar,
        "profile_url": person.profile_url,
    }
    return json.dumps({k: v for k, v in profile.items() if v}, ensure_ascii=False).encode()


def decode_profile(content: bytes, identities: tuple[Identity, ...]) -> Person:
    return Person(identities=identities, **json.loads(content))


def encode_policy(policy: Policy) -> dict[str, Any]:
    return cast("dict[str, Any]", _POLICY.dump_python(policy, mode="json"))


def decode_policy(stored: Any) -> Policy:
    return _POLICY.validate_python(stored)
