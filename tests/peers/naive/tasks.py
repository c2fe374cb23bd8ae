"""One task a message, one call a task; the client is shared, as a fair peer's would be."""

import os
from typing import Any

import httpx
from celery import Celery
from celery.signals import worker_process_init

celery = Celery("naive", broker=os.environ["NAIVE_BROKER"])
celery.conf.task_ignore_result = True
celery.conf.worker_prefetch_multiplier = 4
celery.conf.broker_connection_retry_on_startup = True

CRM = os.environ["NAIVE_CRM"]
client = httpx.Client(timeout=30)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def own_client(**_: Any) -> None:
    """Sockets must not be shared by forked workers."""
    global client  # noqa: PLW0603  # one a process, as Celery forks them
    client = httpx.Client(timeout=30)


@celery.task  # type: ignore[untyped-decorator]
def deliver(bot: int, update: dict[str, Any]) -> None:
    message = update["message"]
    sender = message["from"]
    payload = {
        "timestamp": message["date"],
        "msec_timestamp": message["date"] * 1000,
        "msgid": f"{bot}-{update['update_id']}",
        "conversation_id": f"telegram:{bot}:{message['chat']['id']}",
        "silent": False,
        "sender": {"id": f"telegram:{sender['id']}", "name": sender["first_name"]},
        "message": {"type": "text", "text": message["text"]},
    }
    answer = client.post(
        f"{CRM}/amojo/v2/origin/custom/11111111-1111-4111-8111-111111111111_{bot}",
        json={"event_type": "new_message", "payload": payload},
    )
    answer.raise_for_status()
