"""Serve the emulator with a demo portal: `python -m crm_clients.emulators.bitrix24 --port 8093`."""

import argparse
import json
import sys

import uvicorn

from .emulator import Bitrix24Emulator

HOST = "127.0.0.1"


def with_demo_portal(hub: str, base: str) -> tuple[Bitrix24Emulator, dict[str, object]]:
    """Return an emulator ready to be connected, and the credentials to connect it with."""
    emulator = Bitrix24Emulator(base=base)
    portal = emulator.add_portal("demo", users=("Ольга Менеджер", "Иван Продавец"))
    application = emulator.add_application(
        f"{hub}/oauth/bitrix24/install",
        name="Threadline",
        redirect_uri=f"{hub}/oauth/bitrix24/callback",
    )
    told = emulator.install("demo", application.client_id, quietly=True)
    return emulator, {
        "portal": portal.slug,
        "line": next(iter(portal.lines.lines)),
        "users": {user.full_name: user.id for user in portal.users.values()},
        "webhook": emulator.add_webhook("demo")["url"],
        "client_secret": application.client_secret,
        "redirect_uri": application.redirect_uri,
        "client_id": application.client_id,
        **told,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=HOST, help="wider only where nobody else can come")
    parser.add_argument(
        "--base", default="", help="where the hub finds it; default: --host and --port"
    )
    parser.add_argument("--port", type=int, default=8093)
    parser.add_argument("--hub", default="http://127.0.0.1:8000", help="where the hub listens")
    options = parser.parse_args()
    base = options.base.rstrip("/") or f"http://{options.host}:{options.port}"
    emulator, credentials = with_demo_portal(options.hub, base)
    addresses = {"oauth_base": base, "trusted_origins": [base]}
    sys.stdout.write(json.dumps({**addresses, **credentials}, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()
    uvicorn.run(emulator.app, host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
