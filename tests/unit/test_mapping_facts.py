"""Facts of messages and of files, and the patterns that are run on them."""

from datetime import datetime

import pytest

from mappers.mapping.facts import Told, facts_of, read_facts
from mappers.mapping.model import BadMapping
from mappers.mapping.patterns import extracted, problem_of_pattern
from mappers.vocabulary import (
    Attachment,
    AttachmentKind,
    Confidence,
    Direction,
    EntryPoint,
    Identity,
    IdentityKind,
    Message,
    Operator,
    Person,
)
from mappers.vocabulary import Origin as Place
from tests.unit.test_mapping_engine import NOON, PHONE


class TestFacts:
    def test_of_a_message(self) -> None:
        said = Message(
            origin=Place("telegram", "7", "1:2"),
            conversation="501",
            author="501",
            direction=Direction.INBOUND,
            sent_at=NOON,
            attachments=(Attachment(kind=AttachmentKind.IMAGE),),
            entry_point=EntryPoint(page="https://shop.example/?utm_source=vk&utm_term=%D0%B0"),
        )
        sure = Identity(kind=IdentityKind.PHONE, value=PHONE, evidence="shared")
        weak = Identity(
            kind=IdentityKind.EMAIL, value="a@b.ru", evidence="guessed", confidence=Confidence.WEAK
        )
        facts = facts_of(
            Told(
                provider="telegram",
                channel="Telegram",
                connection="Shop",
                account="7",
                crm="CRM",
                message=said,
                person=Person(identities=(sure, weak), name="Анна"),
                is_new=True,
                operator=Operator(id="5", name="Ольга"),
                form={"city": "Тверь"},
            )
        )
        assert facts["message.kind"] == "image"
        assert facts["contact.phones"] == (PHONE,)
        assert "contact.email" not in facts
        assert (facts["entry_point.utm_source"], facts["entry_point.utm_term"]) == ("vk", "а")
        assert "message.text" not in facts
        assert (facts["operator.name"], facts["form.city"]) == ("Ольга", "Тверь")

    def test_of_a_file(self) -> None:
        facts = read_facts(
            {
                "contact": {"name": "Анна", "phones": [PHONE], "is_new": True, "email": None},
                "message.sent_at": "2026-11-22T01:30:00+03:00",
            }
        )
        assert facts["message.sent_at"] == datetime.fromisoformat("2026-11-22T01:30:00+03:00")
        assert facts["contact.phones"] == (PHONE,)
        assert "contact.email" not in facts

    @pytest.mark.parametrize(
        ("data", "what"),
        [
            ({"contact": {"nmae": "x"}}, "Did you mean “contact.name”"),
            ({"contact.is_new": "yes"}, "is a boolean"),
            ({"message.sent_at": "2026-11-22"}, "is a moment"),
            ([], "Facts are sources"),
        ],
    )
    def test_a_file_that_is_wrong(self, data: object, what: str) -> None:
        with pytest.raises(BadMapping, match=what):
            read_facts(data)


class TestPatterns:
    @pytest.mark.parametrize(
        "pattern", [r"№\s*(\d+)", r"[A-Z]{2}\d{4,8}", r"^utm_(\w+)$", r"a?b?c{3}", r"\(\d+\)"]
    )
    def test_safe(self, pattern: str) -> None:
        assert problem_of_pattern(pattern) == ""

    @pytest.mark.parametrize(
        "pattern",
        [
            r"(a+)+",
            r"(a|b)",
            r"(?=a)",
            r"\w+\w+\w+",
            r"(\d+",
            r"[a",
            r"*a",
            r"(a)(b)",
            "x" * 121,
            r"(a)\1",
            r"a**",
            r"a+?",
            r"[a--b]",
            r"[[a]",
            r"a{9,1}",
            r"(a){3}",
        ],
    )
    def test_unsafe(self, pattern: str) -> None:
        assert problem_of_pattern(pattern)

    def test_what_is_found(self) -> None:
        assert extracted(r"№(\d+)", "заказ №4711") == "4711"
        assert extracted(r"\d+", "заказ №4711") == "4711"
        assert extracted(r"\d+", "x" * 300 + "1") == ""
