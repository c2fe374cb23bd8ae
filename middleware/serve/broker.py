"""Celery, as we use it: a queue of wake-ups between processes, and nothing else.

A task carries ids of connections and hands them to the loop that its process lives by. It waits
for nothing, keeps no result, has no time of its own and is never tried again: a wake-up may be
lost, doubled or late, for the database is the truth and the sweep finds what nobody was woken for.

Every worker hears two queues: the common one, and one of its own. Through its own it learns of
work for a connection that it is serving already, and that it can hear at all.
"""

from collections.abc import Callable, Sequence
from typing import Any

from celery import Celery
from kombu import Exchange, Queue

SERVE, HEAR = "threadline.serve", "threadline.hear"
COMMON = "threadline"
# How long a broker may make a publisher wait. Whoever gives up serves by itself, or is swept.
PATIENCE_S = 2.0
OWN_QUEUE_EXPIRES_S = 600.0


def make_celery(broker_url: str) -> Celery:
    """Build the application. No call is made before the first message."""
    app = Celery("threadline", broker=broker_url, set_as_current=False)
    patience = {"socket_timeout": PATIENCE_S, "socket_connect_timeout": PATIENCE_S}
    app.conf.update(
        accept_content=["json"],
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=PATIENCE_S,
        broker_transport_options=patience if broker_url.startswith("redis") else {},
        task_acks_late=False,
        task_default_queue=COMMON,
        task_ignore_result=True,
        task_publish_retry=False,
        task_serializer="json",
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
    )
    return app


def own_queue(name: str) -> Queue:
    """Say where one worker alone is heard. On the default exchange, which needs no binding."""
    way: Any = Exchange("")  # type: ignore[no-untyped-call]
    return Queue(name, way, name, durable=False, expires=OWN_QUEUE_EXPIRES_S)  # type: ignore[no-untyped-call]


def receive(app: Celery, serve: Callable[[Sequence[str]], None], hear: Callable[[], None]) -> None:
    """Name the tasks of a worker: what wakes connections, and what proves that it can hear."""

    def threadline_serve(ids: Sequence[str]) -> None:
        serve(ids)

    def threadline_hear() -> None:
        hear()

    app.task(threadline_serve, name=SERVE, shared=False)
    app.task(threadline_hear, name=HEAR, shared=False)


def worker_of(app: Celery, name: str) -> Any:
    """Make a consumer that runs one task after the other in the thread that starts it."""
    app.amqp.queues.add(own_queue(name))
    return app.WorkController(
        hostname=name,
        pool="solo",
        concurrency=1,
        queues=[COMMON, name],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
