"""Corrections where a CRM can change no entry: said beneath it, as an entry of their own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from crm_clients.contract import EditsEntries, MarksDeletions
from mappers.text import Language
from mappers.vocabulary import DeliveryKind, Entry
from middleware.connections.model import Connected, ConnectedCrm
from middleware.media.flow import Shelf
from middleware.outbox.drafts import CORRECTS, entry
from middleware.store.duties import Job

BENEATH = "said beneath the entry"
EDITED: dict[Language, str] = {
    "ru": "[Автор изменил это сообщение]",
    "en": "[The author changed this message]",
}


def is_meant(job: Job, to: Connected) -> bool:
    """Say whether this is a correction that the CRM cannot make where the entry stands."""
    if not isinstance(to, ConnectedCrm) or job.kind not in CORRECTS:
        return False
    wanted = EditsEntries if job.kind is DeliveryKind.WRITE_EDIT else MarksDeletions
    return not isinstance(to.adapter, wanted)


async def say(job: Job, to: ConnectedCrm, shelf: Shelf) -> str:
    """Say it, and why it stands there. Raises: `ProviderError`."""
    await to.adapter.write(correction(job, to, shelf))
    return BENEATH


async def was_said(job: Job, to: ConnectedCrm, shelf: Shelf) -> bool:
    """Ask whether it was. Raises: `ProviderError`."""
    return await to.adapter.find_entry(correction(job, to, shelf), job.called_at) is not None


def correction(job: Job, to: ConnectedCrm, shelf: Shelf) -> Entry:
    """What a CRM is asked to put beneath an entry that it cannot change.

    It is an entry of its own, said when the author changed their words: after what it corrects,
    though channels count in seconds.
    """
    corrected, is_edit = entry(job, to, shelf), job.kind is DeliveryKind.WRITE_EDIT
    head = f"{EDITED[to.settings.language]}\n" if is_edit else ""
    at = datetime.fromtimestamp(job.revision / 1000, UTC)
    at = max(at, corrected.message.sent_at + timedelta(seconds=1))
    return replace(
        corrected,
        key=job.key,
        message=replace(corrected.message, sent_at=at, attachments=()),
        text=f"{head}{corrected.text}",
        quoted="",
        file=None,
    )
