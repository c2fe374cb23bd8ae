"""Sending wake-ups to a broker, from a thread: publishing waits for the network.

What is rung for in one moment goes together, and a connection that rings all the time is told of
no more often than every `PAUSE_S`: who serves it looks again by itself.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from celery import Celery

from middleware.serve.broker import HEAR, SERVE, own_queue
from middleware.serve.executor import Bells

log = structlog.get_logger(__name__)

# Enough for one task to be worth its cost, few enough for a burst to be spread over workers.
IDS_IN_A_TASK = 16
PAUSE_S = 0.01

Refused = Callable[[Sequence[str]], None]


class Publisher:
    """`refused` hears, in the thread, of connections for anybody that the broker did not take.

    One meant for a certain worker is left to it: it is serving, and looks again by itself.
    """

    def __init__(self, app: Celery, bells: Bells, refused: Refused) -> None:
        self._app = app
        self._bells = bells
        self._refused = refused
        self._waiting: dict[str, dict[str, None]] = {}
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._is_stopping = False
        self.is_taken = True
        self._thread = threading.Thread(target=self._run, name="publish wake-ups", daemon=True)
        self._thread.start()

    def publish(self, ids: Iterable[str], to: str = "") -> None:
        """Have somebody serve these: whoever is free, or the worker of that name."""
        self._put(to, ids)

    def ask_to_hear(self, name: str) -> None:
        """Send the worker of that name a sign by the way that wake-ups take."""
        self._put(name, ())

    def stop(self) -> None:
        """Send what waits, unless the broker is away, and end."""
        self._is_stopping = True
        self._bell.set()
        self._thread.join()
        self._app.close()

    def _put(self, to: str, ids: Iterable[str]) -> None:
        with self._lock:
            self._waiting.setdefault(to, {}).update(dict.fromkeys(ids))
        self._bell.set()

    def _run(self) -> None:
        while not (self._is_stopping and not self._waiting):
            self._bell.wait()
            self._bell.clear()
            with self._lock:
                waiting, self._waiting = self._waiting, {}
            for to, ids in waiting.items():
                self._send_all(to, list(ids))
            if not self._is_stopping:
                time.sleep(PAUSE_S)

    def _send_all(self, to: str, ids: list[str]) -> None:
        if not ids:
            self._send(HEAR, (), to)
        for start in range(0, len(ids), IDS_IN_A_TASK):
            chunk = ids[start : start + IDS_IN_A_TASK]
            if not self._send(SERVE, (chunk,), to):
                self._bells.refused += len(ids) - start
                if not to:
                    self._refused(ids[start:])
                return
            self._bells.published += len(chunk)

    def _send(self, name: str, arguments: tuple[Any, ...], to: str) -> bool:
        way = {"queue": own_queue(to), "declare": []} if to else {}
        try:
            self._app.send_task(name, arguments, retry=False, ignore_result=True, **way)
        except Exception as error:  # noqa: BLE001 - a transport raises what its library raises
            if self.is_taken:
                log.warning("broker.away", why=type(error).__name__)
            self.is_taken = False
            return False
        if not self.is_taken:
            log.info("broker.back")
        self.is_taken = True
        return True
