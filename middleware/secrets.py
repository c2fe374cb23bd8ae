"""Secrets at rest: encrypted with keys that rotate, signed links, and hashes of tokens.

The first key encrypts; every key decrypts, so a rotation is: add a key in front, re-encrypt
(`threadline secrets rotate`), remove the old one.
"""

import hmac
import json
import os
import secrets as stdlib_secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import BaseModel, SecretStr

from middleware.settings import Settings

KEYS_FILE = "keys"


class UnreadableSecret(Exception):
    """None of our keys opens this: it was encrypted with a key that was removed."""


class Vault:
    """Encrypts and decrypts with the hub's keys."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        if not keys:
            raise ValueError("at least one key is needed")
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._signing = sha256(b"threadline/links/" + keys[-1].encode()).digest()
        self.ledger_key = sha256(b"threadline/ledger/" + keys[-1].encode()).digest()

    def seal(self, value: Mapping[str, Any]) -> bytes:
        return self._fernet.encrypt(json.dumps(value, default=_spelt).encode())

    def open(self, sealed: bytes) -> dict[str, Any]:
        """Raises: `UnreadableSecret`."""
        try:
            opened: dict[str, Any] = json.loads(self._fernet.decrypt(sealed))
        except InvalidToken as error:
            raise UnreadableSecret("no key opens this secret") from error
        return opened

    def reseal(self, sealed: bytes) -> bytes:
        """Encrypt anew with the first key. Raises: `UnreadableSecret`."""
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken as error:
            raise UnreadableSecret("no key opens this secret") from error

    def sign(self, what: str) -> str:
        """Sign a link's subject. The signature holds as long as the oldest key is kept."""
        return hmac.new(self._signing, what.encode(), sha256).hexdigest()[:32]

    def is_signed(self, what: str, signature: str) -> bool:
        shown = signature.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(self.sign(what).encode(), shown)


def exposed(config: BaseModel) -> dict[str, Any]:
    """Turn a config into plain values, secrets included, on their way into the vault."""
    return plain(dict(config))


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in values.items()
    }


def _spelt(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def token_digest(token: str) -> bytes:
    """What is kept of an API token: enough to recognise it, not to use it."""
    return sha256(token.encode()).digest()


def new_token() -> str:
    return f"tl_{stdlib_secrets.token_urlsafe(32)}"


def new_address() -> str:
    """An unguessable address: for a provider that signs nothing, it is the only secret."""
    return stdlib_secrets.token_urlsafe(24)


def load_keys(settings: Settings) -> tuple[str, ...]:
    """Take the keys from the settings, or from the key file, which is made at the first start."""
    given = settings.secret_keys.get_secret_value()
    if given:
        return tuple(key.strip() for key in given.split(",") if key.strip())
    path = settings.data_dir / KEYS_FILE
    if not path.exists():
        _make_keys(path)
    return tuple(path.read_text("ascii").split())


def _make_keys(path: Path) -> None:
    """Make the first key, unless somebody who shares the folder was quicker: theirs stays."""
    ours = path.with_name(f"{path.name}-{stdlib_secrets.token_hex(8)}")
    write_keys(ours, (Fernet.generate_key().decode(),))
    try:
        with suppress(FileExistsError):
            path.hardlink_to(ours)
    finally:
        ours.unlink()


def write_keys(path: Path, keys: tuple[str, ...]) -> None:
    """Write the key file so that a crash leaves the old one or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write("\n".join(keys) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
