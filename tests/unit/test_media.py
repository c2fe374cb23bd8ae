"""Files at rest: what they are taken for, what they are called, and how they are kept."""

from hashlib import sha256
from pathlib import Path

import pytest

from mappers.vocabulary import Attachment, AttachmentKind
from middleware.media import rules
from middleware.media.folder import Folder

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
PAGE = b"<html><script>alert(1)</script></html>"


def test_a_type_is_what_the_bytes_say() -> None:
    assert rules.sniff(PNG) == "image/png"
    assert rules.sniff(b"%PDF-1.7 ...") == "application/pdf"
    assert rules.sniff(PAGE) == rules.sniff(b"") == rules.UNKNOWN


def test_nothing_that_could_run_is_shown_in_place() -> None:
    assert rules.may_be_shown("image/png")
    assert not rules.may_be_shown("image/svg+xml")
    assert not rules.may_be_shown(rules.sniff(PAGE))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Счёт 4512.pdf", "Счёт 4512.pdf"),
        ("../../etc/passwd", "passwd.png"),
        ("C:\\Windows\\a.exe", "a.exe"),
        ("invoice\u202egnp.exe", "invoice_gnp.exe"),
        ('a"b\r\nSet-Cookie: x.png', "a_b_Set-Cookie_ x.png"),
        ("a\u2028b\u061cc\x85d\x00e.png", "a_b_c_d\ufffde.png"),
        ("\ud800half.png", "\ufffdhalf.png"),
        ("...", "photo.png"),
        ("", "photo.png"),
        ("я" * 300 + ".jpeg", "я" * 115 + ".jpeg"),
    ],
)
def test_a_name_leads_nowhere(name: str, safe: str) -> None:
    assert rules.safe_name(name, AttachmentKind.IMAGE, "image/png") == safe


def test_a_reason_is_said_in_words() -> None:
    said = rules.why_not(rules.TOO_LARGE, 20_000_000, "en")
    assert said == "larger than 20 MB, look at it in the channel"
    assert rules.why_not("telegram.gone", 1, "ru") == rules.REASONS["ru"][""]


def test_what_is_told_to_be_too_large_is_not_fetched() -> None:
    told = Attachment(kind=AttachmentKind.VIDEO, handle="h", size_bytes=21)
    assert rules.is_too_large(told, 20)
    assert not rules.is_too_large(Attachment(kind=AttachmentKind.VIDEO, handle="h"), 20)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def test_bytes_are_kept_once_under_their_digest(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "media")
    key = await folder.put(PNG)
    assert key == sha256(PNG).hexdigest() == await folder.put(PNG)
    assert await folder.get(key) == PNG
    assert names_in(tmp_path) == [key]
    pieces = await folder.open(key)
    assert pieces is not None
    assert b"".join([piece async for piece in pieces]) == PNG
