"""Names for the ids that travel through the hub. Ids people see are UUIDv7."""

from typing import NewType
from uuid import UUID

WorkspaceId = NewType("WorkspaceId", UUID)
ConnectionId = NewType("ConnectionId", UUID)
ContactId = NewType("ContactId", UUID)
ConversationId = NewType("ConversationId", UUID)
MessageId = NewType("MessageId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
RouteId = NewType("RouteId", UUID)
