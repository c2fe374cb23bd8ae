"""Keys of what arrived, as they are kept: digests, so that a key outlives what it named."""

from hashlib import blake2b


def digest_of(key: str) -> bytes:
    """Digest a parcel's key. 16 bytes: two different keys of one connection never meet."""
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
