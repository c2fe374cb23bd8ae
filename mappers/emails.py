"""E-mail addresses: whether somebody could be written to at one."""

import re

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


def is_address(text: str) -> bool:
    """Say whether a text has the form of an address. A CRM refuses a whole card over one."""
    return _ADDRESS.fullmatch(text.strip()) is not None
