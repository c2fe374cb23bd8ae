"""The two pages of ours that a portal frames: that we are installed, and our connector's settings.

There is nothing to set and nothing to load: a sentence, in the portal's language, and for the
installation a word to the portal that it is over. Who may frame them are Bitrix24's own clouds
and the portal itself, wherever it stands.
"""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from crm_clients.bitrix24.oauth import ZONES

Language = Literal["ru", "en"]
EASTERN = frozenset({"ru", "ua", "by", "kz", "uz", "kg", "am", "az", "ge"})
API = "https://api.bitrix24.com"
MAY = "default-src 'none'; style-src 'unsafe-inline'"
MAY_FINISH = f"{MAY}; script-src {API} 'unsafe-inline'"
CONNECTED: Mapping[Language, tuple[str, str]] = {
    "ru": ("Threadline подключён", "Закройте это окно: дальше всё настраивается на вашем сервере."),
    "en": ("Threadline is connected", "Close this window: the rest is set up on your own server."),
}
SETTINGS: Mapping[Language, tuple[str, str]] = {
    "ru": (
        "Этот канал обслуживает Threadline",
        "Здесь ничего не нужно настраивать. Операторов добавьте в очередь этой открытой линии.",
    ),
    "en": (
        "This channel is served by Threadline",
        "There is nothing to set here. Add your operators to the queue of this open line.",
    ),
}
STYLE = (
    "body{margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif;color:#1f2a37;"
    "background:#fff}main{max-width:36em}h1{margin:0 0 8px;font-size:20px;line-height:1.3}"
    "p{margin:0}"
)
FINISH = (
    f'<script src="{API}/api/v1/"></script>'
    "<script>BX24.init(function () { BX24.installFinish(); });</script>"
)


def language_of(query: Mapping[str, str]) -> Language:
    """Choose ours by the portal's."""
    return "ru" if query.get("LANG", "").lower() in EASTERN else "en"


def page(language: Language, words: Mapping[Language, tuple[str, str]], script: str = "") -> str:
    """Write a page of one sentence."""
    title, told = words[language]
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Threadline</title><style>{STYLE}</style>"
        f"<main><h1>{title}</h1><p>{told}</p></main>{script}\n"
    )


def installed(query: Mapping[str, str]) -> str:
    return page(language_of(query), CONNECTED, FINISH)


def settings(query: Mapping[str, str]) -> str:
    return page(language_of(query), SETTINGS)


def framed_by(base: str) -> str:
    """Say what the settings page may do, and who may frame it; `base` is the portal's address."""
    clouds = " ".join(f"https://*.bitrix24.{zone}" for zone in ZONES)
    parts = urlsplit(base)
    return f"{MAY}; frame-ancestors {clouds} {parts.scheme}://{parts.netloc}"
