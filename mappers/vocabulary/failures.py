"""Why a provider call did not do what we asked.

    Failure
    ├── Permanent     asking again in the same words cannot help
    ├── Transient     nothing happened; asking again may help
    ├── RateLimited   nothing happened; the provider named its terms
    ├── AuthExpired   this connection's credentials stopped working
    ├── Blocked       someone closed the door: the recipient, or the provider
    └── Ambiguous     it may have happened; find out before asking again

A failure is a value, because it is stored beside the attempt, shown to the admin and replayed in
tests. `ProviderError` only carries it up the stack. Codes are listed in docs/reference/failures.md.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Literal, TypeAlias

Gone = Literal["", "record", "deal", "conversation", "quoted", "message", "responsible"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reason:
    """The two things every failure can say for itself.

    `code` is ours: dotted and stable. `detail` is the provider's own sentence; stores redact it,
    and repr leaves it out.
    """

    code: str
    detail: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permanent(_Reason):
    """`gone` names what the provider no longer has, when that is the reason."""

    kind: ClassVar[Literal["permanent"]] = "permanent"
    gone: Gone = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transient(_Reason):
    kind: ClassVar[Literal["transient"]] = "transient"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited(_Reason):
    kind: ClassVar[Literal["rate_limited"]] = "rate_limited"
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthExpired(_Reason):
    kind: ClassVar[Literal["auth_expired"]] = "auth_expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked(_Reason):
    kind: ClassVar[Literal["blocked"]] = "blocked"
    by: Literal["recipient", "provider"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ambiguous(_Reason):
    kind: ClassVar[Literal["ambiguous"]] = "ambiguous"


Failure: TypeAlias = Permanent | Transient | RateLimited | AuthExpired | Blocked | Ambiguous


class ProviderError(Exception):
    """Raised by adapters and the gateway; caught by the flow that owns the effect."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind}: {failure.code}")
        self.failure = failure


class ForgedWebhook(Exception):
    """A call that does not prove it comes from the provider. Refused and counted, never stored."""


class MalformedWebhook(Exception):
    """A call that is signed but cannot be taken apart into parcels. Refused and counted."""
