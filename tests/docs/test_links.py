"""A link in the docs leads somewhere."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.pages import ROOT, anchors, links, pages


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    broken = [link for link in links(page) if not resolves(page, link)]
    assert broken == []


def resolves(page: Path, link: str) -> bool:
    """Addresses elsewhere are believed: a test does not depend on the network."""
    if link.startswith(("https://", "http://", "mailto:")):
        return True
    path, _, fragment = unquote(link).partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not fragment or (target.suffix == ".md" and fragment in anchors(target))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_begins_with_its_title(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()
    first = next(line for line in lines if line and not line.startswith("<!--"))
    assert first.startswith("# ")
