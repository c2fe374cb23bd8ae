"""What a help desk does of itself: each thread that begins there is a ticket."""

from . import links, records
from .authors import Author
from .inbox_model import Thread
from .kinds import CONTACT, TICKET, named
from .model import Portal
from .world import World

SOURCE = "CONVERSATIONS"


def open_ticket(world: World, portal: Portal, thread: Thread) -> int:
    """Open a ticket in the first stage there is, the contact's if one is known; return its id."""
    pipeline = portal.crm.pipelines[TICKET][0]
    properties = {
        "subject": f"Conversation {thread.id}",
        "hs_pipeline": pipeline.id,
        "hs_pipeline_stage": pipeline.stages[0].id,
    }
    made = records.draft(world, portal, records.Asked(named(TICKET), properties))
    if thread.is_known:
        made.ties = [links.default_tie(TICKET, (CONTACT, thread.contact_id))]
    author = Author(source=SOURCE, source_id=str(thread.id), user_id=0)
    return records.commit(world, portal, made, author).id
