"""Serve the emulator with a demo portal: `python -m crm_clients.emulators.hubspot --port 8094`."""

import argparse
import json
import sys

import uvicorn

from .emulator import HubSpotEmulator

HOST = "127.0.0.1"


def with_demo_portal(hub: str, base: str) -> tuple[HubSpotEmulator, dict[str, object]]:
    """Return an emulator ready to be connected, and the credentials to connect it with."""
    emulator = HubSpotEmulator(base=base)
    portal = emulator.add_portal("demo", users=("Olga Petrova", "Ivan Sidorov"))
    app = emulator.add_app(f"{hub}/oauth/hubspot/callback", name="Threadline")
    told = emulator.install("demo", app.client_id)
    return emulator, {
        "portal_id": str(portal.hub_id),
        "users": {user.id: user.full_name for user in portal.users.values()},
        "service_key": emulator.static_token("demo"),
        "app_id": str(app.app_id),
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "developer_key": app.developer_key,
        "redirect_uri": app.redirect_uris[0],
        "access_token": told["access_token"],
        "refresh_token": told["refresh_token"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=HOST, help="wider only where nobody else can come")
    parser.add_argument(
        "--base", default="", help="where the hub finds it; default: --host and --port"
    )
    parser.add_argument("--port", type=int, default=8094)
    parser.add_argument("--hub", default="http://127.0.0.1:8000", help="where the hub listens")
    options = parser.parse_args()
    base = options.base.rstrip("/") or f"http://{options.host}:{options.port}"
    emulator, credentials = with_demo_portal(options.hub, base)
    addresses = {"api_base": base, "app_base": base, "trusted_origins": [base]}
    sys.stdout.write(json.dumps({**addresses, **credentials}, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()
    uvicorn.run(emulator.app, host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
