"""A Bitrix24 to demo and test against."""

from .emulator import Bitrix24Emulator
from .switches import Switches
from .views import DialogView, MessageView, NoteView, ReplyView
from .world import FAULTS

__all__ = [
    "FAULTS",
    "Bitrix24Emulator",
    "DialogView",
    "MessageView",
    "NoteView",
    "ReplyView",
    "Switches",
]
