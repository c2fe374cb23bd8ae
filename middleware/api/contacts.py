"""`/api/v1/claims`, `/contacts`, `/joins`: who is the same person, and who is not."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from mappers.vocabulary import ConnectionId, ContactId, ConversationId
from middleware.api.auth import Operator, Reader, TheHub
from middleware.api.deliveries import Cursor, Limit
from middleware.api.schemas import DecideClaim, LinkContact, UnlinkConversation, UnlinkRecord
from middleware.operations.claims import flow as asking
from middleware.operations.model import Page
from middleware.operations.people import flow
from middleware.operations.people.model import ClaimLine, Decided, How, Joined

router = APIRouter(tags=["contacts"])

Preview = Annotated[bool, Query(description="Only say what would move; nothing is written.")]


@router.get("/claims", summary="List contacts that may be the same person, the oldest first")
async def list_claims(
    hub: TheHub, who: Reader, cursor: Cursor = "", limit: Limit = 50
) -> Page[ClaimLine]:
    return await asking.find(hub, who.caller, cursor=cursor, limit=limit)


@router.post("/claims/{claim_id}/decision", summary="Say whether they are the same person")
async def decide_claim(
    hub: TheHub, who: Operator, claim_id: UUID, asked: DecideClaim, *, preview: Preview = False
) -> Decided:
    """Deciding a second time is refused (409), and changes nothing."""
    how = How(again=asked.again, preview=preview)
    return await asking.decide(hub, who.caller, claim_id, asked.decision, how)


@router.post("/contacts/{contact_id}/link", summary="Give a contact all that another one has")
async def link_contact(
    hub: TheHub, who: Operator, contact_id: UUID, asked: LinkContact, *, preview: Preview = False
) -> Joined:
    """Linking the same two a second time changes nothing."""
    how = How(again=asked.again, preview=preview)
    join = ContactId(asked.join)
    return await flow.link(hub, who.caller, ContactId(contact_id), join, how)


@router.post("/contacts/{contact_id}/unlink", summary="Take a conversation or a record away")
async def unlink_contact(
    hub: TheHub,
    who: Operator,
    contact_id: UUID,
    asked: UnlinkConversation | UnlinkRecord,
    *,
    preview: Preview = False,
) -> Joined:
    """A conversation becomes a contact of its own; of a record, the contact is matched anew."""
    contact = ContactId(contact_id)
    match asked:
        case UnlinkConversation(conversation=conversation):
            taken = ConversationId(conversation)
            return await flow.unlink(hub, who.caller, contact, taken, preview=preview)
        case UnlinkRecord(connection=connection):
            crm = ConnectionId(connection)
            return await flow.forget_record(hub, who.caller, contact, crm, preview=preview)


@router.post("/joins/{join_id}/undo", summary="Put back what a link or an unlink moved")
async def undo_join(
    hub: TheHub, who: Operator, join_id: UUID, *, preview: Preview = False
) -> Joined:
    """What has moved on since is named in `stays`. Undoing a second time is refused (409)."""
    return await flow.undo(hub, who.caller, join_id, preview=preview)
