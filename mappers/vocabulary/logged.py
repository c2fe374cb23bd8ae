"""What passed between a customer and the company outside of any conversation: calls and e-mails.

They are written on a card for the record. An SMS is a message like any other.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mappers.vocabulary.messages import Direction


class CallResult(StrEnum):
    TALKED = "talked"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    VOICEMAIL = "voicemail"
    CALL_BACK = "call_back"
    WRONG_NUMBER = "wrong_number"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDraft:
    """A call that has ended. `phone` is the customer's, E.164; `telephony` names who carried it.

    Without a `record` the CRM finds the card by the phone. `recording` is an address, `words` what
    is noted about the outcome, `responsible` the CRM's id of the user who spoke.
    """

    direction: Direction
    phone: str = field(repr=False)
    began_at: datetime
    duration_s: int
    telephony: str
    result: CallResult
    recording: str = field(default="", repr=False)
    words: str = field(default="", repr=False)
    record: str = ""
    deal: str = ""
    responsible: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailDraft:
    """An e-mail that was sent or received. `excerpt` is the beginning of its words."""

    direction: Direction
    record: str
    sent_at: datetime
    subject: str = field(repr=False)
    sender: str = field(repr=False)
    recipients: tuple[str, ...] = field(repr=False)
    excerpt: str = field(default="", repr=False)
    deal: str = ""
