"""The signature of the chats API: HMAC-SHA1 over five lines, and over the bare body in hooks."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

JSON = "application/json"
VALID_FOR_S = 15 * 60


def signature(secret: str, method: str, headers: Mapping[str, str], path: str) -> str:
    """Sign a request. `path` starts at `/v2/` and has no query; header names are lower case."""
    lines = (
        method.upper(),
        headers.get("content-md5", ""),
        headers.get("content-type", ""),
        headers.get("date", ""),
        path,
    )
    return hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha1).hexdigest()


def hook_signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def flaw(secret: str, signed: tuple[str, str], headers: Mapping[str, str], body: bytes) -> str:
    """Say why a signature holds for nobody, leaving the date aside; "" when it is good.

    `signed` is the method and the path.
    """
    method, path = signed
    if headers.get("content-type") != JSON:
        return f"Content-Type is not exactly {JSON}"
    if headers.get("content-md5") != md5(body):
        return "Content-MD5 is not that of the body"
    given = headers.get("x-signature", "")
    if not hmac.compare_digest(given.encode(), signature(secret, method, headers, path).encode()):
        return "X-Signature is not that of this request"
    return ""


def is_stale(headers: Mapping[str, str], now: datetime) -> bool:
    """Is the Date header absent, unreadable, or more than fifteen minutes away?"""
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return True
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return abs((now - date).total_seconds()) > VALID_FOR_S
