"""The reference pages, printed from what they describe. Values in, Markdown out."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from datetime import timedelta
from enum import Enum
from importlib import import_module
from textwrap import fill, indent
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from channel_clients.registry import CHANNELS
from crm_clients.registry import CRMS
from middleware.cli.mapping_reference import mapping_page
from middleware.connections.model import ConnectionSettings
from middleware.http import codes as gateway
from middleware.outbox import codes as outbox
from middleware.settings import Settings
from middleware.store.policy import Policy

REFERENCE = "docs/reference"
PRINTED = "<!-- Printed by `threadline docs`; edit what it describes instead. -->\n"

ABILITIES: Mapping[str, str] = {
    "text_limit": "longest text in one part",
    "text_unit": "which counts",
    "caption_limit": "longest caption of a file",
    "attachments": "shown as themselves",
    "album": "files in one call",
    "file_limit_bytes": "largest file, in bytes",
    "buttons": "buttons under a message",
    "accepted": "an accepted send proves",
    "repeatable": "drops a repeat by our key",
    "quotes": "quotes",
    "edits": "edits",
    "deletes": "deletions",
    "reactions": "reactions",
    "typing": "shows that an operator is writing",
    "probe": "can be asked whether it has a message",
    "polls": "works without a public address",
    "settles_after": "absence proves nothing before",
    "reply_window": "replies allowed for",
    "statuses": "statuses an operator can be shown",
    "replies_told_once": "missed replies are not told again in time, so they are read back",
    "sources": "lists our channels as its sources",
    "opens_own_deals": "opens deals by itself",
    "notifies": "a new message draws the operators' attention by itself",
    "polled": "is asked for replies as well, since its hooks may be lost",
    "tasks": "gives employees tasks",
    "keeps_quiet": "can be kept from it",
    "bulk": "entries in one call",
}
POLICY: Mapping[str, str] = {
    "deal_owner": "Who opens a customer's deal. `hub`: it is open before the first message."
    " `crm`: the CRM opens it in its own way, and the hub adopts it.",
    "deal_policy": "`reuse_open`: an open deal is used, and a new one opened only when there is"
    " none. `never`: no deal is opened, and the CRM is asked to open none either.",
    "deal_rest": "A closed deal is still used for so long: what is said goes to it, and the CRM"
    " notifies nobody. Then a new one is opened. Needs `deal_owner` `hub`.",
    "deal_scope": "`contact`: a customer has one deal, whatever channel they write on."
    " `channel`: one for each channel connection. Needs `deal_owner` `hub`.",
    "deal_on": "What opens a deal. `message`: anything. `text`: only a person's words; a sticker,"
    " a file without a caption, or a bot's command is written to the contact without a deal, and"
    " the CRM notifies nobody.",
    "thread_window": "A customer who wrote on one channel and goes on on another within this time"
    " stays in the same open deal, whatever its pipeline and whichever channel's it is. Every"
    " message to the deal begins the time anew. Set it on each of the routes. Needs `deal_owner`"
    " `hub`.",
    "pipeline": "The CRM's id of the pipeline for new deals; only open deals of this pipeline are"
    " reused. Empty: the account's main one, and any open deal will do.",
    "stage": "The CRM's id of the stage for new deals. Empty: the pipeline's first.",
    "lane_policy": "What the messages behind one that failed for good, or waits for a person, do."
    " `skip`: they go on, and the gap is marked. `wait`: they wait for it.",
    "on_doubt": "What to do with this route's messages when nobody can tell whether one arrived:"
    " `hold` or `resend`. Empty: as the connection that they go to has it.",
    "operator_name": "What a reply begins with, so that the customer sees who answers: `none`:"
    " nothing; `first`: the first name; `full`: the name as the CRM has it. A name that is not"
    " known yet is asked for, and no reply waits for it.",
    "pilot": "The customers that the route is tried with: phones, e-mails, `@username`, or"
    " `telegram:ID`. What others write is kept, and not written to the CRM, not even later. Empty:"
    " everybody.",
    "dry_run": "Everything is decided and shown, and nothing is written to the CRM: what would be"
    " done stands in each message's trace. What came meanwhile is not written later, unless it is"
    " replayed by hand.",
    "responsible": "Who is responsible for the contacts, deals and tasks that the hub makes: a user"
    " by the CRM's id; several, separated by commas, who take turns, and each contact always comes"
    " to the same one; or `owner`: whose the contact's card is, for deals and tasks. Empty: the CRM"
    " decides, and a task is for whoever the deal or the card belongs to.",
    "responsible_fallback": "The user, by the CRM's id, who is named when the one wished for is not"
    " active in the account any more. Empty, or refused, too: the CRM decides.",
    "tags": "Tags of the deals that the hub opens. An open deal that is found and used gets them"
    " once, beside its own.",
    "answer_within": "When no operator has answered a customer's message for so much working time,"
    " the responsible gets one task. An answer, also one from the company's own phone, ends the"
    " waiting. `0`: no tasks.",
    "hours": "When the company works, `mon-fri 09:00-18:00, sat 10:00-14:00`: days `mon` to `sun`,"
    " times `00:00` to `24:00`; a day may be named twice, and a time that ends before it begins"
    " ends the next day. Holidays are not known. Empty: always.",
    "zone": "The time zone of `hours`, as the tz database names it: `Europe/Moscow`. Hours need"
    " one.",
}
CONNECTION: Mapping[str, str] = {
    "on_doubt": "What to do when nobody can tell whether a message arrived. `hold`: ask a person."
    " `resend`: send it again, and risk that the customer reads it twice.",
    "reply_age_limit": "A reply older than this is not sent without a person's word.",
    "language": "The language of our own words: to operators in a CRM, to customers in a channel.",
    "file_wait": "An entry waits so long for its file, then goes without it; the file follows.",
}
COMPOSE: Mapping[str, str] = {
    "POSTGRES_PASSWORD": "Only for docker compose: the password of the database that it starts."
    " Choose one, of letters and digits: it becomes part of an address.",
    "GRAFANA_PASSWORD": "Only for docker compose: the password of `admin` in Grafana. Empty:"
    " Grafana's own, which it wants changed at the first sign-in.",
}
KINDS = """\
| kind | did it happen? | what follows |
|---|---|---|
| permanent | no | nothing more is tried; a person may replay it |
| transient | no | again, after a wait that doubles |
| rate limited | no | again when the provider says; the try does not count |
| auth expired | no | credentials are renewed, or the connection waits for a sign-in |
| blocked | no | by the recipient: the conversation closes; by the provider: the connection stops |
| ambiguous | **unknown** | the provider is asked before anything is repeated; else a person is |
"""


def static_pages() -> dict[str, str]:
    """Every page that needs no command line to be printed from, by its path in the repository."""
    return {
        f"{REFERENCE}/settings.md": settings_page(),
        f"{REFERENCE}/failures.md": failures_page(),
        f"{REFERENCE}/capabilities.md": capabilities_page(),
        f"{REFERENCE}/routes.md": routes_page(),
        f"{REFERENCE}/mapping.md": _page("Mappings", mapping_page()),
        ".env.example": env_example(),
    }


def _page(title: str, *parts: str) -> str:
    return "\n".join((PRINTED, f"# {title}\n", *(f"{part.rstrip()}\n" for part in parts)))


# Settings.


def env_name(name: str) -> str:
    return f"{Settings.model_config['env_prefix']}{name}".upper()


def settings_page() -> str:
    """One heading for each setting."""
    return _page(
        "Settings",
        "Read from the environment or from an `.env` file beside it, which `.env.example` is a"
        " draft\nof. Durations are seconds or ISO 8601 (`PT30S`).",
        *(
            f"## {env_name(name)}\n\n{info.description}\n\n{_takes(info)}"
            for name, info in Settings.model_fields.items()
        ),
    )


def _takes(info: FieldInfo) -> str:
    bounds = [
        f"{words} {getattr(limit, sign)}"
        for limit in info.metadata
        for sign, words in (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"))
        if getattr(limit, sign, None) is not None
    ]
    default = _default(info)
    said = [kind_in_words(info.annotation), *bounds]
    said.append(f"default `{default}`" if default else "empty by default")
    return f"*{', '.join(said)}*"


def _default(info: FieldInfo) -> str:
    if info.default is PydanticUndefined or info.default is None:
        return ""
    value = info.default
    return _spelt(value)


def _spelt(value: Any) -> str:
    match value:
        case Enum():
            return str(value.value)
        case SecretStr():
            return value.get_secret_value()
        case timedelta():
            return f"{to_jsonable_python(value)}"
        case _:
            return str(value)


def kind_in_words(annotation: Any) -> str:
    """Say what may be entered: a word for a type, the words themselves for a choice."""
    known = {str: "text", int: "whole number", float: "number", bool: "yes or no"}
    known |= {timedelta: "duration", SecretStr: "secret"}
    if get_origin(annotation) is tuple:
        return f"a list of {kind_in_words(get_args(annotation)[0])}"
    options = [option for option in get_args(annotation) if option is not NoneType]
    if not options:
        return known.get(annotation, str(annotation.__name__).lower())
    if isinstance(options[0], str):
        return " or ".join(f"`{option}`" for option in options if option)
    return " or ".join(kind_in_words(option) for option in options)


def _commented(words: str) -> str:
    return indent(fill(words.replace("`", ""), 97), "# ")


def env_example() -> str:
    """Every setting, commented out, at its default."""
    lines = [
        "# Copy to .env and remove the # before what you change.",
        "# Printed by `threadline docs` from the settings; docs/reference/settings.md says more.",
    ]
    for name, info in Settings.model_fields.items():
        lines += ["", _commented(info.description or ""), f"#{env_name(name)}={_default(info)}"]
    for name, words in COMPOSE.items():
        lines += ["", _commented(words), f"#{name}="]
    return "\n".join(lines) + "\n"


# Failures.


def sentences() -> dict[str, str]:
    """Every failure code with its sentence: the hub's, the gateway's, each adapter's."""
    found = {**outbox.SENTENCES, **gateway.SENTENCES, **outbox.USUAL}
    for package, names in (("channel_clients", CHANNELS), ("crm_clients", CRMS)):
        for name in names:
            found |= import_module(f"{package}.{name}.codes").SENTENCES
    return found


def failures_page() -> str:
    """One heading, and one anchor of the same name, for each failure code."""
    by_family: dict[str, list[str]] = {}
    for code, sentence in sorted(sentences().items()):
        family = by_family.setdefault(code.partition(".")[0], [])
        family.append(f'### <a id="{code}"></a>{code}\n\n{sentence}\n')
    titles = {"hub": "Decided by the hub", "crm": "Asked of a CRM", "net": "On the way"}
    titles |= {"http": "Answered by a provider", "file": "About files"}
    titles |= {name: manifest.title for name, manifest in {**CHANNELS, **CRMS}.items()}
    return _page(
        "Failure codes",
        "A failure is one of six kinds; its code says why. The provider's own sentence, where it"
        "\ngave one, stands beside the code in the trace.",
        KINDS,
        *(f"## {title}\n\n" + "\n".join(by_family[name]) for name, title in titles.items()),
    )


# Capabilities.


def capabilities_page() -> str:
    """One heading for each adapter, with what its manifest says it can."""
    return _page(
        "What each channel and CRM can",
        "What providers allow and this build uses. Limits and quirks are on each one's own page.",
        *(_abilities("channels", name, m.title, m.can) for name, m in sorted(CHANNELS.items())),
        *(_abilities("crms", name, m.title, m.can) for name, m in sorted(CRMS.items())),
        *(
            _abilities("crms", name, f"{m.title}: {mode}", can)
            for name, m in sorted(CRMS.items())
            for mode, can in sorted(m.modes.items())
        ),
    )


def _abilities(folder: str, name: str, title: str, can: Any) -> str:
    rows = (f"| {ABILITIES[f.name]} | {_ability(getattr(can, f.name))} |" for f in fields(can))
    page = f"[Its page](../{folder}/{name}.md)."
    return f"## {title}\n\n{page}\n\n| | |\n|---|---|\n" + "\n".join(rows)


def _ability(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "no limit"
        case frozenset():
            return ", ".join(sorted(map(_spelt, value))) or "none"
        case timedelta():
            return f"{value.total_seconds():g} s"
        case int():
            return f"{value:,}"
        case _:
            return _spelt(value).replace("_", " ")


# Routes.


def routes_page() -> str:
    """One heading for each thing that a route or a connection decides."""
    return _page(
        "Routes and connections",
        "A route leads from a channel's connection to a CRM's and carries a policy.",
        "## What a route decides",
        *_choices(Policy, POLICY),
        "## What a connection decides",
        *_choices(ConnectionSettings, CONNECTION),
    )


def _choices(of: type[Any], words: Mapping[str, str]) -> Iterator[str]:
    for choice in fields(of):
        default = _default_of(choice)
        said = f"default `{default}`" if default else "empty by default"
        yield f"### {choice.name}\n\n{words[choice.name]}\n\n*{kind_in_words(choice.type)}, {said}*"


def _default_of(choice: "Field[Any]") -> str:
    return "" if choice.default in (MISSING, ()) else _spelt(choice.default)


# The command line.


def cli_page(program: str, command: Any) -> str:
    """One heading for each command, from what it says of itself when asked for help."""
    return _page("Command line", *_commands(program, command))


def _commands(path: str, command: Any) -> Iterator[str]:
    if command.hidden:
        return
    inner: Mapping[str, Any] = getattr(command, "commands", {})
    shown = [p for p in command.params if not p.hidden and p.name != "help"]
    usage = [path]
    usage += [p.name.upper() for p in shown if _is_argument(p)]
    usage += ["COMMAND"] if inner else []
    usage += ["[OPTIONS]"] if any(not _is_argument(p) for p in shown) else []
    table = ["| | |", "|---|---|", *map(_parameter, shown)] if shown else []
    said = (command.help or "").strip()
    yield f"## {path}\n\n{said}\n\n```\n{' '.join(usage)}\n```\n\n" + "\n".join(table)
    for name, child in sorted(inner.items()):
        yield from _commands(f"{path} {name}", child)


def _is_argument(parameter: Any) -> bool:
    return not parameter.opts[0].startswith("-")


def _parameter(parameter: Any) -> str:
    names = [parameter.name.upper()] if _is_argument(parameter) else parameter.opts
    spelt = " ".join(f"`{name}`" for name in [*names, *parameter.secondary_opts])
    words = [(parameter.help or "").strip().replace("\n", " ").replace("|", "\\|")]
    default = parameter.default
    if default not in (None, False, "", (), []) and not callable(default):
        words.append(f"Default: `{_spelt(default)}`.")
    if parameter.required and not _is_argument(parameter):
        words.append("Required.")
    return f"| {spelt} | {' '.join(filter(None, words))} |"
