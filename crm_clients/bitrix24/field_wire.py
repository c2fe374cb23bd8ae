"""The JSON of a portal's settings: fields, lists, pipelines and users, as far as we read it.

Source: apidocs.bitrix24.com/api-reference/crm/{universal, status}, …/user.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from crm_clients.bitrix24.wire import Flag, Multifields, Number, Text


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Item(_Read):
    id: Text = Field("", alias="ID")
    value: Text = Field("", alias="VALUE")


class _Settings(_Read):
    dictionary: Text = Field("", alias="ENTITY_TYPE")


class About(_Read):
    """A field of a kind of cards. A custom one has labels beside its title.

    A field may take its values from a list of the portal's, a dictionary.
    """

    type: Text = ""
    title: Text = ""
    form_label: Text = Field("", alias="formLabel")
    list_label: Text = Field("", alias="listLabel")
    own_dictionary: Text = Field("", alias="statusType")
    is_read_only: Flag = Field(False, alias="isReadOnly")
    is_immutable: Flag = Field(False, alias="isImmutable")
    is_multiple: Flag = Field(False, alias="isMultiple")
    items: list[Item] | dict[str, Item] | None = None
    settings: _Settings | Any = None

    @property
    def label(self) -> str:
        return self.form_label or self.list_label or self.title

    @property
    def dictionary(self) -> str:
        named = self.settings.dictionary if isinstance(self.settings, _Settings) else ""
        return self.own_dictionary or named

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        items = self.items.values() if isinstance(self.items, dict) else self.items or ()
        return tuple((each.id, each.value) for each in items)


class Category(_Read):
    id: Text = Field(min_length=1)
    name: Text = ""
    sort: Number = 0
    is_default: Flag = Field(False, alias="isDefault")


class Status(_Read):
    """A row of a reference list. The stages of deals are such lists, one for each pipeline."""

    dictionary: Text = Field("", alias="ENTITY_ID")
    id: Text = Field("", alias="STATUS_ID")
    name: Text = Field("", alias="NAME")
    sort: Number = Field(0, alias="SORT")


class User(_Read):
    id: Text = Field(alias="ID", min_length=1)
    is_active: Flag = Field(False, alias="ACTIVE")
    name: Text = Field("", alias="NAME")
    last_name: Text = Field("", alias="LAST_NAME")
    email: Text = Field("", alias="EMAIL")

    @property
    def called(self) -> str:
        """What colleagues see; an address where nobody gave a name."""
        return " ".join(filter(None, (self.name, self.last_name))) or self.email


class Whose(_Read):
    """Who installed the application, as `profile` has it; the zone may be left to the portal."""

    zone: Text = Field("", alias="TIME_ZONE")


class Lead(_Read):
    """`contact` is set once a lead was turned into a customer, or came from one."""

    id: Text = Field(alias="ID", min_length=1)
    contact: Text = Field("", alias="CONTACT_ID")
    phones: Multifields = Field([], alias="PHONE")
    emails: Multifields = Field([], alias="EMAIL")


class ContactsDeal(_Read):
    id: Text = Field(alias="ID", min_length=1)
    contact: Text = Field("", alias="CONTACT_ID")


class Activity(_Read):
    id: Text = Field(alias="ID", min_length=1)
    subject: Text = Field("", alias="SUBJECT")
    deadline: Text = Field("", alias="DEADLINE")
    created: Text = Field("", alias="CREATED")


class Bound(_Read):
    """A card that an activity hangs on."""

    kind: Number = Field(0, alias="entityTypeId")
    card: Number = Field(0, alias="entityId")
