"""An incoming webhook: the address by which an administrator lets us call a portal.

The address is the secret: it names a user and a word, and whoever has it may do what that user may.
A person types it, so no more is asked of its host than that the way there is encrypted.

Source: apidocs.bitrix24.com/local-integrations/local-webhooks.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

OWN_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
# The page that makes a webhook shows its address with or without a method behind it.
_PATH = re.compile(r"(?P<root>.*)/rest/(?P<key>\d{1,10}/[0-9A-Za-z]{6,64})(?:/[A-Za-z.]*)?")


@dataclass(frozen=True, slots=True)
class Incoming:
    """`base` is the portal's address; `key` is the part of a path that proves who calls."""

    base: str
    key: str = field(repr=False)


def parse(address: str) -> Incoming:
    """Raises: `ValueError`, which repeats nothing of what was given."""
    parts = urlsplit(address.strip())
    found = _PATH.fullmatch(parts.path)
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in OWN_MACHINE)
    if found is None or not is_plain or not is_safe or not parts.hostname:
        raise ValueError(
            "this is not the address of an incoming webhook:"
            " it looks like https://company.bitrix24.ru/rest/1/abcdefghijklmnop/"
        )
    return Incoming(f"{parts.scheme}://{parts.netloc.lower()}{found['root']}", found["key"])
