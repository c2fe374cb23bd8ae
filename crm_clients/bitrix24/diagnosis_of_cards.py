"""What stands between a portal whose messages go onto cards and working well.

Nothing is changed. An application is looked at as one with open lines is, but for the line; a
webhook can be asked little, and little can be wrong with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from crm_clients.bitrix24.diagnosis import Diagnosis, Look, closed, ok, problem, warning
from crm_clients.bitrix24.upkeep_of_cards import EVENTS, NO_CRM, NO_QUEUE, UpkeepOfCards
from mappers.vocabulary import ProviderError
from mappers.vocabulary.adapters import Finding


@dataclass(frozen=True, slots=True)
class DiagnosisOfCards(Diagnosis):
    """Looks at an application without open lines."""

    needed: tuple[str, ...] = ("crm",)
    useful: tuple[str, ...] = ("user",)
    events: tuple[str, ...] = EVENTS

    def _looks(self, address: str) -> Sequence[Look]:
        return (*self._usual_looks(address), self._about_queue)

    async def _about_queue(self) -> list[Finding]:
        upkeep = UpkeepOfCards(self.config, self.application, self.rest)
        if await upkeep.keeps_queue():
            return [ok("The portal keeps comments for us until we have read them")]
        return [warning(NO_QUEUE, "Install it so, and resume the connection.")]


@dataclass(frozen=True, slots=True)
class DiagnosisOfWebhook:
    """Looks at a portal as a webhook may."""

    upkeep: UpkeepOfCards = field(repr=False)

    async def of(self, address: str) -> tuple[Finding, ...]:
        try:
            account = await self.upkeep.check()
        except ProviderError as refused:
            return (closed("The portal does not let the webhook in", refused.failure),)
        findings = [ok(f"The portal answers: {account.url}")]
        if NO_CRM in account.warnings:
            findings.append(problem(NO_CRM, "Then look again."))
        if not address:
            what = "There is no public address: the files of customers stay behind"
            advice = "Set the public address of this installation (THREADLINE_PUBLIC_URL)."
            findings.append(warning(what, advice))
        return tuple(findings)
