"""Tasks for employees: what they say, whom they are for, and whether they are still wanted."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from crm_clients.contract import CreatesTasks
from mappers.text import Language
from mappers.vocabulary import Permanent, ProviderError, TaskDraft, Transient
from middleware.connections.model import ConnectedCrm
from middleware.fields.ability import can_fill
from middleware.fields.catalogues import Catalogues
from middleware.fields.flow import text_of_task
from middleware.identity.responsible import (
    OWNER,
    by_the_first_accepted,
    owner_of,
    to_be_named,
)
from middleware.pipeline.deals import deal_with
from middleware.store.duties import Job

WORDS: Mapping[str, Mapping[Language, str]] = {
    "unanswered": {
        "ru": "Клиент ждёт ответа: время на ответ вышло.",
        "en": "A customer waits for an answer: the time for it is over.",
    },
    "notes": {
        "ru": "Новое сообщение клиента: прочитайте его в примечаниях и ответьте.",
        "en": "A new message of a customer: read it in the notes, and answer.",
    },
}
UNTIL_ANSWERED = frozenset(WORDS)
# What is asked for now is to be done soon.
SOON = timedelta(minutes=15)


async def text_of(job: Job, to: ConnectedCrm, known: Catalogues) -> str:
    """Choose the words of a task: the one place that knows every sort of task.

    The same for every attempt, since it is by them that a task is found. Raises: `ProviderError`.
    """
    what = str(job.detail.get("task", ""))
    if what in WORDS:
        return WORDS[what][to.settings.language]
    text = ""
    if "rule" in job.detail and can_fill(to.adapter):
        text = await text_of_task(to.adapter, job, to, known)
    if not text:
        raise ProviderError(Permanent(code="hub.unknown_task"))
    return text


def needless(job: Job) -> str:
    """Say why a task is not wanted any more; empty when it is.

    Raises: `ProviderError` as long as it cannot be known, because replies may have been missed.
    """
    what = job.detail.get("task")
    if what not in UNTIL_ANSWERED:
        return ""
    if what == "unanswered" and not job.policy.answer_within:
        return "not wanted"
    if job.question is None or job.question.message != job.subject:
        return "answered"
    if job.opened is not None and job.opened.behind_since is not None:
        raise ProviderError(Transient(code="hub.maybe_answered"))
    return ""


async def make(crm: CreatesTasks, job: Job, to: ConnectedCrm, known: Catalogues) -> str:
    """Give the task to whoever is responsible; return its id. Raises: `ProviderError`."""
    draft = await _draft(job, to, known)
    if job.link is None or not job.link.live:
        raise ProviderError(Permanent(code="hub.no_record", gone="record"))
    owner = await owner_of(to.adapter, draft.record) if job.policy.responsible == OWNER else ""

    async def make_for(user: str) -> str:
        return await crm.create_task(replace(draft, responsible=user), key=job.key)

    return await by_the_first_accepted(to_be_named(job.policy, job.contact, owner), make_for)


async def find(crm: CreatesTasks, job: Job, to: ConnectedCrm, known: Catalogues) -> str | None:
    """Look for the task that a call in doubt may have made. Raises: `ProviderError`."""
    return await crm.find_created_task(await _draft(job, to, known), job.key, job.called_at)


async def _draft(job: Job, to: ConnectedCrm, known: Catalogues) -> TaskDraft:
    """A deal of another record than the contact's is not what the task is about."""
    record = job.link.record if job.link is not None else ""
    asked = job.detail.get("due")
    due = datetime.fromisoformat(asked) if asked else job.created_at
    text = await text_of(job, to, known)
    return TaskDraft(record=record, deal=deal_with(job, record), text=text, due_at=due + SOON)
