"""The channels that this build speaks, one line each."""

from collections.abc import Mapping

from channel_clients import telegram
from channel_clients.contract import ChannelManifest

CHANNELS: Mapping[str, ChannelManifest] = {
    telegram.MANIFEST.name: telegram.MANIFEST,
}
