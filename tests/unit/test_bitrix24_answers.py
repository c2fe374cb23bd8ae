"""What answers of Bitrix24 mean: the word in the body first, and the status where there is none."""

import json

import pytest

from crm_clients.bitrix24.oauth import Application, oauth_base, portal_base
from crm_clients.bitrix24.rest import failure_in, moved_to
from mappers.vocabulary import HttpReply, ProviderError

APPLICATION = Application.model_validate(
    {
        "client_id": "local.1",
        "client_secret": "REDACTED",
        "trusted_origins": ["https://portal.acme.ru"],
    }
)


def reply(status: int, body: object, **headers: str) -> HttpReply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpReply(status=status, body=content, headers=headers)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, {"error": "expired_token"}, "auth_expired", "expired_token"),
        (401, {"error": "NO_AUTH_FOUND"}, "auth_expired", "no_auth_found"),
        (403, {"error": "insufficient_scope"}, "blocked", "scope"),
        (401, {"error": "ACCESS_DENIED"}, "blocked", "access_denied"),
        (403, {"error": "WRONG_AUTH_TYPE"}, "blocked", "application_required"),
        (403, b"<html>pay</html>", "blocked", "plan"),
        (404, {"error": "ERROR_METHOD_NOT_FOUND"}, "blocked", "no_method"),
        (404, b"<html>404</html>", "blocked", "no_portal"),
        (410, {"error": "PORTAL_DELETED"}, "blocked", "portal_deleted"),
        (400, {"error": "NOT_ACTIVE_LINE"}, "blocked", "line_inactive"),
        (400, {"error": ""}, "permanent", "invalid"),
        (400, {"error": "0"}, "permanent", "invalid"),
        (400, {"error": 100}, "permanent", "invalid"),
        (200, {"error": "ERROR_ARGUMENT"}, "permanent", "invalid.ERROR_ARGUMENT"),
        (400, {"error": "NOT_FOUND"}, "permanent", "not_found"),
        (429, {"error": "OPERATION_TIME_LIMIT"}, "rate_limited", "too_long"),
        (503, {"error": "QUERY_LIMIT_EXCEEDED"}, "rate_limited", "too_fast"),
        (503, {"error": "OVERLOAD_LIMIT"}, "blocked", "overloaded"),
        (500, {"error": "INTERNAL_SERVER_ERROR"}, "ambiguous", "crashed"),
        (500, {"error": "ERROR_CORE"}, "ambiguous", "crashed"),
        (502, b"<html>Bad Gateway</html>", "ambiguous", "garbled"),
        (200, b"", "ambiguous", "garbled"),
        (200, b'{"result": {"ID', "ambiguous", "garbled"),
        (200, {"time": {}}, "ambiguous", "garbled"),
        (200, [], "ambiguous", "garbled"),
    ],
)
def test_every_answer_has_its_class(status: int, body: object, kind: str, code: str) -> None:
    failure = failure_in(reply(status, body), repeatable=False)
    assert failure is not None
    assert (failure.kind, failure.code) == (kind, f"bitrix24.{code}")
    again = failure_in(reply(status, body), repeatable=True)
    assert again is not None
    assert again.kind == ("transient" if kind == "ambiguous" else kind)


@pytest.mark.parametrize("result", [None, False, 0, [], {}, 276])
def test_an_answer_with_a_result_is_a_success(result: object) -> None:
    assert failure_in(reply(200, {"result": result}), repeatable=False) is None


@pytest.mark.parametrize(
    ("location", "base"),
    [
        ("https://new.bitrix24.ru/rest/crm.contact.add", "https://new.bitrix24.ru"),
        ("https://portal.acme.ru/rest/crm.contact.add", "https://portal.acme.ru"),
        ("https://evil.example/rest/crm.contact.add", ""),
        ("https://new.bitrix24.ru.evil.example/rest/crm.contact.add", ""),
        ("http://new.bitrix24.ru/rest/crm.contact.add", ""),
        ("https://new.bitrix24.ru/rest/crm.contact.add?auth=1", ""),
        ("https://new.bitrix24.ru/", ""),
        ("", ""),
    ],
)
def test_a_moved_portal_is_followed_only_where_somebody_vouches(location: str, base: str) -> None:
    told = reply(302, b"", location=location)
    if base:
        assert moved_to(told, "crm.contact.add", APPLICATION) == base
        return
    with pytest.raises(ProviderError) as caught:
        moved_to(told, "crm.contact.add", APPLICATION)
    assert caught.value.failure.code == "bitrix24.portal_moved"


@pytest.mark.parametrize(
    "given",
    [
        "https://acme.bitrix24.xyz",
        "http://acme.bitrix24.ru",
        "https://user@acme.bitrix24.ru",
        "https://acme.bitrix24.ru:8443",
        "https://bitrix24.ru",
        "https://acme.bitrix24.ru?x=1",
        "https://evil.example/acme.bitrix24.ru",
        "",
    ],
)
def test_an_address_that_could_be_anybodys_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="Bitrix24"):
        portal_base(given, APPLICATION)


@pytest.mark.parametrize(
    ("given", "base", "server"),
    [
        ("", "https://acme.bitrix24.ru", "https://oauth.bitrix24.tech"),
        ("", "https://acme.bitrix24.de", "https://oauth.bitrix.info"),
        ("https://oauth.bitrix.info/rest/", "", "https://oauth.bitrix.info"),
        ("https://portal.acme.ru/rest/", "", "https://portal.acme.ru"),
        ("https://oauth.evil.example/rest/", "", ""),
        ("http://oauth.bitrix.info/rest/", "", ""),
    ],
)
def test_the_secret_goes_to_an_authorization_server_only(
    given: str, base: str, server: str
) -> None:
    if server:
        assert oauth_base(given, base, APPLICATION) == server
        return
    with pytest.raises(ValueError, match="authorization server"):
        oauth_base(given, base, APPLICATION)
