"""How HubSpot signs what it sends. The secret is always that of the application."""

import hashlib
import hmac
import re
from base64 import b64encode

# What the third version decodes of an address before it is signed; every other escape stays.
DECODED = ("3A", "2F", "3F", "40", "21", "24", "27", "28", "29", "2A", "2C", "3B")
_ESCAPE = re.compile(f"%({'|'.join(DECODED)})", re.IGNORECASE)


def first(secret: str, body: bytes) -> str:
    """Sign as version 1 does: no HMAC, and nothing of the address."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def second(secret: str, method: str, uri: str, body: bytes) -> str:
    """Sign as version 2 does: the address as it was called."""
    return hashlib.sha256(f"{secret}{method}{uri}".encode() + body).hexdigest()


def third(secret: str, method: str, uri: str, body: bytes, timestamp_ms: int) -> str:
    """Sign as version 3 does: base64 of an HMAC over the decoded address, the body, the moment."""
    source = f"{method}{decoded(uri)}".encode() + body + str(timestamp_ms).encode()
    return b64encode(hmac.digest(secret.encode(), source, "sha256")).decode()


def decoded(uri: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), uri)


def headers(secret: str, uri: str, body: bytes, timestamp_ms: int) -> dict[str, str]:
    """Return what goes with a POST that is signed by the third version."""
    return {
        "x-hubspot-signature-v3": third(secret, "POST", uri, body, timestamp_ms),
        "x-hubspot-request-timestamp": str(timestamp_ms),
    }


def headers_of_the_first(secret: str, body: bytes) -> dict[str, str]:
    """Return what goes with a POST that is signed by the first version."""
    return {"x-hubspot-signature": first(secret, body), "x-hubspot-signature-version": "v1"}
