"""What the suites of both contracts share: secrets to look for, and hostile input."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

# A promise is inherited by every bench and its bench is made once a test: both are meant.
on_a_bench = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)

NASTY_BODIES: tuple[bytes, ...] = (
    b"",
    b"\0",
    b"null",
    b"[]",
    b'"text"',
    b"NaN",
    b"1e999",
    b"{",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe\x00",
    b'{"\xd0":1}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\u0000"}',
    b"9" * 5000,
    b"[" * 100_000,
    b'{"a":' * 50_000,
)


def secrets_of(*configs: BaseModel | None) -> tuple[str, ...]:
    """Return every secret that these configs hold and that is long enough to be looked for."""
    values = (value for config in configs if config for _, value in config)
    secrets = (value.get_secret_value() for value in values if isinstance(value, SecretStr))
    return tuple(secret for secret in secrets if len(secret) > 3)


def json_values() -> st.SearchStrategy[Any]:
    """Any JSON value, awkward numbers and texts included."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    return st.recursive(
        leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
    )


def bodies() -> st.SearchStrategy[bytes]:
    """Bodies that nobody in his senses would send."""
    rendered = json_values().map(lambda value: json.dumps(value).encode())
    return st.sampled_from(NASTY_BODIES) | st.binary() | rendered


def forgeries(headers: Mapping[str, str], proofs: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Take away or spoil, one at a time, each header that proves the caller."""
    yield {}
    for name in proofs:
        proof = headers[name]
        yield {key: value for key, value in headers.items() if key != name}
        spoiled = ("", proof[:-1], f"{proof}x", f" {proof}", proof.swapcase(), "подделка", "\ud800")
        for value in spoiled:
            if value != proof:
                yield {**headers, name: value}
