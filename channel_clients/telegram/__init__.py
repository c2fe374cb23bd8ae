"""Telegram bots and business accounts: words, files, places and cards, both ways.

Source: Bot API, https://core.telegram.org/bots/api. Four quirks shaped this package:

- message ids count per chat, so an origin is `"<chat>:<message>"`, in both directions, and what
  goes through a business account has its connection in front;
- a send takes no idempotency key and a bot cannot list what it sent, so a lost answer stays
  `Ambiguous` and `Can.probe` is False;
- offsets of formatting count UTF-16 code units, ours count code points;
- a bot has one webhook or one listener: whoever came last silences the other.
"""

from channel_clients.telegram.adapter import MANIFEST, Telegram
from channel_clients.telegram.config import Config

__all__ = ["MANIFEST", "Config", "Telegram"]
