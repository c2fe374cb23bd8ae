"""What a token may do. Each scope contains the ones before it."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """`read` looks, masked; `operate` replays and decides; `admin` connects and sees in clear."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return tuple(Scope).index(self)


def allows(scopes: Iterable[str], wanted: Scope) -> bool:
    """Say whether somebody with these scopes may do what `wanted` is needed for."""
    known = {scope.value: scope for scope in Scope}
    return any(known[name].rank >= wanted.rank for name in scopes if name in known)
