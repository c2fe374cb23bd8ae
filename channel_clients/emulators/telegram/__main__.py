"""`python -m channel_clients.emulators.telegram`: the emulator under uvicorn, on loopback."""

import argparse

import uvicorn

from channel_clients.emulators.stage import Stage
from channel_clients.emulators.telegram import Limits, TelegramEmulator


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve an emulated Telegram Bot API.")
    parser.add_argument("--host", default="127.0.0.1", help="wider only where nobody else can come")
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument(
        "--token", action="append", required=True, help="a bot's token; may be repeated"
    )
    parser.add_argument("--unlimited", action="store_true", help="refuse no message for its pace")
    arguments = parser.parse_args()
    limits = None if arguments.unlimited else Limits()
    emulator = TelegramEmulator(Stage(), limits=limits)
    for token in arguments.token:
        emulator.add_bot(token, f"bot{token.partition(':')[0]}_bot")
    uvicorn.run(emulator.app, host=arguments.host, port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
