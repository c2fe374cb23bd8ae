"""The HTML style of `parse_mode`. Source: https://core.telegram.org/bots/api#html-style"""

import re
from html import unescape

from channel_clients.emulators.telegram.spans import Draft, Entity, Unparsable, byte_offset

_KINDS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "a": "text_link",
    "span": "spoiler",
    "tg-emoji": "custom_emoji",
}
_PIECE = re.compile(r"<(?P<close>/?)(?P<tag>[^\s>]*)(?P<attributes>[^<>]*)>|&[#\w]+;|<|[^<&]+|&")
_UNFINISHED = re.compile(r"<(\S*)\s")
_ATTRIBUTE = re.compile(r"""([\w-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?""")
_CHARACTER = re.compile(r"&(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);")


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """Return the plain text and its entities.

    Raises: `Unparsable` for an unknown, unclosed or unexpected tag.
    """
    draft = Draft()
    for piece in _PIECE.finditer(source):
        text = piece.group()
        if piece["tag"] is not None:
            _turn(draft, source, piece)
        elif text == "<":
            raise _never_closed(source, piece.start())
        elif _CHARACTER.fullmatch(text):
            draft.write(unescape(text))
        else:
            draft.write(text)
    if draft.stack:
        tag = draft.stack[-1].tag
        raise Unparsable(f'Can\'t find end tag corresponding to start tag "{tag}"')
    return draft.finished()


def _never_closed(source: str, position: int) -> Unparsable:
    """Say what is wrong with a bare `<`: the name after it counts before its missing end."""
    at = byte_offset(source, position)
    started = _UNFINISHED.match(source, position)
    if started and started[1].lower() not in _KINDS:
        return Unparsable(f'Unsupported start tag "{started[1].lower()}" at byte offset {at}')
    return Unparsable(f"Unclosed start tag at byte offset {at}")


def _turn(draft: Draft, source: str, piece: re.Match[str]) -> None:
    tag = piece["tag"].lower()
    at = byte_offset(source, piece.start())
    if piece["close"]:
        _close(draft, tag, at)
        return
    attributes = {
        name.lower(): unescape(quoted or single or bare)
        for name, quoted, single, bare in _ATTRIBUTE.findall(piece["attributes"])
    }
    if tag not in _KINDS or (tag == "span" and attributes.get("class") != "tg-spoiler"):
        raise Unparsable(f'Unsupported start tag "{tag}" at byte offset {at}')
    _open(draft, tag, at, attributes)


def _open(draft: Draft, tag: str, at: int, attributes: dict[str, str]) -> None:
    language = attributes.get("class", "").removeprefix("language-")
    outer = draft.stack[-1] if draft.stack else None
    if tag == "code" and language and outer and outer.tag == "pre" and outer.entity:
        outer.entity["language"] = language
        draft.begin(tag, at, None)
    elif tag == "a":
        href = attributes.get("href", "")
        draft.begin(tag, at, "text_link" if href else None, url=href)
    elif tag == "tg-emoji":
        draft.begin(tag, at, "custom_emoji", custom_emoji_id=attributes.get("emoji-id", ""))
    elif tag == "blockquote" and "expandable" in attributes:
        draft.begin(tag, at, "expandable_blockquote")
    else:
        draft.begin(tag, at, _KINDS[tag])


def _close(draft: Draft, tag: str, at: int) -> None:
    if not draft.stack:
        raise Unparsable(f"Unexpected end tag at byte offset {at}")
    expected = draft.stack[-1].tag
    if tag not in {"", expected}:
        raise Unparsable(
            f'Unmatched end tag at byte offset {at}, expected "</{expected}>", found "</{tag}>"'
        )
    draft.end()
