"""The channels that a trial can be played with, one line each."""

from collections.abc import Mapping

from channel_clients.emulators import telegram
from channel_clients.emulators.contract import ChannelPart

CHANNEL_PARTS: Mapping[str, ChannelPart] = {
    telegram.PART.name: telegram.PART,
}
