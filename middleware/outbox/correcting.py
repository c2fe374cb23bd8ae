"""Changing what a channel was told: a reply reads otherwise by now, or was taken back.

Every call here may be repeated: a lost answer is asked for again, and finds the work done.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from channel_clients.contract import Deletes, Edits
from mappers.vocabulary import Outgoing
from middleware.connections.model import ConnectedChannel
from middleware.media.flow import Shelf
from middleware.outbox.drafts import newest_of, shares_of, words_of
from middleware.store.duties import Job, Spoken

SAID, UNSAID = "said", "unsaid"


@dataclass(frozen=True, slots=True)
class Corrected:
    """The channel shows what the operator meant; `why` says when there was nothing to change."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Declined:
    """The customer goes on seeing the old words: an operator is told so, and why."""

    code: str


async def edit_reply(job: Job, to: ConnectedChannel, shelf: Shelf) -> Corrected | Declined:
    """Let each part say its share of the new words. Raises: `ProviderError`."""
    newest = newest_of(job)
    if newest is None:
        return Corrected("taken back") if job.taken_back else await take_back(job, to)
    if job.fact is None or all(_says(each, job.fact.revision) for each in job.spoken):
        return Corrected("said in its newest form")
    if not any(each.names for each in job.spoken):
        return Declined("hub.no_name_to_correct")
    shares = shares_of(newest, job.spoken[0].detail, to)
    if shares is None:
        return Declined("hub.no_room_for_edit")
    wordy = [each for each in job.spoken if each.part == 0 or not each.detail.get("files")]
    pairs = tuple(zip(wordy, shares, strict=False))
    said = {
        at.part: words_of(replace(job, part=at.part, detail=at.detail), to, shelf, share)
        for at, share in pairs
        if share.part is not None
    }
    return await _retell(to, wordy, said)


async def take_back(job: Job, to: ConnectedChannel) -> Corrected | Declined:
    """Take every part away that the channel has. Raises: `ProviderError`."""
    names = tuple(_names(job.spoken))
    if not names:
        unsaid = any(UNSAID in each.detail for each in job.spoken)
        return Corrected("never said") if unsaid else Declined("hub.no_name_to_correct")
    if not isinstance(to.adapter, Deletes):
        return Declined("hub.channel_deletes_nothing")
    for name in names:
        await to.adapter.delete(name)
    return Corrected()


async def _retell(
    to: ConnectedChannel, parts: Sequence[Spoken], said: Mapping[int, Outgoing]
) -> Corrected | Declined:
    """Change the parts that go on saying something, and take the others away."""
    channel = to.adapter
    surplus = tuple(_names([at for at in parts if at.part not in said]))
    if not isinstance(channel, Edits):
        return Declined("hub.channel_edits_nothing")
    if surplus and not isinstance(channel, Deletes):
        return Declined("hub.channel_deletes_nothing")
    for at in parts:
        if at.names and at.part in said:
            await channel.edit(at.names[0], replace(said[at.part], files=()))
    if isinstance(channel, Deletes):
        for name in surplus:
            await channel.delete(name)
    return Corrected()


def _says(part: Spoken, revision: int) -> bool:
    """Say whether a part was said in this form, or a newer one, or is not said at all for it."""
    return int(part.detail.get(SAID, -1)) >= revision


def _names(parts: Sequence[Spoken]) -> Iterator[str]:
    for each in parts:
        yield from each.names
