"""The JSON of timelines: activities, comments, and what a portal kept in its queue for us.

Source: apidocs.bitrix24.com/api-reference/{crm/timeline, events}, samples of those pages.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from crm_clients.bitrix24.wire import Flag, Number, Text


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def _as_files(value: Any) -> Any:
    """Files come as a map by their ids, as a list, or as nothing."""
    return list(value.values()) if isinstance(value, dict) else value or []


def _as_map(value: Any) -> Any:
    """What is no map says nothing: a row that cannot be read must not hold up those after it."""
    return value if isinstance(value, dict) else {}


class Activity(_Read):
    id: Text = Field(alias="ID", min_length=1)
    text: Text = Field("", alias="DESCRIPTION")


class CommentFile(_Read):
    name: Text = ""
    type: Text = ""
    size: Number = 0
    link: Text = Field("", alias="urlDownload")


class Comment(_Read):
    """A comment as one of its cards shows it. `created` carries the portal's time zone."""

    id: Text = Field(alias="ID", pattern=r"^\d{1,20}$")
    card: Text = Field("", alias="ENTITY_ID")
    kind: Text = Field("", alias="ENTITY_TYPE")
    created: Text = Field("", alias="CREATED")
    text: Text = Field("", alias="COMMENT")
    author: Text = Field("", alias="AUTHOR_ID")
    files: Annotated[list[CommentFile], BeforeValidator(_as_files)] = Field([], alias="FILES")


class DealOfComment(_Read):
    id: Text = Field(alias="ID", min_length=1)
    contact: Text = Field("", alias="CONTACT_ID")


class _Fields(_Read):
    id: Text = Field("", alias="ID")


class _Data(_Read):
    fields: Annotated[_Fields, BeforeValidator(_as_map)] = Field(_Fields(), alias="FIELDS")


class Queued(_Read):
    """An event that the portal kept for us."""

    id: Annotated[int, Field(alias="ID", ge=0, le=2**63)]
    event: Text = Field("", alias="EVENT_NAME")
    data: Annotated[_Data, BeforeValidator(_as_map)] = Field(_Data(), alias="EVENT_DATA")


class Listening(_Read):
    """A subscription; an offline one puts its events into a queue."""

    event: Text
    is_offline: Flag = Field(default=False, alias="offline")


class FoundComment(_Read):
    """What asking packs into a parcel: an answer, and whose card it lies on.

    `contact` is empty when nobody can say.
    """

    kind: Literal["contact", "deal"]
    comment: Comment
    contact: str = ""


class CommentsRead(_Read):
    """What `read_history` packs into a parcel, oldest first."""

    conversation: str
    comments: list[FoundComment]
