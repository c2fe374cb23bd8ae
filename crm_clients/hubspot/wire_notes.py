"""The JSON of notes and files as answers need it, and what asking packs into parcels.

Source: developers.hubspot.com/docs/api-reference/{crm-notes-v3, files-v3}/guide; what tells a
record's source: samples of integrators.
"""

from pydantic import Field

from crm_clients.hubspot.wire import CrmObject, Id, Number, Read, Text


class KeptFile(Read):
    """A file of the portal. `name` is without its extension."""

    id: Id
    name: Text = Field("", repr=False)
    extension: Text = ""
    type: Text = ""
    size: Number = 0

    @property
    def title(self) -> str:
        return f"{self.name}.{self.extension}" if self.extension else self.name


class FoundNote(Read):
    """An answer, and whose card it lies on.

    `contact` and `deal` are empty where nobody can say: with several of either, nobody knows who
    is meant.
    """

    note: CrmObject
    contact: Text = ""
    deal: Text = ""
    files: tuple[KeptFile, ...] = ()


class NotesRead(Read):
    """What `read_history` packs into a parcel, oldest first."""

    conversation: str
    notes: list[FoundNote]
