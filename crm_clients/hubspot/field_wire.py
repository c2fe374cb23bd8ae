"""The JSON of a portal's settings: properties, pipelines and their stages, as far as we read it.

Source: the specifications of HubSpot/HubSpot-public-api-spec-collection.
"""

from typing import Annotated

from pydantic import BeforeValidator, Field

from crm_clients.hubspot.wire import Flag, Id, Number, Properties, Read, Text

Listed = BeforeValidator(lambda value: value or ())


class Option(Read):
    label: Text = ""
    value: Text = ""
    is_hidden: Flag = Field(False, alias="hidden")
    order: int = Field(0, alias="displayOrder")


class Modification(Read):
    is_read_only: Flag = Field(False, alias="readOnlyValue")


class Property(Read):
    """A field of a kind of cards. Choices that name cards of another kind are not told with it."""

    name: Id
    label: Text = ""
    type: Text = ""
    field_type: Text = Field("", alias="fieldType")
    options: Annotated[tuple[Option, ...], Listed] = ()
    names: Text = Field("", alias="referencedObjectType")
    is_hidden: Flag = Field(False, alias="hidden")
    is_archived: Flag = Field(False, alias="archived")
    is_calculated: Flag = Field(False, alias="calculated")
    is_built_in: Flag = Field(False, alias="hubspotDefined")
    is_unique: Flag = Field(False, alias="hasUniqueValue")
    modification: Modification | None = Field(None, alias="modificationMetadata")

    @property
    def is_read_only(self) -> bool:
        locked = self.modification is not None and self.modification.is_read_only
        return self.is_calculated or locked


class Stage(Read):
    """`metadata` says whether a deal is closed here and how likely it is, or that a ticket is."""

    id: Id
    label: Text = ""
    order: Number = Field(0, alias="displayOrder")
    is_archived: Flag = Field(False, alias="archived")
    metadata: Properties = Field(default_factory=dict)


class Pipeline(Read):
    id: Id
    label: Text = ""
    order: Number = Field(0, alias="displayOrder")
    is_archived: Flag = Field(False, alias="archived")
    stages: Annotated[tuple[Stage, ...], Listed] = ()
