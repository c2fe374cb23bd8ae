"""The processes of a trial, whose stopping may itself be cut short."""

import asyncio
from pathlib import Path

import pytest

from middleware.trial.processes import HOST, Child, free_port, until_listening


def a_server(folder: Path, port: int) -> Child:
    arguments = (f"--bind={HOST}", f"--directory={folder}", str(port))
    return Child("server", "http.server", arguments, folder)


async def test_a_child_whose_stopping_was_cut_short_is_started_anew(tmp_path: Path) -> None:
    port = free_port()
    child = a_server(tmp_path, port)
    await child.start()
    try:
        await until_listening(port, child)
        before = child.pid
        stopping = asyncio.create_task(child.kill())
        await asyncio.sleep(0)
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
        was_running = child.is_running
        await child.start()
        assert (was_running, child.is_running) == (False, True)
        assert child.pid != before
        await until_listening(port, child)
    finally:
        await child.stop()
