"""A unit: the chapters of the port in one transaction."""

from middleware.simulation.twin.crm_side import CrmSide
from middleware.simulation.twin.fields import Fields
from middleware.simulation.twin.files import Files
from middleware.simulation.twin.inbox import Inbox
from middleware.simulation.twin.messages import Messages
from middleware.simulation.twin.outbox import Outbox
from middleware.simulation.twin.people import People


class TwinUnit(Inbox, People, Messages, Files, Fields, CrmSide, Outbox):
    """`middleware.store.port.Unit` in memory."""
