"""The pages as the docs' tests read them: headings, anchors, links."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(path: Path) -> str:
    """A page without what it shows as code."""
    return FENCED.sub("", path.read_text("utf-8"))


def headings(path: Path) -> list[str]:
    return [ANCHOR.sub("", title) for title in HEADING.findall(prose(path))]


def anchors(path: Path) -> set[str]:
    """What a link into this page may name: explicit anchors, and headings as GitHub spells them."""
    spelt = (re.sub(r"[^\w\- ]", "", title.lower()) for title in headings(path))
    return {title.replace(" ", "-") for title in spelt} | set(ANCHOR.findall(prose(path)))


def links(path: Path) -> list[str]:
    return LINK.findall(prose(path))


def pages() -> list[Path]:
    return sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
