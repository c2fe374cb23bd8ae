"""Why Telegram refused, as far as its status and its sentence tell.

Telegram has no error codes finer than the HTTP status, so sentences are matched, lower-cased.
Source: tdlib/telegram-bot-api, Client.cpp (fail_query_with_error); aiogram 3.31, exceptions.py;
read 2026-11.
"""

from dataclasses import replace
from datetime import timedelta

from pydantic import ValidationError

from channel_clients.telegram.wire import Refusal
from mappers.vocabulary import (
    AuthExpired,
    Blocked,
    Failure,
    HttpReply,
    Permanent,
    RateLimited,
    Transient,
    usual_failure,
)

NOT_MODIFIED = "telegram.not_modified"
NOTHING_TO_DELETE = "telegram.nothing_to_delete"
FILE_TOO_BIG = "telegram.file_too_big"
MEDIA_REFUSED = "telegram.media_refused"
NO_TEXT = "telegram.no_text_to_edit"


def _closed(code: str) -> Blocked:
    return Blocked(code=f"telegram.{code}", by="recipient")


def _refused(code: str) -> Permanent:
    return Permanent(code=f"telegram.{code}")


def _taken() -> Blocked:
    return Blocked(code="telegram.webhook_active", by="provider")


SENTENCES: tuple[tuple[str, Failure], ...] = (
    ("bot was blocked by the user", _closed("blocked_by_user")),
    ("user is deactivated", _closed("user_deactivated")),
    ("bot can't initiate conversation", _closed("not_started")),
    ("bot can't send messages to bots", _closed("recipient_is_a_bot")),
    ("bot was kicked from", _closed("removed_from_chat")),
    ("bot is not a member of", _closed("removed_from_chat")),
    ("chat was deleted", _closed("chat_deleted")),
    ("chat not found", _closed("chat_not_found")),
    ("not enough rights to send", _closed("no_right_to_write")),
    ("have no rights to send", _closed("no_right_to_write")),
    ("business connection not found", _refused("window_closed")),
    ("business_peer_invalid", _refused("window_closed")),
    ("message to be replied not found", Permanent(code="telegram.quoted_gone", gone="quoted")),
    ("message to edit not found", Permanent(code="telegram.nothing_to_edit", gone="message")),
    ("message to delete not found", Permanent(code=NOTHING_TO_DELETE, gone="message")),
    ("message to react not found", Permanent(code="telegram.nothing_to_react_to", gone="message")),
    ("reaction_invalid", _refused("reaction_refused")),
    ("message is not modified", Permanent(code=NOT_MODIFIED)),
    ("message can't be", _refused("too_old")),
    ("bad webhook", _refused("webhook_refused")),
    ("invalid webhook url", _refused("webhook_refused")),
    ("secret token", _refused("webhook_refused")),
    ("message text is empty", _refused("text_empty")),
    ("is too long", _refused("too_long")),
    ("message_too_long", _refused("too_long")),
    ("can't parse entities", _refused("formatting_refused")),
    ("button_data_invalid", _refused("button_refused")),
    ("button_url_invalid", _refused("button_refused")),
    ("inline keyboard button", _refused("button_refused")),
    ("query is too old", _refused("query_too_old")),
    ("photo_invalid_dimensions", Permanent(code=MEDIA_REFUSED)),
    ("image_process_failed", Permanent(code=MEDIA_REFUSED)),
    ("too big for a photo", Permanent(code=MEDIA_REFUSED)),
    ("voice_messages_forbidden", Permanent(code=MEDIA_REFUSED)),
    ("there is no text in the message", Permanent(code=NO_TEXT)),
    ("request entity too large", Permanent(code=FILE_TOO_BIG)),
    ("file is too big", Permanent(code=FILE_TOO_BIG)),
    ("file is temporarily unavailable", Transient(code="telegram.file_unavailable")),
    ("wrong http url specified", _refused("file_unreachable")),
    ("failed to get http url content", Transient(code="telegram.file_not_fetched")),
    ("wrong type of the web page content", Transient(code="telegram.file_not_fetched")),
    # A person must decide which system keeps the bot: sending goes on only after that.
    ("webhook is active", _taken()),
    ("terminated by setwebhook", _taken()),
    # Two listeners cut each other off. While we redeploy, the other one is us: it passes.
    ("conflict: ", Transient(code="telegram.second_listener")),
    ("method not found", _refused("no_such_method")),
)


def failure_in(reply: HttpReply, *, repeatable: bool) -> Failure | None:
    """Sharpen the usual reading of a status with what Telegram says in the body."""
    usual = usual_failure(reply, repeatable=repeatable)
    if usual is None:
        return None
    try:
        refusal = Refusal.model_validate_json(reply.body)
    except ValidationError:
        return _wordless(reply, usual)
    match replace(usual, detail=refusal.description):
        case RateLimited() as failure:
            wait = refusal.parameters.retry_after
            return replace(failure, retry_after=timedelta(seconds=wait)) if wait else failure
        case Permanent() as failure:
            return _refusal(reply.status, refusal) or failure
        case failure:
            return failure


def _wordless(reply: HttpReply, usual: Failure) -> Failure:
    """A proxy's page means what its status does; Telegram's own words may have been cut.

    It refused, so nothing was done, and will say why when it is asked again.
    """
    is_cut = isinstance(usual, Permanent) and reply.body.startswith(b'{"ok"')
    return Transient(code="telegram.garbled_refusal") if is_cut else usual


def _refusal(status: int, refusal: Refusal) -> Failure | None:
    moved = refusal.parameters.migrate_to_chat_id
    if moved is not None:
        return Permanent(code="telegram.migrated", detail=str(moved), gone="conversation")
    said = refusal.description.lower()
    for words, failure in SENTENCES:
        if words in said:
            return replace(failure, detail=refusal.description)
    if status == 404:  # Telegram knows no path with this token in it
        return AuthExpired(code="telegram.unknown_token", detail=refusal.description)
    return None
