"""The shelf: files come onto it from one side's adapter and are handed to the other's."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from mappers.text import Language, in_words
from mappers.vocabulary import (
    Attachment,
    MediaFile,
    Message,
    MessageId,
    Permanent,
    ProviderError,
    Transient,
)
from mappers.vocabulary.adapters import FetchesFiles
from middleware.connections.model import Connected, ConnectedCrm
from middleware.media import rules
from middleware.media.port import MediaStore
from middleware.store.duties import Job
from middleware.store.rows import FileRow


@dataclass(frozen=True, slots=True)
class Given:
    """What a call carries of a message's files: those that are here, and words for the others."""

    files: tuple[MediaFile, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shelf:
    """`address` spells where we serve a file; empty when nobody can reach us."""

    store: MediaStore
    address: Callable[[MessageId, int], str]
    limit_bytes: int

    async def fetch(self, said: Message, job: Job, adapter: Any) -> FileRow:
        """Bring a file from where its message came from. Raises: `ProviderError`."""
        attachment = said.attachments[job.part]
        if not isinstance(adapter, FetchesFiles):
            raise ProviderError(Permanent(code="file.cannot_fetch"))
        if rules.is_too_large(attachment, self.limit_bytes):
            raise ProviderError(Permanent(code="file.too_large"))
        fetched = await adapter.fetch(attachment, self.limit_bytes)
        if len(fetched.body) > self.limit_bytes:
            raise ProviderError(Permanent(code="file.too_large"))
        if not fetched.body:
            raise ProviderError(Permanent(code="file.empty"))
        mime = rules.sniff(fetched.body)
        return FileRow(
            message=MessageId(job.subject),
            position=job.part,
            state="stored",
            key=await self._put(fetched.body),
            mime=mime,
            size_bytes=len(fetched.body),
            name=rules.safe_name(fetched.name or attachment.title, attachment.kind, mime),
        )

    async def _put(self, body: bytes) -> str:
        try:
            return await self.store.put(body)
        except OSError as error:
            raise ProviderError(Transient(code="file.not_kept")) from error

    def given(self, job: Job, to: Connected, positions: Iterable[int]) -> Given:
        """Hand out the files at these positions, and say of the others why they are not here."""
        known = {file.position: file for file in job.files}
        files: list[MediaFile] = []
        words: list[str] = []
        for position in positions:
            attachment = job.message.attachments[position] if job.message else None
            if attachment is None:
                continue
            file = known.get(position)
            why = self._why_not(file, job, to)
            if file is not None and why is None:
                files.append(self._hand_out(file, attachment))
            else:
                words.append(_line(attachment, why or "", to.settings.language))
        return Given(tuple(files), tuple(words))

    def _why_not(self, file: FileRow | None, job: Job, to: Connected) -> str | None:
        """Say why a file cannot go along; None when it can, empty when it is on its way."""
        if file is None or file.state == "wanted":
            return ""
        if to.id in file.late and "late_file" not in job.detail:
            return ""
        language = to.settings.language
        if file.state == "refused":
            return rules.why_not(file.reason, self.limit_bytes, language)
        address = self.address(file.message, file.position)
        most = to.can.file_limit_bytes
        if most and file.size_bytes > most:
            return address or rules.why_not(rules.TOO_LARGE, most, language)
        if isinstance(to, ConnectedCrm) and not address:
            return rules.why_not(rules.NO_ADDRESS, most, language)
        return None

    def _hand_out(self, file: FileRow, attachment: Attachment) -> MediaFile:
        async def read() -> bytes:
            try:
                body = await self.store.get(file.key)
            except OSError as error:
                raise ProviderError(Transient(code="file.not_at_hand")) from error
            if body is None:
                raise ProviderError(Permanent(code="file.gone"))
            return body

        return MediaFile(
            kind=attachment.kind,
            name=file.name,
            mime=file.mime,
            size_bytes=file.size_bytes,
            url=self.address(file.message, file.position),
            read=read,
            duration_s=attachment.duration_s,
        )


def _line(attachment: Attachment, why: str, language: Language) -> str:
    line = in_words(attachment, language)
    return f"{line} ({why})" if why else line
