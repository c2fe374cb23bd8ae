"""How Telegram's refusals become failures, and what it takes to configure a bot."""

import json

import pytest
from pydantic import SecretStr, ValidationError

from channel_clients.telegram import Config
from channel_clients.telegram.failures import failure_in
from mappers.vocabulary import (
    Ambiguous,
    Blocked,
    HttpReply,
    Permanent,
    RateLimited,
    Transient,
)


def refused(status: int, description: str, **parameters: int) -> HttpReply:
    body = {"ok": False, "error_code": status, "description": description}
    body |= {"parameters": parameters} if parameters else {}
    return HttpReply(status=status, body=json.dumps(body).encode())


MEDIA = ("permanent", "media_refused")
AWAY = ("transient", "file_unavailable")
WORDLESS = ("permanent", "no_text_to_edit")


@pytest.mark.parametrize(
    ("status", "description", "kind", "code"),
    [
        (403, "Forbidden: bot was blocked by the user", "blocked", "blocked_by_user"),
        (403, "Forbidden: user is deactivated", "blocked", "user_deactivated"),
        (403, "Forbidden: bot was kicked from the group chat", "blocked", "removed_from_chat"),
        (403, "Forbidden: bot is not a member of the channel chat", "blocked", "removed_from_chat"),
        (403, "Forbidden: the group chat was deleted", "blocked", "chat_deleted"),
        (
            403,
            "Forbidden: bot can't initiate conversation with a user",
            "blocked",
            "not_started",
        ),
        (403, "Forbidden: bot can't send messages to bots", "blocked", "recipient_is_a_bot"),
        (400, "Bad Request: chat not found", "blocked", "chat_not_found"),
        (
            400,
            "Bad Request: not enough rights to send text messages to the chat",
            "blocked",
            "no_right_to_write",
        ),
        (400, "Bad Request: have no rights to send a message", "blocked", "no_right_to_write"),
        (400, "Bad Request: business connection not found", "permanent", "window_closed"),
        (400, "Bad Request: BUSINESS_PEER_INVALID", "permanent", "window_closed"),
        (400, "Bad Request: message to be replied not found", "permanent", "quoted_gone"),
        (400, "Bad Request: message text is empty", "permanent", "text_empty"),
        (400, "Bad Request: message is too long", "permanent", "too_long"),
        (400, "Bad Request: message caption is too long", "permanent", "too_long"),
        (400, "Bad Request: MESSAGE_TOO_LONG", "permanent", "too_long"),
        (400, "Bad Request: can't parse entities: x", "permanent", "formatting_refused"),
        (400, "Bad Request: BUTTON_DATA_INVALID", "permanent", "button_refused"),
        (400, "Bad Request: PHOTO_INVALID_DIMENSIONS", "permanent", "media_refused"),
        (400, "Bad Request: VOICE_MESSAGES_FORBIDDEN", "permanent", "media_refused"),
        (400, "Bad Request: IMAGE_PROCESS_FAILED", "permanent", "media_refused"),
        (400, "Bad Request: file of size 9 bytes is too big for a photo; …", *MEDIA),
        (400, "Bad Request: file is too big", "permanent", "file_too_big"),
        (413, "Request Entity Too Large", "permanent", "file_too_big"),
        (400, "Bad Request: wrong file_id or the file is temporarily unavailable", *AWAY),
        (400, "Bad Request: there is no text in the message to edit", *WORDLESS),
        (400, "Bad Request: Wrong HTTP URL specified", "permanent", "file_unreachable"),
        (400, "Bad Request: failed to get HTTP URL content", "transient", "file_not_fetched"),
        (400, "Bad Request: message can't be edited", "permanent", "too_old"),
        (
            400,
            "Bad Request: bad webhook: HTTPS url must be provided",
            "permanent",
            "webhook_refused",
        ),
        (400, "Bad Request: secret token is too long", "permanent", "webhook_refused"),
        (400, "Bad Request: query is too old and …", "permanent", "query_too_old"),
        (404, "Not Found", "auth_expired", "unknown_token"),
        (404, "Not Found: method not found", "permanent", "no_such_method"),
        (409, "Conflict: terminated by other getUpdates request", "transient", "second_listener"),
        (409, "Conflict: terminated by setWebhook request", "blocked", "webhook_active"),
        (
            409,
            "Conflict: can't use getUpdates method while webhook is active",
            "blocked",
            "webhook_active",
        ),
    ],
)
def test_refusals_by_their_sentence(status: int, description: str, kind: str, code: str) -> None:
    failure = failure_in(refused(status, description), repeatable=False)
    assert failure is not None
    assert (failure.kind, failure.code) == (kind, f"telegram.{code}")
    assert failure.detail == description


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "permanent"), (401, "auth_expired"), (403, "permanent"), (413, "permanent")],
)
def test_an_unknown_sentence_is_read_by_its_status(status: int, kind: str) -> None:
    failure = failure_in(refused(status, "Something new"), repeatable=False)
    assert failure is not None
    assert (failure.kind, failure.code) == (kind, f"http.{status}")


def test_a_closed_door_is_the_recipients() -> None:
    failure = failure_in(refused(403, "Forbidden: user is deactivated"), repeatable=False)
    assert failure == Blocked(
        code="telegram.user_deactivated",
        detail="Forbidden: user is deactivated",
        by="recipient",
    )


def test_a_migration_tells_the_new_id() -> None:
    reply = refused(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-100123)
    expected = Permanent(code="telegram.migrated", detail="-100123", gone="conversation")
    assert failure_in(reply, repeatable=False) == expected


@pytest.mark.parametrize(
    ("parameters", "header", "seconds"),
    [({"retry_after": 7}, "", 7), ({}, "9", 9), ({"retry_after": 7}, "9", 7), ({}, "", None)],
)
def test_a_flood_names_its_terms(
    parameters: dict[str, int], header: str, seconds: int | None
) -> None:
    flood = refused(429, "Too Many Requests: retry after", **parameters)
    reply = HttpReply(status=429, body=flood.body, headers={"retry-after": header})
    failure = failure_in(reply, repeatable=False)
    assert isinstance(failure, RateLimited)
    assert (failure.retry_after.seconds if failure.retry_after else None) == seconds


def test_a_refusal_that_was_cut_on_the_way_is_asked_for_again() -> None:
    whole = refused(400, "Bad Request: message is not modified")
    cut = HttpReply(status=400, body=whole.body[:-10])
    assert failure_in(cut, repeatable=True) == Transient(code="telegram.garbled_refusal")


def test_a_proxys_page_is_not_telegrams_word() -> None:
    page = b"<h1>chat not found</h1>"
    assert failure_in(HttpReply(status=404, body=page), repeatable=False) == Permanent(
        code="http.404", detail=page.decode()
    )


@pytest.mark.parametrize(("repeatable", "kind"), [(False, Ambiguous), (True, Transient)])
def test_a_restart_is_doubt_only_where_repeating_is_not_harmless(
    repeatable: bool, kind: type[Ambiguous | Transient]
) -> None:
    reply = refused(500, "Internal Server Error: restart")
    assert isinstance(failure_in(reply, repeatable=repeatable), kind)


# What a person tells us


@pytest.mark.parametrize("token", ["", "abc", "7", "7:", "x:abcdef", "7:абвгд", "7:ab/../cd"])
def test_a_mistyped_token_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Config(token=SecretStr(token))
    assert len(token) < 4 or token not in str(caught.value)


def test_a_pasted_token_loses_its_spaces() -> None:
    config = Config(token=SecretStr(" 7:abc\n"))
    assert (config.token.get_secret_value(), config.bot_id) == ("7:abc", "7")


@pytest.mark.parametrize("base", ["ftp://x", "https://user:pw@x", "https://x?q", "//x", "https://"])
def test_an_api_address_is_plain(base: str) -> None:
    with pytest.raises(ValidationError):
        Config(token=SecretStr("7:abc"), api_base=base)
