"""Who speaks: people outside, and the operators inside who answer them."""

from dataclasses import dataclass, field
from enum import StrEnum


class IdentityKind(StrEnum):
    """Ways to recognise a person. Values are normalised before they get here.

    `PHONE` is E.164, `EMAIL` is lower-case, `CHANNEL_USER` is `"<provider>:<user id>"`.
    """

    PHONE = "phone"
    EMAIL = "email"
    CHANNEL_USER = "channel_user"
    BUSINESS_USER = "business_user"
    SITE_VISITOR = "site_visitor"


class Confidence(StrEnum):
    """Strong evidence links by itself; weak evidence is a hint for a person to review."""

    STRONG = "strong"
    WEAK = "weak"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One way to reach a person, and why we believe it is theirs.

    `evidence` is a stable phrase such as `"telegram.contact_shared"`, explained in `trace`.
    """

    kind: IdentityKind
    value: str = field(repr=False)
    evidence: str
    confidence: Confidence = Confidence.STRONG


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A customer as one message shows them.

    Shape: `identities` starts with the channel's own id of the person.
    """

    identities: tuple[Identity, ...]
    name: str = field(default="", repr=False)
    username: str = field(default="", repr=False)
    language: str = ""
    avatar: str = field(default="", repr=False)
    profile_url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """The employee who answers from inside the CRM; `id` is the CRM's.

    `user` is the id under which records name who is responsible, where it is another one.
    """

    id: str
    name: str = field(default="", repr=False)
    user: str = ""
