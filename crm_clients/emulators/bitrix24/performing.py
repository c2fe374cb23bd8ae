"""One method done for its caller, alone or as a part of a batch."""

from collections.abc import Mapping
from inspect import isawaitable
from typing import Any

from . import access, limits
from .call import Call, Method
from .problems import Refused


async def perform(call: Call, table: Mapping[str, Method]) -> Any:
    """Do what a call asks for, and return what its handler answered. Raises `Refused`."""
    method = table.get(call.method)
    if method is None:
        raise Refused(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")
    access.check(call, method)
    limits.refuse_costly(call)
    value = method.handler(call)
    if isawaitable(value):
        value = await value
    limits.count_cost(call)
    return value
