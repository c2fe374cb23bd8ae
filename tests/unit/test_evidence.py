"""Evidence is explained in both languages, and every phrase of the page has its words."""

import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from mappers.text import Language
from mappers.vocabulary import ConnectionId, ContactId
from middleware.cli.looking import lines_of
from middleware.operations.trace.evidence import EVIDENCE, in_words
from middleware.operations.trace.model import ContactTrace, IdentityTrace, LinkTrace, Trace
from middleware.registry import told_by_adapters

PAGE = Path("docs/explanation/identity.md")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_every_phrase_of_the_page_has_its_words_and_no_other_has() -> None:
    explained = re.findall(r"^\| `([a-z_.]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    known = {**EVIDENCE, **told_by_adapters()}
    assert set(explained) == set(known)
    assert all(set(said) == {"ru", "en"} for said in known.values())


def test_a_phrase_that_nobody_explained_is_named() -> None:
    assert in_words("somebody.said_so", "ru") == "somebody.said_so"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("ru", ("поделился своим контактом", "найден в CRM по телефону")),
        ("en", ("shared by the customer", "found in the CRM by phone")),
    ],
)
def test_a_trace_says_why_and_since_when(language: Language, said: tuple[str, str]) -> None:
    shared = IdentityTrace(
        kind="phone",
        value="+7999…22",
        evidence="telegram.contact_shared",
        confidence="strong",
        since=NOON,
    )
    link = LinkTrace(
        connection=ConnectionId(UUID(int=1)),
        title="Shop",
        record="501",
        state="live",
        evidence="phone.verified",
        since=NOON,
    )
    contact = ContactTrace(
        id=ContactId(UUID(int=7)),
        name="Нина",
        created_at=NOON,
        identities=(shared,),
        links=(link,),
    )
    told = "\n".join(lines_of(Trace(subject="contact", contact=contact), language))
    for part in (*said, "2026-11-21 12:00:00", "phone.verified"):
        assert part in told
