"""What a CRM is told when a conversation is opened: whose record it is, and which deal."""

from dataclasses import replace
from typing import Any

import pytest

from crm_clients.contract import Can
from mappers.vocabulary import DeliveryKind, OpenedConversation, Opening
from middleware.connections.model import ConnectedCrm
from middleware.outbox.perform import ConversationOpened, perform
from middleware.store.rows import DealRow
from tests.unit.test_rehearsal import CRM, LINKED, OPEN_DEAL, OPENED, WORKSPACE, a_job, means


class Opens:
    """A CRM that keeps what it was asked to open."""

    def __init__(self) -> None:
        self.asked: list[Opening] = []

    async def open_conversation(self, opening: Opening) -> OpenedConversation:
        self.asked.append(opening)
        return OpenedConversation(id="chat-7", user=opening.user)


@pytest.mark.parametrize(
    ("deals", "deal"),
    [
        ((OPEN_DEAL,), "9"),
        ((), ""),
        ((replace(OPEN_DEAL, record="8"),), ""),
        ((replace(OPEN_DEAL, state="lost"),), ""),
    ],
)
async def test_a_conversation_is_tied_to_the_deal_in_use(
    deals: tuple[DealRow, ...], deal: str
) -> None:
    crm: Any = Opens()
    to = ConnectedCrm(
        id=CRM,
        workspace=WORKSPACE,
        provider="any",
        account="1",
        title="Any",
        adapter=crm,
        can=Can(text_limit=1000),
    )
    known = replace(OPENED, opened=OpenedConversation(id="chat-7", user="585"))
    job = a_job(DeliveryKind.OPEN_CONVERSATION, link=LINKED, opened=known, deals=deals)
    done = await perform(job, to, means())
    assert done == ConversationOpened(OpenedConversation(id="chat-7", user="585"), "7")
    (opening,) = crm.asked
    assert (opening.record, opening.user, opening.deal) == ("7", "585", deal)
