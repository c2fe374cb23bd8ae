"""Serve the emulator with a demo account: `python -m crm_clients.emulators.amocrm --port 8092`."""

import argparse
import json
import sys

import uvicorn

from .emulator import AmoCrmEmulator

HOST = "127.0.0.1"


def with_demo_account(hub: str) -> tuple[AmoCrmEmulator, dict[str, object]]:
    """Return an emulator ready to be connected, and the credentials to connect it with."""
    emulator = AmoCrmEmulator()
    account = emulator.add_account("demo", users=("Ольга Менеджер", "Иван Продавец"))
    integration = emulator.add_integration(f"{hub}/oauth/amocrm/callback", name="Threadline")
    channel = emulator.add_channel(
        integration, f"{hub}/webhooks/amocrm/:scope_id", approved=[account]
    )
    tokens = emulator.tokens(integration.client_id, account.subdomain)
    return emulator, {
        "subdomain": account.subdomain,
        "account_id": account.id,
        "amojo_id": account.amojo_id,
        "users": {user.name: user.id for user in account.users.values()},
        "client_id": integration.client_id,
        "client_secret": integration.client_secret,
        "redirect_uri": integration.redirect_uri,
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "channel_id": channel.id,
        "channel_secret": channel.secret,
        "channel_bot_id": channel.bot_id,
        "channel_hook_url": channel.hook_url,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=HOST, help="wider only where nobody else can come")
    parser.add_argument(
        "--base", default="", help="where the hub finds it; default: --host and --port"
    )
    parser.add_argument("--port", type=int, default=8092)
    parser.add_argument("--hub", default="http://127.0.0.1:8000", help="where the hub listens")
    options = parser.parse_args()
    emulator, credentials = with_demo_account(options.hub)
    base = options.base.rstrip("/") or f"http://{options.host}:{options.port}"
    addresses = {
        "api_base": f"{base}/{credentials['subdomain']}",
        "amojo_base": f"{base}/amojo",
        "oauth_base": base,
        "trusted_origins": [base],
    }
    sys.stdout.write(json.dumps({**addresses, **credentials}, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()
    uvicorn.run(emulator.app, host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
