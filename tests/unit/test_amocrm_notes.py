"""Notes as answers: which are, told by a hook or asked for, and how asking goes on."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import pytest

from crm_clients.amocrm.oauth import Config, account_base
from crm_clients.amocrm.polling import Changed, Place, moved, read_cursor
from crm_clients.amocrm.reading import ACCOUNT, read
from crm_clients.amocrm.told_by_notes import reply_in
from crm_clients.amocrm.wire import Note
from mappers.vocabulary import Arrival, OperatorReplied, Origin
from tests.conformance.amocrm_scene import note_hook
from tests.port import NOON

OLGA = 504141
VALUES = {
    "base": "https://acme.amocrm.ru",
    "account_id": "28805383",
    "amojo_id": "52e591f7-c98f-4255-8495-827210138c81",
    "access_token": "REDACTED",
    "timeline": "notes",
}
CONFIG = Config.model_validate(VALUES)


@pytest.mark.parametrize(
    ("text", "author", "answer"),
    [
        ("// Есть", OLGA, "Есть"),
        ("//Есть", OLGA, "Есть"),
        ("  // Есть две\nпары ", OLGA, "Есть две\nпары"),
        ("Есть", OLGA, ""),
        ("/ Есть", OLGA, ""),
        ("//", OLGA, ""),
        ("// Есть", 0, ""),
        ("// Есть\n✓", OLGA, ""),
        ("// Есть\n✗ Не дошло", OLGA, ""),
        ("// Есть ✓", OLGA, "Есть ✓"),
        ("// список:\n✓ диван\nи всё", OLGA, "список:\n✓ диван\nи всё"),
    ],
)
def test_an_answer_is_somebodys_note_that_begins_with_the_prefix(
    text: str, author: int, answer: str
) -> None:
    assert reply_in(text, author, "//") == answer


def test_a_phones_capital_letter_is_no_other_prefix() -> None:
    assert reply_in("Ответ: есть", OLGA, "ответ:") == "есть"


def told(changes: Mapping[str, str] = MappingProxyType({}), config: Config = CONFIG) -> Any:
    said = {**note_hook("28805383", "// Выехал"), **_named(changes)}
    body = urlencode(said).encode()
    return read(Arrival(body=body, form=ACCOUNT, received_at=NOON), config).events


def _named(changes: Mapping[str, str]) -> dict[str, str]:
    return {f"leads[note][0][note][{name}]": value for name, value in changes.items()}


def test_a_hook_tells_an_answer_with_its_deal_and_its_author() -> None:
    (event,) = told()
    assert isinstance(event, OperatorReplied)
    assert event.message.origin == Origin("amocrm", "28805383", "leads/76787983")
    assert (event.record, event.deal, event.ours) == ("", "10185151", "")
    assert (event.operator.id, event.operator.name) == (str(OLGA), "Ольга Менеджер")
    assert event.message.text == "Выехал"


@pytest.mark.parametrize(
    "changes", [{"note_type": "25"}, {"created_by": "0"}, {"text": "Выехал"}, {"id": "x"}]
)
def test_a_hook_of_any_other_note_is_no_answer(changes: dict[str, str]) -> None:
    assert told(changes) == ()


def test_with_chats_a_note_is_never_an_answer() -> None:
    assert told(config=CONFIG.model_copy(update={"timeline": "chats"})) == ()


@pytest.mark.parametrize("metadata", ["", "[]", "{}", '{"event_source":7}', "{"])
def test_an_author_without_a_name_is_an_author(metadata: str) -> None:
    (event,) = told({"metadata": metadata})
    assert event.operator.name == ""


def note(number: int, at: int) -> Note:
    return Note(id=number, entity_id=1, updated_at=at)


def test_asking_goes_on_a_little_before_the_newest_and_knows_what_it_has_seen() -> None:
    seen = Changed((note(1, 1000), note(2, 1050), note(3, 1061)), is_all=True)
    assert moved(Place(since=900), seen) == Place(since=1061, known=["2@1050", "3@1061"])
    assert moved(Place(since=900), Changed((), is_all=True)) == Place(since=900)


def test_a_crowd_that_fills_every_page_is_left_behind() -> None:
    crowd = Changed(tuple(note(number, 1000) for number in range(9)), is_all=False)
    assert moved(Place(since=1000), crowd).since > 1000


@pytest.mark.parametrize("cursor", ["", "7", "{}", "not json"])
def test_a_cursor_that_nobody_understands_begins_now(cursor: str) -> None:
    assert read_cursor(cursor, NOON).leads.since == int(NOON.timestamp())


@pytest.mark.parametrize("prefix", ["", "   ", "x" * 11, "a\nb"])
def test_a_prefix_that_nobody_could_type_on_purpose_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="reply_prefix"):
        Config.model_validate({**VALUES, "reply_prefix": prefix})


@pytest.mark.parametrize(
    "base", ["https://evil.example", "http://10.0.0.1", "http://localhost.evil.example"]
)
def test_without_a_registration_an_account_is_amocrms_or_on_this_machine(base: str) -> None:
    with pytest.raises(ValueError, match="not the address"):
        account_base(base, None)
    assert account_base("http://127.0.0.1:5000/shop", None) == "http://127.0.0.1:5000/shop"
    assert account_base("acme.amocrm.ru", None) == "https://acme.amocrm.ru"
