"""`batch`: up to fifty calls in one, in order, each failing for itself."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from channel_clients.emulators.stage import ConnectionCut

from . import php
from .call import Call, Page, methods, truthy
from .limits import time_block
from .methods import METHODS
from .model import Json
from .performing import perform
from .problems import Refused

MOST = 50
PARTS = ("result", "result_error", "result_total", "result_next", "result_time")
NOT_INSIDE = {"batch", "disk.folder.uploadfile", "disk.storage.uploadfile"}
REFERENCE = re.compile(r"\$result((?:\[[^\]]+\])+)")
KEYS = re.compile(r"\[([^\]]+)\]")


async def run(call: Call) -> Json:
    """Do the commands one after another. The batch is no transaction, and succeeds by itself."""
    sent = call.get("cmd")
    pairs = list(sent.items() if isinstance(sent, Mapping) else enumerate(sent or []))
    told: dict[str, Json] = {name: {} for name in PARTS}
    dies = call.world.stage.take(call.request, {"batch_dies"})
    for number, (key, command) in enumerate(pairs):
        if not isinstance(command, str):
            continue
        if dies and number >= len(pairs) // 2:
            raise ConnectionCut(applied=True)
        began = call.world.now()
        try:
            inner = _inner(call, (number, command), told["result"])
            value = await perform(inner, METHODS)
        except Refused as refused:
            told["result_error"][str(key)] = refused.body
            if truthy(call.get("halt")):
                break
            continue
        _keep(inner, told, (str(key), value, began))
    return {name: _like_php(values) for name, values in told.items()}


def _keep(call: Call, told: dict[str, Json], what: tuple[str, Any, float]) -> None:
    """Keep what a command brought, and the time of its own method."""
    key, value, began = what
    told["result_time"][key] = time_block(call, began)
    if isinstance(value, Page):
        told["result_total"][key] = value.total
        if value.next is not None:
            told["result_next"][key] = value.next
        value = value.value
    told["result"][key] = value


def _like_php(values: Json) -> Json | list[Any]:
    """An array of PHP: a list when its keys are 0…n-1, so an empty one is a list, too."""
    keys = [str(index) for index in range(len(values))]
    return list(values.values()) if list(values) == keys else values


def _inner(call: Call, what: tuple[int, str], results: Json) -> Call:
    """Read a command as a call of its own, which meets faults of its own. Raises `Refused`."""
    number, command = what
    if number >= MOST:
        raise Refused(400, "ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
    name, _, query = command.partition("?")
    name = name.removesuffix(".json").lower()
    if name in NOT_INSIDE:
        raise Refused(
            405, "ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage"
        )
    params = _resolved(php.query(query), results)
    request = replace(call.request, path=f"{call.request.path.rpartition('/')[0]}/{name}")
    return replace(call, method=name, params=params, request=request)


def _resolved(value: Any, results: Json) -> Any:
    """Put results of earlier commands in place of what refers to them."""
    if isinstance(value, dict):
        return {key: _resolved(inner, results) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, results) for inner in value]
    whole = REFERENCE.fullmatch(value)
    if whole is not None:
        return _at(results, whole[1])
    return REFERENCE.sub(lambda found: _written(_at(results, found[1])), value)


def _written(value: Any) -> str:
    return "" if value is None else "Array" if isinstance(value, dict | list) else str(value)


def _at(results: Json, path: str) -> Any:
    """Follow a path; a tail that leads nowhere leaves the last thing that was found."""
    first, *keys = KEYS.findall(path)
    found = results.get(first)
    for key in keys:
        if isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, dict) and key in found:
            found = found[key]
        else:
            return found
    return found


BATCH = methods({"batch": run})
