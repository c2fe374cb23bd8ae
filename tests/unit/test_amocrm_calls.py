"""What goes out to amoCRM: signatures, addresses we believe, refusals, descriptions."""

import base64
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from crm_clients.amocrm import MANIFEST, Config
from crm_clients.amocrm.chats import customer, new_message, signature_headers
from crm_clients.amocrm.diagnosis import registration_request
from crm_clients.amocrm.doors import is_signed
from crm_clients.amocrm.fields import query_for
from crm_clients.amocrm.oauth import (
    account_base,
    amojo_base,
    authorize_url,
    expiry_in,
    is_stale,
    subdomain_of,
)
from crm_clients.amocrm.rest import failure_in
from crm_clients.amocrm.upkeep import destination_of
from crm_clients.registry import CRMS
from mappers.vocabulary import HttpReply, Identity, IdentityKind, Operator, Person
from middleware.bench.stub import bench_of
from tests.port import NOON
from tests.unit.test_amocrm_cassettes import APPLICATION, CONFIG, ENTRY

# The secret, ids and signatures of the documentation's own step-by-step page.
SECRET = "f2d7f8704eff95087ed45b23ba99c0b5aac8278e"
C = "344a5002-f8ca-454d-af3d-396180102ac7"
S = f"{C}_52e591f7-c98f-4255-8495-827210138c81"
ROOT = "/v2/origin/custom"
CONNECT = (
    b'{"account_id":"52e591f7-c98f-4255-8495-827210138c81",'
    b'"title":"ChatsIntegration","hook_api_version":"v2"}'
)
DISCONNECT = b'{"account_id":"52e591f7-c98f-4255-8495-827210138c81"}'
TYPING = (
    b'{"conversation_id":"my_int-d5a421f7f218",'
    b'"sender":{"id":"my_int-1376265f-86df-4c49-a0c3-a4816df41af8"}}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One line of the documentation's table of signed calls."""

    method: str
    path: str
    date: str
    body: bytes
    md5: str
    signature: str


VECTORS = (
    Signed(
        method="POST",
        path=f"{ROOT}/{C}/connect",
        date="Wed, 15 Dec 2021 23:12:55 +0000",
        body=CONNECT,
        md5="2fbcb3c652b61e24e004daddfc73d0ce",
        signature="81211856ce0c5095f3e1a90c0a38dc9d736cfd55",
    ),
    Signed(
        method="DELETE",
        path=f"{ROOT}/{C}/disconnect",
        date="Wed, 15 Dec 2021 23:59:28 +0000",
        body=DISCONNECT,
        md5="271fa2e4fb0ff84a3ef9689027bd1f38",
        signature="e1678e3b6aa674b5127f4feb448e6200ce0bfc72",
    ),
    Signed(
        method="POST",
        path=f"{ROOT}/{S}/typing",
        date="Thu, 16 Dec 2021 16:01:21 +0000",
        body=TYPING,
        md5="255a22566d68be207fa36804e78a523a",
        signature="e8263b1daf2b20396c02db6c8c846f95cc0f9540",
    ),
    # Not on that page: computed by hand with its secret. The query string is not signed.
    Signed(
        method="GET",
        path=f"{ROOT}/{S}/chats/8e4d4baa-9e6c-4a88-838a-5f62be227bdc/history",
        date="Thu, 16 Dec 2021 16:01:21 +0000",
        body=b"",
        md5="d41d8cd98f00b204e9800998ecf8427e",
        signature="eccb176d23e4d732848d4bcfa9f0b26ef0a8fbe4",
    ),
)


@pytest.mark.parametrize("call", VECTORS, ids=lambda call: str(call.path.rpartition("/")[2]))
def test_calls_are_signed_as_documented(call: Signed) -> None:
    at = parsedate_to_datetime(call.date)
    headers = signature_headers(call.method, call.path, call.body, secret=SECRET, at=at)
    assert headers == {
        "date": call.date,
        "content-type": "application/json",
        "content-md5": call.md5,
        "x-signature": call.signature,
    }


def test_a_hook_is_signed_as_computed_by_hand() -> None:
    body = (
        '{"account_id":"52e591f7-c98f-4255-8495-827210138c81","time":1639572261,"message":'
        '{"message":{"id":"0371a0ff-b78a-4c7b-8538-a7d547e10692","type":"text","text":"Привет"}}}'
    ).encode()
    signature = "9c096d46c4c43f20e48020a25b36ce6a632c7c91"
    assert len(body) == 175
    assert is_signed(body, signature, SECRET)
    assert is_signed(body + b"\n", signature, SECRET)
    assert not is_signed(body + b" x", signature, SECRET)
    assert not is_signed(body, signature.upper(), SECRET)


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("acme.amocrm.ru", "https://acme.amocrm.ru"),
        (" https://Acme.Kommo.com/ ", "https://acme.kommo.com"),
        ("https://acme.amocrm.com/leads/detail/1", "https://acme.amocrm.com"),
        ("http://127.0.0.1:8010/acme", "http://127.0.0.1:8010/acme"),
    ],
)
def test_an_account_lives_at_amocrm_or_where_the_registration_says(given: str, base: str) -> None:
    application = APPLICATION.model_copy(update={"trusted_origins": ("http://127.0.0.1:8010",)})
    assert account_base(given, application) == base


@pytest.mark.parametrize(
    "given",
    [
        "",
        "amocrm.ru",
        "http://acme.amocrm.ru",
        "https://acme.amocrm.ru.evil.example",
        "https://evil.example/acme.amocrm.ru",
        "https://evil.example#acme.amocrm.ru",
        "https://acme.amocrm.ru@evil.example",
        "https://acme.amocrm.ru:8443",
        "https://a.b.amocrm.ru",
        "https://acme.amocrm.ru\n.evil.example",
        "https://acmeamocrm.ru",
        "http://127.0.0.1:8010/acme",
        "file:///etc/passwd",
    ],
)
def test_anybody_elses_address_is_not_an_account(given: str) -> None:
    with pytest.raises(ValueError, match="not the address"):
        account_base(given, APPLICATION)
    config = CONFIG.model_copy(update={"base": given})
    with pytest.raises(ValueError, match="not the address"):
        MANIFEST.build(config, APPLICATION, None)  # type: ignore[arg-type]  # refused before use
    with pytest.raises(ValueError, match="not the address"):
        MANIFEST.bases(config, APPLICATION)


@pytest.mark.parametrize(
    ("base", "amojo"),
    [
        ("https://acme.amocrm.ru", "https://amojo.amocrm.ru"),
        ("https://acme.amocrm.com", "https://amojo.amocrm.com"),
        ("https://acme.kommo.com", "https://amojo.kommo.com"),
    ],
)
def test_chats_live_in_the_accounts_own_domain(base: str, amojo: str) -> None:
    config = CONFIG.model_copy(update={"base": base})
    assert amojo_base(config, APPLICATION) == amojo
    elsewhere = APPLICATION.model_copy(update={"amojo_base": "http://127.0.0.1:1/amojo/"})
    assert amojo_base(config, elsewhere) == "http://127.0.0.1:1/amojo"
    assert subdomain_of(base) == "acme"


def test_consent_is_asked_for_where_amocrm_gives_it() -> None:
    url = authorize_url(APPLICATION, "opaque&state")
    assert url == (
        "https://www.amocrm.ru/oauth?client_id=6f3b0c1e-0000-4000-8000-000000000001"
        "&state=opaque%26state&mode=popup"
    )


def test_a_token_tells_when_it_ends() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1751708127}).encode()).decode()
    assert expiry_in(f"e30.{claims.rstrip('=')}.x") == datetime(2025, 7, 5, 9, 35, 27, tzinfo=UTC)
    for token in ("", "opaque", "a.b.c", "a.!!!.c", "a.e30.c"):
        assert expiry_in(token) is None


def test_only_a_token_that_can_be_renewed_grows_stale() -> None:
    ends = CONFIG.model_copy(update={"expires_at": NOON})
    assert is_stale(ends, NOON)
    assert not is_stale(ends, NOON - timedelta(hours=1))
    assert not is_stale(ends.model_copy(update={"refresh_token": None}), NOON)
    assert not is_stale(CONFIG, NOON)


NO_ENTITY = b'{"errors":[{"errors":{"code":"EntityNotFound","path":"id"}}]}'
OWN_WORDS = '{"errors":[{"errors":[{"code":"Пётр +7915"}]}]}'.encode()
HTML, PROBLEM = b"<html>nginx</html>", b'{"title":"x","status":400}'


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, PROBLEM, "auth_expired", "http.401"),
        (402, PROBLEM, "blocked", "amocrm.payment_required"),
        (403, HTML, "blocked", "amocrm.blocked"),
        (403, PROBLEM, "blocked", "amocrm.forbidden"),
        (404, PROBLEM, "permanent", "http.404"),
        (429, HTML, "rate_limited", "http.429"),
        (301, b"", "blocked", "amocrm.account_moved"),
        (400, PROBLEM, "permanent", "amocrm.invalid"),
        (400, b'{"errors":{"code":7}}', "permanent", "amocrm.invalid"),
        (
            400,
            NO_ENTITY,
            "permanent",
            "amocrm.invalid.EntityNotFound",
        ),
        (
            400,
            OWN_WORDS,
            "permanent",
            "amocrm.invalid",
        ),
        (504, HTML, "ambiguous", "http.504"),
    ],
)
def test_a_refusal_is_classified(status: int, body: bytes, kind: str, code: str) -> None:
    failure = failure_in(HttpReply(status=status, body=body), repeatable=False, gone="record")
    assert failure is not None
    assert (failure.kind, failure.code) == (kind, code)
    is_gone = status == 404 or b'"path":"id"' in body
    assert getattr(failure, "gone", "") == ("record" if is_gone else "")


def test_a_repeat_of_an_entry_is_equal_to_the_last_byte() -> None:
    first, again = (json.dumps(new_message(ENTRY, APPLICATION)) for _ in range(2))
    assert first == again


def test_an_employees_words_go_in_the_name_of_the_bot() -> None:
    application = APPLICATION.model_copy(update={"channel_bot_id": "bot-1"})
    entry = replace(ENTRY, author=Operator(id="o-1", name="Олег"), quiet=True, quoted="8f1176d7")
    payload = new_message(entry, application)["payload"]
    assert payload["sender"] == {"id": "o-1", "name": "Олег", "ref_id": "bot-1"}
    assert payload["receiver"] == customer(ENTRY.person)
    assert payload["silent"] is True
    assert payload["reply_to"] == {"message": {"id": "8f1176d7"}}


def test_a_customer_without_a_name_still_has_one() -> None:
    user = Identity(kind=IdentityKind.CHANNEL_USER, value="vk:7", evidence="vk.from")
    nameless = Person(identities=(user,), avatar="http://x/a.png", profile_url="https://vk.com/7")
    assert customer(nameless) == {
        "id": "vk:7",
        "name": "vk:7",
        "profile_link": "https://vk.com/7",
    }


@pytest.mark.parametrize(
    ("kind", "value", "query"),
    [
        ("phone", "+79151112233", "9151112233"),
        ("phone", "+375291234567", "291234567"),
        ("email", "p@example.com", "p@example.com"),
        ("channel_user", "telegram:7", ""),
    ],
)
def test_a_search_asks_for_what_every_spelling_shares(kind: str, value: str, query: str) -> None:
    identity = Identity(kind=IdentityKind(kind), value=value, evidence="typed")
    assert query_for(identity) == query


def test_limits_are_kept_for_whoever_amocrm_counts_together() -> None:
    rest, amojo = MANIFEST.budgets(CONFIG, APPLICATION)
    assert (rest.key, rest.rate_per_s) == (
        "amocrm:6f3b0c1e-0000-4000-8000-000000000001:28805383",
        bench_of(MANIFEST.name).ours_per_s,  # which a benchmark judges us by
    )
    assert amojo.key == f"amojo:{S}".replace("_", ":")
    assert MANIFEST.accounts(CONFIG) == ("28805383", "52e591f7-c98f-4255-8495-827210138c81")
    assert CRMS["amocrm"] is MANIFEST


def test_the_request_to_support_asks_for_everything() -> None:
    application = APPLICATION.model_copy(update={"hook_address": "https://hub.example.com/hooks/9"})
    request = registration_request(application, CONFIG, "https://hub.example.com/hooks/1")
    for asked in (
        "https://hub.example.com/hooks/9/:scope_id",
        "28805383",
        APPLICATION.client_id,
        "Write first",
        "Quotes",
        "Voice",
        "Reactions",
        "SVG",
        "e-mail",
        "Time window",
        "Widget code",
        "distribution",
        "files",
    ):
        assert asked in request
    assert "/hooks/1/" not in registration_request(APPLICATION, CONFIG, "https://h.example/hooks/1")


def test_secrets_stay_out_of_every_repr() -> None:
    shown = f"{APPLICATION!r}{CONFIG!r}{MANIFEST.door(CONFIG, APPLICATION)!r}"
    assert "REDACTED" not in shown
    with pytest.raises(ValueError, match="account_id") as caught:
        Config(
            base="x", account_id="customer's words", amojo_id="y", access_token=SecretStr("hush")
        )
    assert "customer's words" not in str(caught.value)


def test_every_code_of_a_failure_is_explained() -> None:
    root = Path(__file__).parents[2]
    sources = " ".join(path.read_text() for path in (root / "crm_clients/amocrm").glob("*.py"))
    codes = set(re.findall(r'(?:code ?= ?|else |return f?)"(amocrm\.[a-z_]+)', sources))
    page = (root / "docs/crms/amocrm.md").read_text()
    explained = page.partition("## Troubleshooting")[2].partition("## Removal")[0]
    assert len(codes) > 10
    assert not [code for code in codes if f"`{code}" not in explained]


def test_a_hook_address_ends_as_kommo_wants_it() -> None:
    for address in ("https://h.example/1", "https://h.example/1/"):
        assert destination_of(address) == "https://h.example/1/"
    assert destination_of("") == ""
